/* Names: from variable to flag and back, and the nearest to one that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/config/state.h"
#include "tests/unit/common/shop.h"

static void flags_are_variables_without_prefix_in_lower_case(void **state) {
    (void)state;
    char name[CONFIG_NAME_BYTES_MAX];
    config_flag_name(&shop_table, 0, name);
    assert_string_equal(name, "name");
    config_flag_name(&shop_table, 6, name);
    assert_string_equal(name, "foreign-url");
}

static void variables_are_found_by_their_whole_name(void **state) {
    (void)state;
    size_t index = 99;
    assert_int_equal(config_find_variable(&shop_table, "SHOP_COUNT", &index), CONFIG_NAME_OF_VALUE);
    assert_int_equal(index, 2);
    assert_int_equal(config_find_variable(&shop_table, "SHOP_KEY_FILE", &index),
                     CONFIG_NAME_OF_PATH);
    assert_int_equal(index, 1);
    assert_int_equal(config_find_variable(&shop_table, "SHOP_COUN", &index), CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_variable(&shop_table, "SHOP_COUNTS", &index), CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_variable(&shop_table, "SHOP_COUNT_FILE", &index),
                     CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_variable(&shop_table, "SHOP_KEY_FIL", &index),
                     CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_variable(&shop_table, "shop_count", &index), CONFIG_NAME_UNKNOWN);
}

static void flags_are_found_by_their_whole_name(void **state) {
    (void)state;
    size_t index = 99;
    assert_int_equal(config_find_flag(&shop_table, "foreign-url", &index), CONFIG_NAME_OF_VALUE);
    assert_int_equal(index, 6);
    assert_int_equal(config_find_flag(&shop_table, "key-file", &index), CONFIG_NAME_OF_PATH);
    assert_int_equal(index, 1);
    assert_int_equal(config_find_flag(&shop_table, "foreign_url", &index), CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_flag(&shop_table, "name-file", &index), CONFIG_NAME_UNKNOWN);
    assert_int_equal(config_find_flag(&shop_table, "", &index), CONFIG_NAME_UNKNOWN);
}

static void assert_advice(const char *name, const char *advice) {
    struct err err;
    assert_int_equal(config_unknown_setting(&shop_table, name, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, advice));
}

static void slips_find_the_nearest_name(void **state) {
    (void)state;
    assert_advice("SHOP_CUONT", "did you mean SHOP_COUNT?");  /* two letters changed places */
    assert_advice("SHOP_CONT", "did you mean SHOP_COUNT?");   /* one is missing */
    assert_advice("SHOP_COUUNT", "did you mean SHOP_COUNT?"); /* one is too many */
    assert_advice("cuont", "did you mean count?");
    assert_advice("SHOPCOLOUR", "did you mean SHOP_COLOUR?");
}

static void what_is_no_slip_finds_nothing(void **state) {
    (void)state;
    char name[200];
    memset(name, 'S', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_advice("BAKERY_FLOUR", "shop --help lists what there is");
    assert_advice("x", "shop --help lists what there is");
    assert_advice(name, "shop --help lists what there is");
}

static void flags_of_other_programs_are_no_advice(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(config_unknown_flag(&shop_table, "foreign-ur", &err), ERR_INVALID);
    assert_string_equal(err.text, "unknown flag --foreign-ur; shop --help lists what there is");
    assert_int_equal(config_unknown_flag(&shop_table, "verson", &err), ERR_INVALID);
    assert_string_equal(err.text, "unknown flag --verson; did you mean --version?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_variables_without_prefix_in_lower_case),
        cmocka_unit_test(variables_are_found_by_their_whole_name),
        cmocka_unit_test(flags_are_found_by_their_whole_name),
        cmocka_unit_test(slips_find_the_nearest_name),
        cmocka_unit_test(what_is_no_slip_finds_nothing),
        cmocka_unit_test(flags_of_other_programs_are_no_advice),
    };
    return cmocka_run_group_tests_name("common/config_name", tests, NULL, NULL);
}
