/* When the next request is refused, and when it is over. */
#include "api/overload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS INT64_C(1000)

enum { WAIT = OVERLOAD_WAIT_MS, MANY = 10 * OVERLOAD_QUEUE_MIN };

static void a_queue_that_moves_refuses_nobody(void **state) {
    (void)state;
    struct overload overload = {0};
    assert_false(overload_refuses(&overload, 0, 0, 1000000 * MS));
    assert_false(overload_refuses(&overload, MANY, 5000 * MS, (5000 + WAIT) * MS - 1));
    assert_false(overload.is_on);
}

static void a_short_queue_refuses_nobody_however_old_it_is(void **state) {
    (void)state;
    struct overload overload = {0};
    assert_false(overload_refuses(&overload, OVERLOAD_QUEUE_MIN - 1, 0, 60000 * MS));
    assert_true(overload_refuses(&overload, OVERLOAD_QUEUE_MIN, 0, 60000 * MS));
}

static void who_comes_behind_an_old_queue_is_refused_until_it_was_taken(void **state) {
    (void)state;
    struct overload overload = {0};
    int64_t now_us = 5000 * MS;
    assert_true(overload_refuses(&overload, MANY, now_us - WAIT * MS, now_us));
    assert_true(overload.is_on);
    assert_true(overload_refuses(&overload, MANY, now_us - WAIT * MS, now_us + 1));
    assert_int_equal(overload.refused_count, 2);
    /* The commit has taken the oldest; what is left is younger. */
    assert_false(overload_refuses(&overload, MANY, now_us - 10 * MS, now_us + 2));
    assert_int_equal(overload.refused_count, 2);
}

static void it_is_over_some_time_after_the_last_refusal(void **state) {
    (void)state;
    struct overload overload = {0};
    overload_tend(&overload, 1);
    assert_true(overload_refuses(&overload, MANY, 0, 1000 * MS));
    overload_tend(&overload, (1000 + OVERLOAD_CALM_MS) * MS - 1);
    assert_true(overload.is_on);
    overload_tend(&overload, (1000 + OVERLOAD_CALM_MS) * MS);
    assert_false(overload.is_on);
    assert_true(overload_refuses(&overload, MANY, 0, 9000 * MS));
    assert_int_equal(overload.refused_count, 1);
    assert_int_equal(overload.began_us, 9000 * MS);
}

static void it_goes_on_while_long_queues_wait(void **state) {
    (void)state;
    struct overload overload = {0};
    overload_persist(&overload, MANY, 0, 900 * MS);
    assert_false(overload.is_on); /* it begins with a refusal only */
    assert_true(overload_refuses(&overload, MANY, 0, 1000 * MS));
    for (int64_t ms = 1000; ms < 5000; ms += 100) {
        overload_persist(&overload, OVERLOAD_QUEUE_MIN, (ms - WAIT / 2) * MS, ms * MS);
        overload_tend(&overload, ms * MS);
        assert_true(overload.is_on);
    }
    overload_persist(&overload, OVERLOAD_QUEUE_MIN - 1, 0, 5399 * MS);
    overload_persist(&overload, MANY, 5399 * MS - WAIT / 2 * MS + 1, 5399 * MS);
    overload_tend(&overload, 5400 * MS);
    assert_false(overload.is_on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_moves_refuses_nobody),
        cmocka_unit_test(a_short_queue_refuses_nobody_however_old_it_is),
        cmocka_unit_test(who_comes_behind_an_old_queue_is_refused_until_it_was_taken),
        cmocka_unit_test(it_goes_on_while_long_queues_wait),
        cmocka_unit_test(it_is_over_some_time_after_the_last_refusal),
    };
    return cmocka_run_group_tests_name("api/overload", tests, NULL, NULL);
}
