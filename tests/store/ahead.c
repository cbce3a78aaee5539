/* store_bring_back: what a clock that was ahead left behind. */
#include "tests/store/fixture.h"

enum { EVENTS = 4, LEASE_MS = 1000, WAIT_MS = 3600 * 1000 };

#define YEARS_MS (INT64_C(10) * 365 * 86400 * 1000)

static int64_t bring_back(struct fixture *fixture, int64_t now_ms) {
    int64_t count = 0;
    struct err err = {0};
    ASSERT_OK(store_bring_back(fixture->store, now_ms, LEASE_MS, WAIT_MS, &count, &err));
    return count;
}

static void what_waits_for_years_is_due(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = next_attempt_at + %lld",
                (long long)YEARS_MS);
    fixture_run(fixture, "UPDATE outbox SET attempts = 1 WHERE rowid %% 2 = 0");
    assert_int_equal(bring_back(fixture, FIXTURE_NOW_MS), EVENTS);
    assert_int_equal(fixture_number(fixture,
                                    "SELECT count(*) FROM outbox WHERE next_attempt_at = %lld",
                                    (long long)FIXTURE_NOW_MS),
                     EVENTS);
    assert_int_equal(bring_back(fixture, FIXTURE_NOW_MS), 0);
}

static void what_waits_as_long_as_it_may_goes_on_waiting(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = %lld",
                (long long)FIXTURE_NOW_MS + WAIT_MS);
    assert_int_equal(bring_back(fixture, FIXTURE_NOW_MS), 0);
    assert_int_equal(fixture_number(fixture, "SELECT min(next_attempt_at) FROM outbox"),
                     FIXTURE_NOW_MS + WAIT_MS);
}

static void a_claim_of_years_lasts_one_lease(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct claim claim = fixture_claim_one(fixture, FIXTURE_NOW_MS + YEARS_MS);
    assert_int_equal(bring_back(fixture, FIXTURE_NOW_MS), 1);
    assert_int_equal(fixture_number(fixture, "SELECT claim_expires_at FROM outbox"),
                     FIXTURE_NOW_MS + LEASE_MS);
    assert_int_equal(fixture_number(fixture, "SELECT until_at FROM rate_flights"),
                     FIXTURE_NOW_MS + LEASE_MS);
    struct settlement settlement = fixture_settlement(&claim, OUTCOME_SENT, FIXTURE_NOW_MS + 1);
    assert_int_equal(fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + 1).stale_count, 0);
}

static void what_waits_behind_another_still_waits(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = NULL");
    assert_int_equal(bring_back(fixture, FIXTURE_NOW_MS), 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM outbox WHERE next_attempt_at IS NULL"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_waits_for_years_is_due),
        TEST(what_waits_as_long_as_it_may_goes_on_waiting),
        TEST(a_claim_of_years_lasts_one_lease),
        TEST(what_waits_behind_another_still_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
