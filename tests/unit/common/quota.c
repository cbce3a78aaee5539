/* What PREORDER_RATE_LIMIT takes. */
#include "common/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void takes(const char *text, int64_t requests, int64_t window_s) {
    struct quota quota = {-1, -1};
    struct err err = {0};
    assert_int_equal(quota_parse(text, &quota, &err), ERR_OK);
    assert_int_equal(quota.requests, requests);
    assert_int_equal(quota.window_s, window_s);
}

static void a_number_a_second_or_a_minute(void **state) {
    (void)state;
    takes("off", 0, 0);
    takes("1/s", 1, 1);
    takes("100/m", 100, 60);
    takes("1000000/s", 1000000, 1);
}

static void nothing_else(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",          "0/s", "-1/s",  "5",    "5/h",  "5/ms", "/s",    "5 /s",       "1.5/s",
        "1000001/s", "OFF", "off/s", "+5/s", "5/s ", "-/m",  "0x5/s", "99999999/s", "5/s/m"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct quota quota = {7, 7};
        struct err err = {0};
        assert_int_equal(quota_parse(wrong[i], &quota, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "such as 100/m"));
        assert_int_equal(quota.requests, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_a_second_or_a_minute),
        cmocka_unit_test(nothing_else),
    };
    return cmocka_run_group_tests_name("common/quota", tests, NULL, NULL);
}
