/*
 * Loading as a whole: types, limits, precedence, checks, and what a program does next. At the end the
 * n-th allocation fails, for every n: each must be told and leave nothing behind, which the suite
 * under AddressSanitizer sees.
 */
#include "common/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/shop.h"

static void assert_refused(const struct shop_run *run, const char *text) {
    assert_int_equal(run->code, ERR_INVALID);
    assert_string_equal(run->err.text, text);
    assert_null(run->shop.name); /* nothing is left to release */
    assert_null(run->shop.key);
}

static void without_anything_the_defaults_hold(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->action, CONFIG_RUN);
    assert_int_equal(run->next, 1);
    assert_string_equal(run->shop.name, "corner");
    assert_null(run->shop.key);
    assert_int_equal(run->shop.count, 3);
    assert_true(run->shop.count_is_default);
    assert_false(run->shop.open);
    assert_int_equal(run->shop.wait_ms, 2000);
    assert_string_equal(run->shop.colour, "red");
    assert_string_equal(run->shop.foreign_url, "");
    assert_string_equal(run->out, "");
}

static void every_type_is_taken(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "k");
    SHOP_LOAD(run, "--name=", "--count", "9", "--open=1", "--wait=1h", "--colour", "green");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "");
    assert_string_equal(run->shop.key, "k");
    assert_int_equal(run->shop.count, 9);
    assert_false(run->shop.count_is_default);
    assert_true(run->shop.open);
    assert_int_equal(run->shop.wait_ms, 3600000);
    assert_string_equal(run->shop.colour, "green");
}

static void a_setting_given_as_its_default_is_given(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--count=3");
    assert_int_equal(run->code, ERR_OK);
    assert_false(run->shop.count_is_default);
}

static void flag_goes_over_environment_over_file_over_default(void **state) {
    struct shop_run *run = *state;
    shop_write("shop.conf", "SHOP_NAME = file\nSHOP_COUNT = 4\nSHOP_WAIT = 4s\n");
    shop_set("SHOP_NAME", "environment");
    shop_set("SHOP_COUNT", "5");
    SHOP_LOAD(run, "--config", "shop.conf", "--name", "flag");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "flag");
    assert_int_equal(run->shop.count, 5);
    assert_int_equal(run->shop.wait_ms, 4000);
    assert_string_equal(run->shop.colour, "red");
}

static void a_bad_value_that_is_overridden_does_no_harm(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_COUNT", "many");
    SHOP_LOAD(run, "--count=1");
    assert_int_equal(run->code, ERR_OK);
}

static void limits_are_kept_and_named(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--count=1", "--wait=1s");
    assert_int_equal(run->code, ERR_OK);
    SHOP_LOAD(run, "--count=0");
    assert_refused(run, "SHOP_COUNT (flag --count): 0 is out of range: 1 to 9");
    SHOP_LOAD(run, "--count=10");
    assert_refused(run, "SHOP_COUNT (flag --count): 10 is out of range: 1 to 9");
    SHOP_LOAD(run, "--wait=999ms");
    assert_refused(run, "SHOP_WAIT (flag --wait): 999ms is out of range: 1s to 1h");
    SHOP_LOAD(run, "--wait=61m");
    assert_refused(run, "SHOP_WAIT (flag --wait): 61m is out of range: 1s to 1h");
}

static void what_is_not_of_its_type_is_refused(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--count=x");
    assert_refused(run, "SHOP_COUNT (flag --count): \"x\" is no whole number");
    SHOP_LOAD(run, "--open=yes");
    assert_refused(run, "SHOP_OPEN (flag --open): \"yes\" is neither 0 nor 1");
    SHOP_LOAD(run, "--wait=2");
    assert_refused(run, "SHOP_WAIT (flag --wait): \"2\" is no duration: write it like 250ms, 2s, "
                        "5m, 1h or 3d");
}

static void a_choice_is_exactly_one_of_them(void **state) {
    struct shop_run *run = *state;
    static const char *const wrong[] = {"blue", "", "re", "reds", "red|green", "GREEN"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        SHOP_LOAD(run, "--colour", wrong[i]);
        assert_int_equal(run->code, ERR_INVALID);
        assert_non_null(strstr(run->err.text, "is none of red|green"));
    }
}

static void checks_name_the_setting_and_its_place(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_NAME", "bad");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_NAME (environment): it is bad");
    shop_write("shop.conf", "\n; a comment\nSHOP_NAME = bad\n");
    shop_set("SHOP_NAME", "good");
    SHOP_LOAD(run, "--config=shop.conf");
    assert_int_equal(run->code, ERR_OK);
    shop_write("shop.conf", "\n; a comment\nSHOP_COUNT = bad\n");
    SHOP_LOAD(run, "--config=shop.conf");
    assert_refused(run, "SHOP_COUNT (shop.conf:3): \"bad\" is no whole number");
}

static void no_error_shows_a_secret(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "sesame!");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY (environment): it shouts");
}

static void settings_are_looked_at_together(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "k");
    SHOP_LOAD(run, "--name=incomplete");
    assert_refused(
        run,
        "SHOP_NAME does not go with SHOP_COUNT: SHOP_NAME (flag --name), SHOP_COUNT (default)");
    SHOP_LOAD(run, "--name=incomplete", "--check-config"); /* it is looked at there, too */
    assert_refused(
        run,
        "SHOP_NAME does not go with SHOP_COUNT: SHOP_NAME (flag --name), SHOP_COUNT (default)");
}

static void a_table_may_do_without_a_look_at_all(void **state) {
    struct shop_run *run = *state;
    struct config_table table = shop_table;
    char program[] = "shop";
    char flag[] = "--name=incomplete";
    char *argv[] = {program, flag, NULL};
    table.complete = NULL;
    assert_int_equal(config_load(&table, 2, argv, &run->shop, &run->next, &run->action, &run->err),
                     ERR_OK);
}

static void help_and_version_need_no_sane_settings(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_COUNT", "many");
    SHOP_LOAD(run, "--version");
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->action, CONFIG_DONE);
    assert_string_equal(run->out, "shop 1.2.3\n");
    SHOP_LOAD(run, "--help", "--nonsense");
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->action, CONFIG_DONE);
    assert_memory_equal(run->out, "usage: shop [options] [goods]\n", 30);
}

static void check_config_answers_and_leaves_nothing_behind(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "k");
    SHOP_LOAD(run, "--check-config", "--count=5");
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->action, CONFIG_DONE);
    assert_non_null(strstr(run->out, "SHOP_COUNT = 5 ; flag --count\n"));
    assert_null(run->shop.name);
    assert_null(run->shop.key);
}

static void a_failure_leaves_the_outputs_alone(void **state) {
    struct shop_run *run = *state;
    run->next = 77;
    run->action = CONFIG_RUN;
    SHOP_LOAD(run, "--check-config", "--count=x");
    assert_int_equal(run->code, ERR_INVALID);
    assert_int_equal(run->next, 77);
    assert_int_equal(run->action, CONFIG_RUN);
}

static void release_may_come_twice(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY", "k");
    SHOP_LOAD(run, NULL);
    config_release(&shop_table, &run->shop);
    config_release(&shop_table, &run->shop);
    assert_null(run->shop.key);
}

/* ---- While memory or standard output is gone ---- */

/* The linker leads these calls of ours here; those inside of libraries go on as they were. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
void *__real_realloc(void *pointer, size_t byte_count);
void *__wrap_realloc(void *pointer, size_t byte_count);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static int allocations_left = -1; /* before one fails; negative: none does */

static bool fails(void) {
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t byte_count) {
    return fails() ? NULL : __real_calloc(count, byte_count);
}

void *__wrap_realloc(void *pointer, size_t byte_count) {
    return fails() ? NULL : __real_realloc(pointer, byte_count);
}

char *__wrap_strdup(const char *text) {
    return fails() ? NULL : __real_strdup(text);
}

/* Loads with the n-th allocation failing. Without shop_load, which allocates itself. */
static enum err_code load(struct shop_run *run, int argc, char **argv, int n) {
    config_release(&shop_table, &run->shop);
    allocations_left = n;
    enum err_code code =
        config_load(&shop_table, argc, argv, &run->shop, &run->next, &run->action, &run->err);
    bool has_failed = allocations_left < 0;
    allocations_left = -1;
    assert_true(has_failed || code == ERR_OK);
    return code;
}

static void every_failed_allocation_is_told(void **state) {
    struct shop_run *run = *state;
    enum { MANY = 200 };
    char program[] = "shop";
    char config[] = "--config=shop.conf";
    char flag[] = "--count=4";
    char *argv[] = {program, config, flag, NULL};
    shop_write("key", "sesame");
    shop_write("shop.conf", "name = x\nkey-file = key\n");
    shop_set("SHOP_WAIT", "3s");
    int n = 0;
    while (load(run, 3, argv, n) != ERR_OK) {
        /* Where the room for the contents of a file is missing, the file is called too large. */
        assert_true(run->err.code == ERR_FATAL || run->err.code == ERR_INVALID);
        assert_null(run->shop.name);
        n++;
        assert_true(n < MANY);
    }
    assert_true(n > 10);
    assert_string_equal(run->shop.key, "sesame");
}

/* With standard output at /dev/null, as the answer would stand between the lines of TAP. */
static enum err_code load_unheard(struct shop_run *run, char *flag, const char *path, int n) {
    char program[] = "shop";
    char *argv[] = {program, flag, NULL};
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int other = open(path, O_WRONLY | O_CLOEXEC);
    (void)dup2(other, STDOUT_FILENO);
    allocations_left = n;
    enum err_code code =
        config_load(&shop_table, 2, argv, &run->shop, &run->next, &run->action, &run->err);
    allocations_left = -1;
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(other);
    (void)close(saved);
    clearerr(stdout);
    return code;
}

static void answers_without_memory_are_told(void **state) {
    struct shop_run *run = *state;
    char help[] = "--help";
    char version[] = "--version";
    char check[] = "--check-config";
    char *flags[] = {help, version, check};
    for (size_t i = 0; i < 3; i++) {
        int n = 0;
        while (load_unheard(run, flags[i], "/dev/null", n) != ERR_OK) {
            assert_int_equal(run->err.code, ERR_FATAL);
            assert_null(run->shop.name);
            n++;
            assert_true(n < 100);
        }
        assert_true(n >= 2);
        assert_int_equal(run->action, CONFIG_DONE);
    }
}

static void a_full_standard_output_is_told(void **state) {
    struct shop_run *run = *state;
    char help[] = "--help";
    static const int modes[] = {_IOFBF, _IONBF}; /* told when the buffer is flushed, or at once */
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(setvbuf(stdout, NULL, modes[i], BUFSIZ), 0);
        enum err_code code = load_unheard(run, help, "/dev/full", -1);
        assert_int_equal(setvbuf(stdout, NULL, _IOFBF, BUFSIZ), 0);
        assert_int_equal(code, ERR_FATAL);
        assert_string_equal(run->err.text, "standard output takes nothing");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_anything_the_defaults_hold),
        TEST(every_type_is_taken),
        TEST(a_setting_given_as_its_default_is_given),
        TEST(flag_goes_over_environment_over_file_over_default),
        TEST(a_bad_value_that_is_overridden_does_no_harm),
        TEST(limits_are_kept_and_named),
        TEST(what_is_not_of_its_type_is_refused),
        TEST(a_choice_is_exactly_one_of_them),
        TEST(checks_name_the_setting_and_its_place),
        TEST(no_error_shows_a_secret),
        TEST(settings_are_looked_at_together),
        TEST(a_table_may_do_without_a_look_at_all),
        TEST(help_and_version_need_no_sane_settings),
        TEST(check_config_answers_and_leaves_nothing_behind),
        TEST(a_failure_leaves_the_outputs_alone),
        TEST(release_may_come_twice),
        TEST(every_failed_allocation_is_told),
        TEST(answers_without_memory_are_told),
        TEST(a_full_standard_output_is_told),
    };
    return cmocka_run_group_tests_name("common/config", tests, NULL, NULL);
}
