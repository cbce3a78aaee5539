/* Fixed windows of 1 s and 60 s a kind of request. Time is given by the test. */
#include "sandbox/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Takes places until one is refused; returns how many it got. */
static int64_t take_all(struct windows *windows, enum endpoint endpoint, int64_t now_ms,
                        struct windows_place *last) {
    int64_t count = 0;
    for (*last = windows_take(windows, endpoint, now_ms); !last->is_throttled;
         *last = windows_take(windows, endpoint, now_ms)) {
        count++;
        assert_true(count < 10000);
    }
    return count;
}

static void klaviyos_own_limits_hold_for_every_kind(void **state) {
    (void)state;
    static const int64_t bursts[ENDPOINT_COUNT] = {350, 10, 75, 75, 3};
    static const int64_t steadies[ENDPOINT_COUNT] = {3500, 150, 750, 750, 60};
    struct windows windows;
    windows_init(&windows, 350, 3500);
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        struct windows_place last;
        assert_int_equal(take_all(&windows, (enum endpoint)i, 1000, &last), bursts[i]);
        assert_int_equal(last.limit_count, steadies[i]);
    }
}

static void the_others_keep_their_ratio_to_single_events(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 3500, 35000);
    assert_int_equal(take_all(&windows, ENDPOINT_BULK, 0, &last), 100);
    windows_init(&windows, 1, 1);
    assert_int_equal(take_all(&windows, ENDPOINT_DELETION, 0, &last), 1);
}

static void a_full_second_says_when_it_ends(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 5, 100);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 10000, &last), 5);
    assert_int_equal(last.retry_after_s, 1);
    assert_true(windows_take(&windows, ENDPOINT_EVENT, 10999).is_throttled);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 11000, &last), 5);
}

static void a_full_minute_says_when_it_ends(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 5, 7);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 0, &last), 5);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 1000, &last), 2);
    assert_int_equal(last.retry_after_s, 59);
    assert_true(windows_take(&windows, ENDPOINT_EVENT, 59999).is_throttled);
    assert_int_equal(windows_take(&windows, ENDPOINT_EVENT, 59999).retry_after_s, 1);
    assert_false(windows_take(&windows, ENDPOINT_EVENT, 60000).is_throttled);
}

static void a_window_opens_with_its_first_request(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 2, 100);
    assert_false(windows_take(&windows, ENDPOINT_EVENT, 900).is_throttled);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 1500, &last), 1);
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 1900, &last), 2);
}

static void the_steady_window_is_what_answers_show(void **state) {
    (void)state;
    struct windows windows;
    windows_init(&windows, 10, 100);
    struct windows_place place = windows_take(&windows, ENDPOINT_EVENT, 0);
    assert_int_equal(place.limit_count, 100);
    assert_int_equal(place.remaining_count, 99);
    assert_int_equal(place.reset_s, 60);
    place = windows_take(&windows, ENDPOINT_EVENT, 30500);
    assert_int_equal(place.remaining_count, 98);
    assert_int_equal(place.reset_s, 30);
}

static void a_refused_request_takes_nothing(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 2, 4);
    (void)take_all(&windows, ENDPOINT_EVENT, 0, &last);
    for (int i = 0; i < 50; i++) {
        assert_true(windows_take(&windows, ENDPOINT_EVENT, 500).is_throttled);
    }
    assert_int_equal(take_all(&windows, ENDPOINT_EVENT, 1000, &last), 2);
}

static void kinds_do_not_share_windows(void **state) {
    (void)state;
    struct windows windows;
    struct windows_place last;
    windows_init(&windows, 350, 3500);
    (void)take_all(&windows, ENDPOINT_EVENT, 0, &last);
    assert_int_equal(take_all(&windows, ENDPOINT_BULK, 0, &last), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(klaviyos_own_limits_hold_for_every_kind),
        cmocka_unit_test(the_others_keep_their_ratio_to_single_events),
        cmocka_unit_test(a_full_second_says_when_it_ends),
        cmocka_unit_test(a_full_minute_says_when_it_ends),
        cmocka_unit_test(a_window_opens_with_its_first_request),
        cmocka_unit_test(the_steady_window_is_what_answers_show),
        cmocka_unit_test(a_refused_request_takes_nothing),
        cmocka_unit_test(kinds_do_not_share_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
