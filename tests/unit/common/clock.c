/* Time: the machine's clocks, a clock of the test's own, and how wall time is written. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void assert_written(int64_t wall_ms, const char *expected) {
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(wall_ms, text);
    assert_string_equal(text, expected);
}

static void writes_utc_with_milliseconds(void **state) {
    (void)state;
    assert_written(0, "1970-01-01T00:00:00.000Z");
    assert_written(INT64_C(1795353434123), "2026-11-22T13:17:14.123Z");
    assert_written(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
}

static void writes_times_before_the_epoch(void **state) {
    (void)state;
    assert_written(-1, "1969-12-31T23:59:59.999Z");
    assert_written(-1000, "1969-12-31T23:59:59.000Z");
}

static void clamps_years_that_four_digits_cannot_hold(void **state) {
    (void)state;
    assert_written(INT64_MIN, "0000-01-01T00:00:00.000Z");
    assert_written(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void system_wall_time_is_now(void **state) {
    (void)state;
    int64_t before_s = time(NULL);
    int64_t now_ms = clock_wall_ms(clock_system());
    int64_t after_s = time(NULL);
    assert_true(now_ms / MS_PER_S >= before_s - 1 && now_ms / MS_PER_S <= after_s + 1);
}

static void monotonic_time_never_goes_back(void **state) {
    (void)state;
    int64_t last_us = clock_mono_us(clock_system());
    for (int i = 0; i < 1000; i++) {
        int64_t now_us = clock_mono_us(clock_system());
        assert_true(now_us >= last_us);
        last_us = now_us;
    }
    assert_true(clock_mono_ms(clock_system()) >= last_us / US_PER_MS);
}

static int64_t hand_us(void *context) {
    return *(const int64_t *)context;
}

static void a_test_may_own_the_clock(void **state) {
    (void)state;
    int64_t now_us = 5999;
    struct clock clock = {.wall_ms = hand_us, .mono_us = hand_us, .context = &now_us};
    assert_int_equal(clock_mono_ms(&clock), 5);
    assert_int_equal(clock_wall_ms(&clock), 5999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_utc_with_milliseconds),
        cmocka_unit_test(writes_times_before_the_epoch),
        cmocka_unit_test(clamps_years_that_four_digits_cannot_hold),
        cmocka_unit_test(system_wall_time_is_now),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(a_test_may_own_the_clock),
    };
    return cmocka_run_group_tests_name("common/clock", tests, NULL, NULL);
}
