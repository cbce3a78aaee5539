/* Numbers and durations as people write them. */
#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void whole_numbers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-42", -42},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"-9223372036854775807", -INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        int64_t value = 99;
        assert_int_equal(config_parse_integer(cases[i].text, &value, &err), ERR_OK);
        assert_true(value == cases[i].value);
    }
}

static void what_is_no_whole_number_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "--1",
        "1-1",
        "one",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        int64_t value = 99;
        assert_int_equal(config_parse_integer(cases[i], &value, &err), ERR_INVALID);
        assert_int_equal(value, 99);
    }
}

static void durations_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"2s", 2000},
        {"5m", 300000},
        {"1h", 3600000},
        {"3d", 259200000},
        {"090s", 90000},
        {"9223372036854775807ms", INT64_MAX},
        {"106751991167d", INT64_C(9223372036828800000)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        int64_t ms = 99;
        assert_int_equal(config_parse_duration_ms(cases[i].text, &ms, &err), ERR_OK);
        assert_true(ms == cases[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",    "s",  "5",    "-5s",   "+5s", " 5s",           "5s ",
        "5 s", "5S", "1.5s", "1h30m", "5us", "106751991168d", "9223372036854775808ms",
        "00",  "5w",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        int64_t ms = 99;
        assert_int_equal(config_parse_duration_ms(cases[i], &ms, &err), ERR_INVALID);
        assert_int_equal(ms, 99);
        assert_non_null(strstr(err.text, "is no duration: write it like 250ms"));
    }
}

static void durations_are_written_as_short_as_they_are_exact(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1ms"},
        {1500, "1500ms"},
        {2000, "2s"},
        {90000, "90s"},
        {300000, "5m"},
        {5400000, "90m"},
        {3600000, "1h"},
        {86400000, "1d"},
        {90000000, "25h"},
        {INT64_MAX, "9223372036854775807ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CONFIG_DURATION_BYTES];
        struct err err;
        int64_t ms = 99;
        config_format_duration(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(config_parse_duration_ms(text, &ms, &err), ERR_OK);
        assert_true(ms == cases[i].ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(what_is_no_whole_number_is_refused),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written_as_short_as_they_are_exact),
    };
    return cmocka_run_group_tests_name("common/config_parse", tests, NULL, NULL);
}
