/* Values as people read them. */
#include "ctl/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void a_duration_is_written_in_its_largest_telling_unit(void **state) {
    (void)state;
    static const struct {
        int64_t duration_ms;
        const char *text;
    } cases[] = {
        {-5, "0 ms"},        {0, "0 ms"},           {999, "999 ms"},
        {1999, "1999 ms"},   {2000, "2 s"},         {119999, "119 s"},
        {120000, "2 min"},   {7199999, "119 min"},  {7200000, "2 h"},
        {172799999, "47 h"}, {172800000, "2 days"}, {INT64_MAX, "106751991167 days"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FORMAT_DURATION_BYTES];
        format_duration(cases[i].duration_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_distance_says_on_which_side_of_now(void **state) {
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *text;
    } cases[] = {
        {10000000, "now"},     {10000999, "now"},
        {9999001, "now"},      {10001000, "in 1 s"},
        {10001999, "in 1 s"},  {9998500, "1 s ago"},
        {9970000, "30 s ago"}, {10180000, "in 3 min"},
        {0, "2 h ago"},        {INT64_MAX, "in 106751991167 days"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FORMAT_DURATION_BYTES];
        format_distance(cases[i].at_ms, 10000000, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_time_is_written_in_the_local_zone(void **state) {
    (void)state;
    char text[FORMAT_WHEN_BYTES];
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    format_when(1795354634123, 1795354664123, text);
    assert_string_equal(text, "2026-11-22 13:37:14 (30 s ago)");
    assert_int_equal(setenv("TZ", "XYZ-2", 1), 0);
    tzset();
    format_when(1795354634123, 1795354634123, text);
    assert_string_equal(text, "2026-11-22 15:37:14 (now)");
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void a_time_beyond_the_calendar_is_still_told(void **state) {
    (void)state;
    char text[FORMAT_TIME_BYTES];
    format_time(INT64_MAX, text);
    assert_non_null(strstr(text, "292278994-08-1"));
    format_time(INT64_MIN, text);
    assert_non_null(strstr(text, "-292275055-05-1"));
}

static void an_amount_has_its_currency_and_exponent(void **state) {
    (void)state;
    char text[FORMAT_AMOUNT_BYTES];
    format_amount(4999, "USD", text);
    assert_string_equal(text, "49.99 USD");
    format_amount(500, "JPY", text);
    assert_string_equal(text, "500 JPY");
    format_amount(7, "???", text);
    assert_string_equal(text, "7 minor units of ???");
}

static void a_size_is_written_in_binary_units(void **state) {
    (void)state;
    char text[FORMAT_SIZE_BYTES];
    format_size(1023, text);
    assert_string_equal(text, "1023 bytes");
    format_size(1536, text);
    assert_string_equal(text, "1.5 KiB");
    format_size((int64_t)3 << 30, text);
    assert_string_equal(text, "3.0 GiB");
    format_size(INT64_MAX, text);
    assert_string_equal(text, "8388608.0 TiB"); /* it is the largest unit */
}

static void text_from_outside_cannot_steer_a_terminal(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *safe;
    } cases[] = {
        {"plain", "plain"},
        {"Søster 🧣", "Søster 🧣"},
        {"a\x1b[31mred\nnext\ttab", "a [31mred next tab"},
        {"\x7f\xc2\x9b"
         "31m",
         "  31m"},
        {"\xe2\x80\xae"
         "abc",
         " abc"},
        {"half \xc3", "half ?"},
        {"\xff\xfe", "??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char safe[64];
        format_safe(cases[i].text, strlen(cases[i].text), safe, sizeof safe);
        assert_string_equal(safe, cases[i].safe);
    }
}

/* The controls of ASCII and of Unicode, and whatever turns the direction of writing. */
static void what_steers_a_terminal_is_known_and_nothing_beside_it(void **state) {
    (void)state;
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1F},        {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200E, 0x200F},
                  {0x2028, 0x2029}, {0x202A, 0x202E}, {0x2066, 0x2069}};
    size_t next = 0;
    for (uint32_t code_point = 0; code_point < 0x3000; code_point++) {
        while (next < sizeof ranges / sizeof ranges[0] && code_point > ranges[next].last) {
            next++;
        }
        bool is_within =
            next < sizeof ranges / sizeof ranges[0] && code_point >= ranges[next].first;
        assert_true(format_steers_terminal(code_point) == is_within);
    }
}

static void text_that_is_too_long_is_cut_between_characters(void **state) {
    (void)state;
    char safe[4];
    format_safe("aøø", strlen("aøø"), safe, sizeof safe);
    assert_string_equal(safe, "aø");
    format_safe("aaø", strlen("aaø"), safe, sizeof safe);
    assert_string_equal(safe, "aa");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_written_in_its_largest_telling_unit),
        cmocka_unit_test(a_distance_says_on_which_side_of_now),
        cmocka_unit_test(a_time_is_written_in_the_local_zone),
        cmocka_unit_test(a_time_beyond_the_calendar_is_still_told),
        cmocka_unit_test(an_amount_has_its_currency_and_exponent),
        cmocka_unit_test(a_size_is_written_in_binary_units),
        cmocka_unit_test(text_from_outside_cannot_steer_a_terminal),
        cmocka_unit_test(what_steers_a_terminal_is_known_and_nothing_beside_it),
        cmocka_unit_test(text_that_is_too_long_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
