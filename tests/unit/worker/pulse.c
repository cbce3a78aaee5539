#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/worker/fake_clock.h"
#include "worker/pulse.h"

static void a_loop_that_turns_is_alive(void **state) {
    (void)state;
    struct fake_clock clock;
    struct pulse pulse;
    struct err err;
    fake_clock_init(&clock, 0);
    pulse_init(&pulse, &clock.clock, 5000);
    assert_int_equal(pulse_check_turning(&pulse, &err), ERR_OK);
    fake_clock_pass(&clock, 4999);
    assert_int_equal(pulse_check_turning(&pulse, &err), ERR_OK);
    fake_clock_pass(&clock, 1);
    assert_int_equal(pulse_check_turning(&pulse, &err), ERR_BUSY);
    assert_non_null(strstr(err.text, "5000 ms"));
    pulse_beat(&pulse);
    assert_int_equal(pulse_check_turning(&pulse, &err), ERR_OK);
}

static void draining_is_seen(void **state) {
    (void)state;
    struct fake_clock clock;
    struct pulse pulse;
    struct err err;
    fake_clock_init(&clock, 0);
    pulse_init(&pulse, &clock.clock, 5000);
    assert_int_equal(pulse_check_not_draining(&pulse, &err), ERR_OK);
    pulse_drain(&pulse);
    assert_int_equal(pulse_check_not_draining(&pulse, &err), ERR_BUSY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_turns_is_alive),
        cmocka_unit_test(draining_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
