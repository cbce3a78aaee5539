#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/retry_after.h"

/* 1994-11-06T08:49:37Z, the date of RFC 9110's examples. */
static const int64_t example_at_ms = 784111777000;

struct row {
    const char *text;
    int64_t wait_ms; /* -1: refused */
};

static void check_rows(const struct row *rows, size_t row_count, int64_t now_ms) {
    for (size_t i = 0; i < row_count; i++) {
        int64_t wait_ms = -1;
        bool is_read = retry_after_parse(rows[i].text, now_ms, &wait_ms);
        if (is_read != (rows[i].wait_ms >= 0) || (is_read && wait_ms != rows[i].wait_ms)) {
            fail_msg("\"%s\": read %d, %lld ms", rows[i].text, is_read, (long long)wait_ms);
        }
    }
}

static void seconds_are_read(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"0", 0},
        {"1", 1000},
        {"007", 7000},
        {"86400", 86400000},
        {"1000000000", 1000000000000},
        {"99999999999999999999999999999999", INT64_MAX / 2},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], example_at_ms);
}

static void the_three_forms_of_a_date_are_read(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 10000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 10000},
        {"Sun Nov  6 08:49:37 1994", 10000},
        {"Wed Nov 16 08:49:37 1994", 10000 + 10 * INT64_C(86400000)},
        {"Mon, 07 Nov 1994 08:49:27 GMT", 86400000},
        {"Thu, 29 Feb 1996 00:00:00 GMT", 825552000000 - (784111777000 - 10000)},
        {"Sat, 01 Jan 2000 00:00:00 GMT", 946684800000 - (784111777000 - 10000)},
        {"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648000 - (784111777000 - 10000)},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], example_at_ms - 10000);
}

static void a_date_that_has_passed_means_no_wait(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 0},
        {"Sun Nov  6 08:49:37 1994", 0},
        {"Mon, 01 Jan 1601 00:00:00 GMT", 0},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], example_at_ms + 1);
}

static void a_two_digit_year_is_the_nearest_one(void **state) {
    (void)state;
    const int64_t year_2026_ms = 1795353420000; /* 2026-11-22 */
    static const struct row rows[] = {
        {"Sunday, 22-Nov-26 13:17:10 GMT", 10000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 0},                               /* 1994, not 2094 */
        {"Thursday, 01-Jan-76 00:00:00 GMT", 3345062400000 - 1795353420000}, /* 2076 */
    };
    check_rows(rows, sizeof rows / sizeof rows[0], year_2026_ms);
}

static void a_century_begins_before_the_year_that_is_meant(void **state) {
    (void)state;
    const int64_t year_2099_ms = 4075401600000; /* 2099-02-22 */
    static const struct row rows[] = {
        {"Tuesday, 01-Jan-80 00:00:00 GMT", 0},                            /* 2080 */
        {"Monday, 01-Jan-01 00:00:00 GMT", 4133980800000 - 4075401600000}, /* 2101 */
    };
    check_rows(rows, sizeof rows / sizeof rows[0], year_2099_ms);
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"", -1},
        {" ", -1},
        {"-1", -1},
        {"+1", -1},
        {"1.5", -1},
        {"1e9", -1},
        {"1 ", -1},
        {" 1", -1},
        {"0x10", -1},
        {"NaN", -1},
        {"soon", -1},
        {"5 seconds", -1},
        {"2026-11-22T13:17:14Z", -1},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT+1", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 31 Feb 1994 08:49:37 GMT", -1},
        {"Thu, 29 Feb 1900 08:49:37 GMT", -1},
        {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
        {"Sun, 06 Nov 1994 08:60:00 GMT", -1},
        {"Sun, 06 Foo 1994 08:49:37 GMT", -1},
        {"Xyz, 06 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1500 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49", -1},
        {"Sun,", -1},
        {"Sun Nov  6", -1},
        /* Cut off, or with something else, at each place where something is expected. */
        {"Sun, 06-Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov-1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 94 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994-08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 0:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08-49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:4:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49-37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:3 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
        {"Sun, 06 Nov 199: 08:49:37 GMT", -1},
        {"Sunday 06-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 6-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 06 Nov-94 08:49:37 GMT", -1},
        {"Sunday, 06-Foo-94 08:49:37 GMT", -1},
        {"Sunday, 06-Nov 94 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-4 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-94-08:49:37 GMT", -1},
        {"Sunday, 06-Nov-94 8:49:37 GMT", -1},
        {"Sunday, 06-Nov-94 08:49:37 UTC", -1},
        {"Sunday, 06-Nov-94 08:49:37 GMT+1", -1},
        {"Sun Foo  6 08:49:37 1994", -1},
        {"Sun Nov-16 08:49:37 1994", -1},
        {"Sun Nov 1x 08:49:37 1994", -1},
        {"Sun Nov 16-08:49:37 1994", -1},
        {"Sun Nov 16 08:49:3 1994", -1},
        {"Sun Nov 16 08:49:37-1994", -1},
        {"Sun Nov 16 08:49:37 94", -1},
        {"Sun Nov 16 08:49:37 1994 GMT", -1},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], example_at_ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_read),
        cmocka_unit_test(the_three_forms_of_a_date_are_read),
        cmocka_unit_test(a_date_that_has_passed_means_no_wait),
        cmocka_unit_test(a_two_digit_year_is_the_nearest_one),
        cmocka_unit_test(a_century_begins_before_the_year_that_is_meant),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
