/* The command line: both ways to write a flag, where flags end, and what is no flag of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/shop.h"

static void assert_refused(const struct shop_run *run, const char *text) {
    assert_int_equal(run->code, ERR_INVALID);
    assert_string_equal(run->err.text, text);
}

static void a_value_may_follow_or_stand_behind_an_equals_sign(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--name", "a=b", "--wait=3s", "goods");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "a=b");
    assert_int_equal(run->shop.wait_ms, 3000);
    assert_int_equal(run->next, 4);
    SHOP_LOAD(run, "--name=x=--y=");
    assert_string_equal(run->shop.name, "x=--y=");
}

static void a_value_may_look_like_a_flag(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--name", "--help");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "--help");
}

static void of_a_flag_given_twice_the_last_counts(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--count=1", "--count=2");
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->shop.count, 2);
}

static void flags_end_where_something_else_begins(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--count=1", "list", "--count=2");
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->shop.count, 1);
    assert_int_equal(run->next, 2);
    SHOP_LOAD(run, "--count=1", "--", "--count=2");
    assert_int_equal(run->shop.count, 1);
    assert_int_equal(run->next, 3);
    SHOP_LOAD(run, "-", "x");
    assert_int_equal(run->next, 1);
    SHOP_LOAD(run, "", "x");
    assert_int_equal(run->next, 1);
    SHOP_LOAD(run, "--");
    assert_int_equal(run->next, 2);
}

static void unknown_flags_are_refused_with_the_nearest(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--colur=red");
    assert_refused(run, "unknown flag --colur; did you mean --colour?");
    SHOP_LOAD(run, "--chek-config");
    assert_refused(run, "unknown flag --chek-config; did you mean --check-config?");
    SHOP_LOAD(run, "--frobnicate");
    assert_refused(run, "unknown flag --frobnicate; shop --help lists what there is");
    SHOP_LOAD(run, "--=x");
    assert_refused(run, "unknown flag --; shop --help lists what there is");
}

static void endless_flags_are_refused(void **state) {
    struct shop_run *run = *state;
    char flag[300] = "--";
    memset(flag + 2, 'x', sizeof flag - 3);
    SHOP_LOAD(run, flag);
    assert_int_equal(run->code, ERR_INVALID);
    assert_memory_equal(run->err.text, "unknown flag --xxx", 18);
}

static void one_dash_is_refused(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "-h");
    assert_refused(run, "unknown flag -h; flags begin with two dashes, shop --help lists them");
}

static void a_flag_without_its_value_is_refused(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--name");
    assert_refused(run, "--name needs a value: --name=VALUE");
    SHOP_LOAD(run, "--config");
    assert_refused(run, "--config needs a value: --config=VALUE");
}

static void plain_flags_take_no_value(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--help=me");
    assert_refused(run, "--help takes no value");
    SHOP_LOAD(run, "--version=2");
    assert_refused(run, "--version takes no value");
    SHOP_LOAD(run, "--check-config=1");
    assert_refused(run, "--check-config takes no value");
}

static void secrets_are_never_taken(void **state) {
    struct shop_run *run = *state;
    static const char *const flags[] = {"--key=sesame", "--key-file=sesame"};
    for (size_t i = 0; i < 2; i++) {
        SHOP_LOAD(run, flags[i]);
        assert_int_equal(run->code, ERR_INVALID);
        assert_non_null(strstr(run->err.text, "a secret on the command line can be seen"));
        assert_non_null(strstr(run->err.text, "set SHOP_KEY, or SHOP_KEY_FILE"));
        assert_null(strstr(run->err.text, "sesame"));
    }
}

static void flags_of_other_programs_are_refused(void **state) {
    struct shop_run *run = *state;
    SHOP_LOAD(run, "--foreign-url=x");
    assert_refused(run, "shop has no use for --foreign-url: another program does");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_may_follow_or_stand_behind_an_equals_sign),
        TEST(a_value_may_look_like_a_flag),
        TEST(of_a_flag_given_twice_the_last_counts),
        TEST(flags_end_where_something_else_begins),
        TEST(unknown_flags_are_refused_with_the_nearest),
        TEST(endless_flags_are_refused),
        TEST(one_dash_is_refused),
        TEST(a_flag_without_its_value_is_refused),
        TEST(plain_flags_take_no_value),
        TEST(secrets_are_never_taken),
        TEST(flags_of_other_programs_are_refused),
    };
    return cmocka_run_group_tests_name("common/config_flags", tests, NULL, NULL);
}
