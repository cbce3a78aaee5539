/* RFC 3339 date-times. */
#include "sandbox/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_time_becomes_seconds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t second;
    } samples[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-07-23T12:00:00Z", 1784808000},
        {"2026-07-23t12:00:00.999999z", 1784808000},
        {"2026-07-23T14:00:00+02:00", 1784808000},
        {"2026-07-23T06:30:00-05:30", 1784808000},
        {"2000-02-29T00:00:00Z", 951782400},
        {"1991-01-01T00:00:00Z", 662688000},
        {"1969-12-31T23:59:59Z", -1},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t second = -12345;
        print_message("# %s\n", samples[i].text);
        assert_true(instant_parse(samples[i].text, &second));
        assert_int_equal(second, samples[i].second);
    }
}

static void anything_else_is_no_time(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "2026-07-23",
        "2026-07-23T12:00Z",
        "2026-07-23T12:00:00",
        "2026-07-23 12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-07-23T24:00:00Z",
        "2026-07-23T12:60:00Z",
        "2026-07-23T12:00:00.Z",
        "2026-07-23T12:00:00+2:00",
        "2026-07-23T12:00:00Z ",
        "0000-01-01T00:00:00Z",
        "1784808000",
        "tomorrow",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t second;
        print_message("# %s\n", wrong[i]);
        assert_false(instant_parse(wrong[i], &second));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_becomes_seconds),
        cmocka_unit_test(anything_else_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
