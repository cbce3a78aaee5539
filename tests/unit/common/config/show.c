/* What --help and --check-config print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/config/state.h"
#include "tests/unit/common/shop.h"

static void help_tells_everything_the_table_knows(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--help");
    assert_string_equal(
        run->out,
        "usage: shop [options] [goods]\n"
        "\n"
        "Sells what there is.\n"
        "\n"
        "  --help          shows this\n"
        "  --version       shows the version\n"
        "  --config FILE   takes settings from an INI file\n"
        "  --check-config  shows the settings in effect and where each comes from\n"
        "\n"
        "Settings: a flag goes over the environment, that over the config file, that over the "
        "default.\n"
        "Durations are written 250ms, 2s, 5m, 1h or 3d.\n"
        "\n"
        "  --name TEXT\n"
        "        what it is called\n"
        "        SHOP_NAME, default corner\n"
        "  SHOP_KEY or SHOP_KEY_FILE\n"
        "        what opens it\n"
        "        secret: environment, config file or credential, never a flag\n"
        "  --count N\n"
        "        how many\n"
        "        SHOP_COUNT, default 3, 1 to 9\n"
        "  --open 0|1\n"
        "        whether one may go in\n"
        "        SHOP_OPEN, default 0\n"
        "  --wait DURATION\n"
        "        how long\n"
        "        SHOP_WAIT, default 2s, 1s to 1h\n"
        "  --colour red|green\n"
        "        of the door\n"
        "        SHOP_COLOUR, default red\n");
}

static void an_empty_default_is_called_empty(void **state) {
    (void)state;
    struct config_table table = shop_table;
    struct buf text;
    table.program_bit = 2; /* the other program's */
    buf_init(&text, 10000);
    config_show_help(&table, &text);
    assert_non_null(strstr(buf_text(&text), "  --foreign-url TEXT\n"
                                            "        somewhere else\n"
                                            "        FOREIGN_URL, default empty\n"));
    buf_release(&text);
}

static void check_config_shows_values_and_places(void **state) {
    struct shop_run *run = *state;
    shop_write("key", "sesame\n");
    shop_write("shop.conf", "\nSHOP_WAIT = 90s\nSHOP_KEY_FILE = key\n");
    shop_set("SHOP_OPEN", "1");
    SHOP_LOAD(run, "--config=shop.conf", "--count=4", "--check-config");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->out, "SHOP_NAME = corner ; default\n"
                                  "; SHOP_KEY = ******** ; shop.conf:3, from key\n"
                                  "SHOP_COUNT = 4 ; flag --count\n"
                                  "SHOP_OPEN = 1 ; environment\n"
                                  "SHOP_WAIT = 90s ; shop.conf:2\n"
                                  "SHOP_COLOUR = red ; default\n");
}

static void its_output_is_a_config_file_with_the_same_meaning(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--name=", "--count=4", "--open=1", "--wait=1h", "--check-config");
    assert_non_null(strstr(run->out, "; SHOP_KEY is not given\n"));
    shop_write("shop.conf", run->out);
    SHOP_LOAD(run, "--config=shop.conf");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "");
    assert_int_equal(run->shop.count, 4);
    assert_true(run->shop.open);
    assert_int_equal(run->shop.wait_ms, 3600000);
    assert_string_equal(run->shop.colour, "red");
    assert_null(run->shop.key);
}

/* inih begins a comment at " ;", drops blanks around a value and knows no escapes. */
static void a_value_that_no_file_can_hold_is_a_comment(void **state) {
    static const char *const names[] = {"a ;b", ";a", " a", "a ", "a\t;b", "a\nSHOP_COUNT = 9",
                                        "a\x7F"};
    struct shop_run *run = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(unsetenv("SHOP_NAME"), 0);
        shop_set("SHOP_NAME", names[i]);
        SHOP_LOAD(run, "--check-config");
        assert_int_equal(run->code, ERR_OK);
        assert_non_null(strstr(run->out, "; no config file can hold this: SHOP_NAME = "));
        shop_write("shop.conf", run->out);
        assert_int_equal(unsetenv("SHOP_NAME"), 0);
        SHOP_LOAD(run, "--config=shop.conf");
        assert_int_equal(run->code, ERR_OK);
        assert_string_equal(run->shop.name, "corner");
        assert_int_equal(run->shop.count, 3);
    }
}

static void no_line_is_longer_than_a_file_may_have(void **state) {
    struct shop_run *run = *state;
    char name[CONFIG_LINE_BYTES_MAX + 1];
    char flag[sizeof "--config=" + 3000];
    memset(name, 'n', sizeof name);
    for (size_t length = CONFIG_LINE_BYTES_MAX - 200; length < CONFIG_LINE_BYTES_MAX; length++) {
        name[length] = '\0';
        shop_set("SHOP_NAME", name);
        SHOP_LOAD(run, "--check-config");
        shop_write("shop.conf", run->out);
        assert_int_equal(unsetenv("SHOP_NAME"), 0);
        SHOP_LOAD(run, "--config=shop.conf");
        assert_int_equal(run->code, ERR_OK);
        bool fits = strlen("SHOP_NAME = ") + length <= CONFIG_LINE_BYTES_MAX - 2;
        assert_string_equal(run->shop.name, fits ? name : "corner");
        name[length] = 'n';
    }
    /* The place counts, too. */
    size_t flag_length = (size_t)snprintf(flag, sizeof flag, "--config=");
    for (; flag_length < 2000; flag_length += 2) {
        memcpy(flag + flag_length, "./", 2);
    }
    (void)snprintf(flag + flag_length, sizeof flag - flag_length, "shop.conf");
    name[3000] = '\0';
    shop_set("SHOP_NAME", name);
    SHOP_LOAD(run, "--check-config");
    assert_int_equal(unsetenv("SHOP_NAME"), 0);
    shop_write("shop.conf", run->out);
    SHOP_LOAD(run, flag, "--check-config");
    shop_write("shop.conf", run->out);
    SHOP_LOAD(run, "--config=shop.conf");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, name);
}

static void a_path_adds_no_line(void **state) {
    struct shop_run *run = *state;
    shop_write("key\nSHOP_COUNT = 9", "sesame");
    shop_set("SHOP_KEY_FILE", "key\nSHOP_COUNT = 9");
    SHOP_LOAD(run, "--check-config");
    assert_non_null(strstr(run->out, "; SHOP_KEY = ******** ; environment, from key SHOP_COUNT"));
    assert_int_equal(unlink("key\nSHOP_COUNT = 9"), 0);
}

static void a_credential_is_shown_as_one(void **state) {
    struct shop_run *run = *state;
    shop_set("CREDENTIALS_DIRECTORY", ".");
    shop_write("shop_key", "sesame");
    SHOP_LOAD(run, "--check-config");
    assert_non_null(strstr(run->out, "; SHOP_KEY = ******** ; credential, from ./shop_key\n"));
    assert_null(strstr(run->out, "sesame"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(help_tells_everything_the_table_knows),
        TEST(an_empty_default_is_called_empty),
        TEST(check_config_shows_values_and_places),
        TEST(its_output_is_a_config_file_with_the_same_meaning),
        TEST(a_value_that_no_file_can_hold_is_a_comment),
        TEST(no_line_is_longer_than_a_file_may_have),
        TEST(a_path_adds_no_line),
        TEST(a_credential_is_shown_as_one),
    };
    return cmocka_run_group_tests_name("common/config_show", tests, NULL, NULL);
}
