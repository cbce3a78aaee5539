/* The config file: what INI allows, and that every complaint has its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/config/state.h"
#include "tests/unit/common/shop.h"

static void load(struct shop_run *run, const char *text) {
    shop_write("shop.conf", text);
    SHOP_LOAD(run, "--config", "shop.conf");
}

static void assert_refused(const struct shop_run *run, const char *text) {
    assert_int_equal(run->code, ERR_INVALID);
    assert_string_equal(run->err.text, text);
}

static void sections_comments_and_both_kinds_of_names(void **state) {
    struct shop_run *run = *state;
    load(run, "\xEF\xBB\xBF; the first line, behind a byte order mark\n"
              "SHOP_NAME = a b ; and so on\n"
              "# another\n"
              "[door]\r\n"
              "colour: green\r\n"
              "\r\n"
              "  wait=3s\n"
              "\tcount = 4");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "a b");
    assert_string_equal(run->shop.colour, "green");
    assert_int_equal(run->shop.wait_ms, 3000);
    assert_int_equal(run->shop.count, 4);
}

static void an_empty_file_is_a_file(void **state) {
    struct shop_run *run = *state;
    load(run, "");
    assert_int_equal(run->code, ERR_OK);
    load(run, "\n\n");
    assert_int_equal(run->code, ERR_OK);
}

static void settings_of_other_programs_are_taken(void **state) {
    struct shop_run *run = *state;
    load(run, "foreign-url = x\n");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.foreign_url, "x");
}

static void unknown_keys_are_refused_with_their_line(void **state) {
    struct shop_run *run = *state;
    load(run, "[a]\nSHOP_NAME = x\n\n  SHOP_COLUR = red\n");
    assert_refused(run, "shop.conf:4: unknown setting SHOP_COLUR; did you mean SHOP_COLOUR?");
    load(run, "colr = red\n");
    assert_refused(run, "shop.conf:1: unknown setting colr; did you mean colour?");
    load(run, "frobnicate = red\n");
    assert_refused(run, "shop.conf:1: unknown setting frobnicate; shop --help lists what there is");
    load(run, "NAME = x\n"); /* neither the variable nor the flag */
    assert_int_equal(run->code, ERR_INVALID);
    load(run, "= x\n");
    assert_int_equal(run->code, ERR_INVALID);
}

static void the_first_of_several_errors_is_told(void **state) {
    struct shop_run *run = *state;
    load(run, "one = 1\ntwo = 2\nthree\n");
    assert_non_null(strstr(run->err.text, "shop.conf:1: unknown setting one"));
}

static void a_key_twice_is_refused_by_whatever_name(void **state) {
    struct shop_run *run = *state;
    load(run, "SHOP_NAME = x\n[other]\nname = y\n");
    assert_refused(run, "shop.conf:3: SHOP_NAME is given in line 1 already: leave one out");
    shop_set("SHOP_NAME", "z"); /* even if neither counts */
    load(run, "SHOP_NAME = x\nSHOP_NAME = x\n");
    assert_refused(run, "shop.conf:2: SHOP_NAME is given in line 1 already: leave one out");
}

static void lines_that_say_nothing_are_refused(void **state) {
    struct shop_run *run = *state;
    load(run, "SHOP_NAME = x\nSHOP_COUNT 4\n");
    assert_refused(run, "shop.conf:2: neither NAME = VALUE, nor [section], nor a comment");
    load(run, "[door\nSHOP_COUNT = 4\n");
    assert_refused(run, "shop.conf:1: neither NAME = VALUE, nor [section], nor a comment");
}

static void a_line_of_the_largest_length_is_taken_whole(void **state) {
    struct shop_run *run = *state;
    enum { LENGTH = CONFIG_LINE_BYTES_MAX - 2 };
    char *text = calloc(1, LENGTH + 2);
    assert_non_null(text);
    (void)snprintf(text, LENGTH, "SHOP_NAME=");
    memset(text + 10, 'x', LENGTH - 10);
    load(run, text);
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(strlen(run->shop.name), LENGTH - 10);
    text[LENGTH] = 'x';
    load(run, text);
    assert_refused(run, "shop.conf:1: the line is longer than 4094 bytes");
    free(text);
}

static void a_file_that_is_no_text_is_refused(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--config=nowhere.conf");
    assert_refused(run, "--config: cannot open nowhere.conf: No such file or directory");
    SHOP_LOAD(run, "--config=/dev/zero");
    assert_refused(run, "--config: /dev/zero has more than 1048576 bytes");
    SHOP_LOAD(run, "--config=/");
    assert_refused(run, "--config: cannot read /: Is a directory");
}

static void secrets_may_stand_there_or_in_a_file_named_there(void **state) {
    struct shop_run *run = *state;
    load(run, "SHOP_KEY = sesame\n");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, "sesame");
    shop_write("key", "from file\n");
    load(run, "key-file = key\n");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, "from file");
    load(run, "SHOP_KEY_FILE = key\nSHOP_KEY = sesame\n");
    assert_refused(run, "shop.conf:2: SHOP_KEY is given in line 1 already: leave one out");
    load(run, "\nSHOP_KEY_FILE = nowhere\n");
    assert_refused(run, "shop.conf:2: SHOP_KEY_FILE: cannot open nowhere: No such file or "
                        "directory");
}

static void a_secret_of_the_environment_spares_the_file(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "environment");
    load(run, "SHOP_KEY_FILE = nowhere\n");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, "environment");
}

static void a_bad_secret_of_a_file_is_told_with_both_places(void **state) {
    struct shop_run *run = *state;
    shop_write("key", "sesame!");
    load(run, "SHOP_KEY_FILE = key\n");
    assert_refused(run, "SHOP_KEY (shop.conf:1, from key): it shouts");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sections_comments_and_both_kinds_of_names),
        TEST(an_empty_file_is_a_file),
        TEST(settings_of_other_programs_are_taken),
        TEST(unknown_keys_are_refused_with_their_line),
        TEST(the_first_of_several_errors_is_told),
        TEST(a_key_twice_is_refused_by_whatever_name),
        TEST(lines_that_say_nothing_are_refused),
        TEST(a_line_of_the_largest_length_is_taken_whole),
        TEST(a_file_that_is_no_text_is_refused),
        TEST(secrets_may_stand_there_or_in_a_file_named_there),
        TEST(a_secret_of_the_environment_spares_the_file),
        TEST(a_bad_secret_of_a_file_is_told_with_both_places),
    };
    return cmocka_run_group_tests_name("common/config_file", tests, NULL, NULL);
}
