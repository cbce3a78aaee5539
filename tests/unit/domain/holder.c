#include "common/domain/holder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LEASE_MS = 60000, NOW_MS = 10000000 };

static void the_lock_tells_who_lives_on_this_host(void **state) {
    (void)state;
    assert_int_equal(holder_judge(true, true), HOLDER_ALIVE);
    assert_int_equal(holder_judge(true, false), HOLDER_DEAD);
}

static void of_another_host_the_lock_tells_nothing(void **state) {
    (void)state;
    assert_int_equal(holder_judge(false, true), HOLDER_ELSEWHERE);
    assert_int_equal(holder_judge(false, false), HOLDER_ELSEWHERE);
}

static void only_death_takes_claims_before_their_lease_is_over(void **state) {
    (void)state;
    assert_true(holder_loses_claims(HOLDER_DEAD));
    assert_false(holder_loses_claims(HOLDER_ALIVE));
    assert_false(holder_loses_claims(HOLDER_ELSEWHERE));
}

static void only_the_living_of_this_host_keep_claims_whose_lease_is_over(void **state) {
    (void)state;
    assert_true(holder_keeps_lapsed_claims(HOLDER_ALIVE));
    assert_false(holder_keeps_lapsed_claims(HOLDER_DEAD));
    assert_false(holder_keeps_lapsed_claims(HOLDER_ELSEWHERE));
}

static void the_dead_are_gone_and_the_living_never(void **state) {
    (void)state;
    assert_true(holder_is_gone(HOLDER_DEAD, true, NOW_MS, LEASE_MS, NOW_MS));
    assert_false(holder_is_gone(HOLDER_ALIVE, false, 0, LEASE_MS, NOW_MS));
}

static void a_worker_elsewhere_is_gone_once_it_holds_nothing_and_is_long_unseen(void **state) {
    (void)state;
    int64_t seen_at_ms = NOW_MS - LEASE_MS - HOLDER_UNSEEN_MS;
    assert_true(holder_is_gone(HOLDER_ELSEWHERE, false, seen_at_ms, LEASE_MS, NOW_MS));
    assert_false(holder_is_gone(HOLDER_ELSEWHERE, true, seen_at_ms, LEASE_MS, NOW_MS));
    assert_false(holder_is_gone(HOLDER_ELSEWHERE, false, seen_at_ms + 1, LEASE_MS, NOW_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lock_tells_who_lives_on_this_host),
        cmocka_unit_test(of_another_host_the_lock_tells_nothing),
        cmocka_unit_test(only_death_takes_claims_before_their_lease_is_over),
        cmocka_unit_test(only_the_living_of_this_host_keep_claims_whose_lease_is_over),
        cmocka_unit_test(the_dead_are_gone_and_the_living_never),
        cmocka_unit_test(a_worker_elsewhere_is_gone_once_it_holds_nothing_and_is_long_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
