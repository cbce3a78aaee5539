#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/streak.h"

static const struct settlement refused = {.outcome = OUTCOME_DEAD, .is_refused = true};
static const struct settlement used_up = {.outcome = OUTCOME_DEAD};

static void what_is_judged_counts_once_before_and_after_it_is_settled(void **state) {
    (void)state;
    struct streak streak = {0};
    streak_note_refused(&streak);
    streak_note_refused(&streak);
    assert_int_equal(streak_count(&streak), 2);
    streak_settled(&streak, &refused, 1, 1);
    assert_int_equal(streak_count(&streak), 2);
    streak_settled(&streak, &refused, 1, 2);
    assert_int_equal(streak_count(&streak), 2);
}

static void what_other_workers_met_counts_too(void **state) {
    (void)state;
    struct streak streak = {0};
    streak_note_refused(&streak);
    streak_settled(&streak, &refused, 1, 8);
    assert_int_equal(streak_count(&streak), 8);
    streak_settled(&streak, NULL, 0, 0); /* another one sent something */
    assert_int_equal(streak_count(&streak), 0);
}

static void a_success_ends_it_and_what_was_before_is_not_taken_off_twice(void **state) {
    (void)state;
    struct streak streak = {.account_count = 5};
    streak_note_refused(&streak);
    streak_note_sent(&streak);
    assert_int_equal(streak_count(&streak), 0);
    streak_settled(&streak, &refused, 1, 0);
    assert_int_equal(streak_count(&streak), 0);
}

static void only_refusals_are_taken_off(void **state) {
    (void)state;
    struct streak streak = {0};
    streak_note_refused(&streak);
    streak_settled(&streak, &used_up, 1, 0);
    assert_int_equal(streak_count(&streak), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_judged_counts_once_before_and_after_it_is_settled),
        cmocka_unit_test(what_other_workers_met_counts_too),
        cmocka_unit_test(a_success_ends_it_and_what_was_before_is_not_taken_off_twice),
        cmocka_unit_test(only_refusals_are_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
