/* What holds for the Klaviyo account as a whole: waiting after a 429, pausing, and probing. */
#include <string.h>

#include "tests/store/fixture.h"

enum { EVENTS = 5, PROBE_INTERVAL_MS = 10000, PAUSED_AT_MS = FIXTURE_NOW_MS + 1000 };

struct claimed {
    size_t count;
    bool is_probe;
    int64_t next_due_at_ms;
    struct claim first; /* without its payload */
};

static struct claimed claim(struct fixture *fixture, int64_t now_ms, size_t count_max) {
    struct claim_request request = fixture_claim_request(now_ms, count_max);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    struct claimed claimed = {.count = batch.claim_count,
                              .is_probe = batch.is_probe,
                              .next_due_at_ms = batch.next_due_at_ms};
    if (batch.claim_count > 0) {
        claimed.first = batch.claims[0];
        claimed.first.payload = NULL;
    }
    claim_batch_release(&batch);
    return claimed;
}

/* The account is paused at PAUSED_AT_MS by the first of EVENTS; it may be probed one second later. */
static struct settlement pause(struct fixture *fixture) {
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim first = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement = fixture_settlement(&first, OUTCOME_PAUSED, PAUSED_AT_MS);
    settlement.http_status = 401;
    settlement.pause_reason = "the key is wrong";
    settlement.account_not_before_ms = PAUSED_AT_MS + 1000;
    assert_int_equal(fixture_settle(fixture, &settlement, PAUSED_AT_MS).stale_count, 0);
    return settlement;
}

static bool is_paused(struct fixture *fixture) {
    return fixture_number(fixture, "SELECT pause_reason IS NOT NULL FROM account") == 1;
}

/* ---- 429 -------------------------------------------------------------------------------------- */

static void after_a_429_nobody_claims_until_its_end(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim first = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement =
        fixture_settlement(&first, OUTCOME_THROTTLED, FIXTURE_NOW_MS + EVENTS);
    settlement.account_not_before_ms = FIXTURE_NOW_MS + 7000;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS);
    assert_false(is_paused(fixture));

    struct claimed claimed = claim(fixture, FIXTURE_NOW_MS + 6999, 10);
    assert_int_equal(claimed.count, 0);
    assert_int_equal(claimed.next_due_at_ms, FIXTURE_NOW_MS + 7000);
    claimed = claim(fixture, FIXTURE_NOW_MS + 7000, 10);
    assert_int_equal(claimed.count, EVENTS);
    assert_false(claimed.is_probe);
}

static void the_wait_holds_for_the_step_that_brings_it(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim first = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement =
        fixture_settlement(&first, OUTCOME_THROTTLED, FIXTURE_NOW_MS + EVENTS);
    settlement.account_not_before_ms = FIXTURE_NOW_MS + 7000;
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + EVENTS, 10);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, &settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.next_due_at_ms, FIXTURE_NOW_MS + 7000);
    claim_batch_release(&batch);
}

static void a_shorter_wait_does_not_cut_a_longer_one(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim first = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct claim second = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement =
        fixture_settlement(&first, OUTCOME_THROTTLED, FIXTURE_NOW_MS + EVENTS);
    settlement.account_not_before_ms = FIXTURE_NOW_MS + 7000;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS);
    settlement = fixture_settlement(&second, OUTCOME_THROTTLED, FIXTURE_NOW_MS + EVENTS);
    settlement.account_not_before_ms = FIXTURE_NOW_MS + 3000;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS);
    assert_int_equal(fixture_number(fixture, "SELECT not_before FROM account"),
                     FIXTURE_NOW_MS + 7000);
}

static void a_sent_event_does_not_cut_a_wait_short(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim first = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct claim second = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement =
        fixture_settlement(&first, OUTCOME_THROTTLED, FIXTURE_NOW_MS + EVENTS);
    settlement.account_not_before_ms = FIXTURE_NOW_MS + 7000;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS);
    settlement = fixture_settlement(&second, OUTCOME_SENT, FIXTURE_NOW_MS + EVENTS + 1);
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS + 1);
    assert_int_equal(claim(fixture, FIXTURE_NOW_MS + 6999, 10).count, 0);
}

/* ---- Pausing ---------------------------------------------------------------------------------- */

static void a_pause_says_why_and_since_when(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    assert_string_equal(
        fixture_text(fixture, "SELECT pause_reason, paused_at, not_before FROM account"),
        "the key is wrong|1001000|1002000");
}

static void a_second_reason_does_not_move_the_beginning(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct claim probe = claim(fixture, PAUSED_AT_MS + 1000, 10).first;
    struct settlement settlement = fixture_settlement(&probe, OUTCOME_PAUSED, PAUSED_AT_MS + 1500);
    settlement.pause_reason = "the account is closed";
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 1500);
    assert_string_equal(fixture_text(fixture, "SELECT pause_reason, paused_at FROM account"),
                        "the account is closed|1001000");
    assert_int_equal(fixture_number(fixture, "SELECT max(attempts) FROM outbox"), 0);
}

static void one_probe_goes_out_in_an_interval(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    int64_t now_ms = PAUSED_AT_MS + 1000;
    assert_int_equal(claim(fixture, now_ms - 1, 10).count, 0);
    for (int i = 0; i < 4; i++) {
        struct claimed claimed = claim(fixture, now_ms, 10);
        assert_int_equal(claimed.count, 1);
        assert_true(claimed.is_probe);
        claimed = claim(fixture, now_ms, 10);
        assert_int_equal(claimed.count, 0);
        claimed = claim(fixture, now_ms + PROBE_INTERVAL_MS - 1, 10);
        assert_int_equal(claimed.count, 0);
        assert_int_equal(claimed.next_due_at_ms, now_ms + PROBE_INTERVAL_MS);
        now_ms += PROBE_INTERVAL_MS;
    }
}

static void a_drain_takes_no_probe(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1000, 0).count, 0);
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1000, 10).count, 1);
}

static void with_nothing_due_no_probe_is_used_up(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = next_attempt_at + 3600000");
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1000, 10).count, 0);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = next_attempt_at - 3600000");
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1001, 10).count, 1);
}

static void a_probe_that_is_sent_lifts_the_pause(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct claim probe = claim(fixture, PAUSED_AT_MS + 1000, 10).first;
    struct settlement settlement = fixture_settlement(&probe, OUTCOME_SENT, PAUSED_AT_MS + 1500);
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 1500);
    assert_false(is_paused(fixture));
    struct claimed claimed = claim(fixture, PAUSED_AT_MS + 1500, 10);
    assert_int_equal(claimed.count, EVENTS - 1);
    assert_false(claimed.is_probe);
}

static void a_request_from_before_the_pause_does_not_lift_it(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct claim early = fixture_claim_one(fixture, FIXTURE_NOW_MS);
    (void)pause(fixture);
    struct settlement settlement = fixture_settlement(&early, OUTCOME_SENT, PAUSED_AT_MS - 1);
    settlement.finished_at_ms = PAUSED_AT_MS + 500;
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 500);
    assert_true(is_paused(fixture));
    assert_int_equal(fixture_number(fixture, "SELECT not_before FROM account"),
                     PAUSED_AT_MS + 1000);
    assert_int_equal(fixture_number(fixture, "SELECT last_sent_at FROM account"),
                     PAUSED_AT_MS + 500);
}

static void age_stands_still_while_the_account_is_paused(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    int64_t now_ms = PAUSED_AT_MS + 10;
    fixture_run(fixture, "UPDATE account SET not_before = 0, paused_ms = 77, paused_at = NULL,"
                         " pause_reason = NULL"); /* there was a pause before */
    struct claim event = claim(fixture, now_ms, 1).first;
    struct settlement settlement = fixture_settlement(&event, OUTCOME_RETRY, now_ms);
    settlement.next_attempt_at_ms = now_ms;
    (void)fixture_settle(fixture, &settlement, now_ms);
    struct claim probe = claim(fixture, now_ms, 1).first;
    assert_string_not_equal(probe.event_id.text, event.event_id.text);
    settlement = fixture_settlement(&probe, OUTCOME_PAUSED, now_ms);
    settlement.pause_reason = "the key is wrong";
    settlement.account_not_before_ms = now_ms;
    (void)fixture_settle(fixture, &settlement, now_ms);

    probe = claim(fixture, now_ms + 5000, 1).first;
    settlement = fixture_settlement(&probe, OUTCOME_SENT, now_ms + 5000);
    (void)fixture_settle(fixture, &settlement, now_ms + 5000);
    assert_false(is_paused(fixture));
    assert_int_equal(fixture_number(fixture, "SELECT paused_ms FROM account"), 5077);

    fixture_run(fixture,
                "UPDATE outbox SET next_attempt_at = NULL WHERE status = 'pending'"
                " AND id <> '%s'",
                event.event_id.text);
    event = fixture_claim_one(fixture, now_ms + 6000);
    assert_int_equal(event.first_attempt_at_ms, now_ms + 5000);
}

static void a_probe_that_failed_leaves_the_pause(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct claim probe = claim(fixture, PAUSED_AT_MS + 1000, 10).first;
    struct settlement settlement = fixture_settlement(&probe, OUTCOME_RETRY, PAUSED_AT_MS + 1500);
    settlement.next_attempt_at_ms = PAUSED_AT_MS + 2000;
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 1500);
    assert_true(is_paused(fixture));
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 3000, 10).count, 0);
}

static void two_workers_share_one_probe(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct store *other = fixture_open(fixture, STORE_BACKGROUND);
    struct store *mine = fixture->store;
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1000, 10).count, 1);
    fixture->store = other;
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1000, 10).count, 0);
    fixture->store = mine;
    store_close(other);
}

static void a_pause_outlives_the_process(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    fixture_reopen(fixture);
    struct claimed claimed = claim(fixture, PAUSED_AT_MS + 1000, 10);
    assert_int_equal(claimed.count, 1);
    assert_true(claimed.is_probe);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(after_a_429_nobody_claims_until_its_end),
        EACH(the_wait_holds_for_the_step_that_brings_it),
        EACH(a_shorter_wait_does_not_cut_a_longer_one),
        EACH(a_sent_event_does_not_cut_a_wait_short),
        EACH(a_pause_says_why_and_since_when),
        EACH(a_second_reason_does_not_move_the_beginning),
        EACH(one_probe_goes_out_in_an_interval),
        EACH(a_drain_takes_no_probe),
        EACH(with_nothing_due_no_probe_is_used_up),
        EACH(a_probe_that_is_sent_lifts_the_pause),
        EACH(a_request_from_before_the_pause_does_not_lift_it),
        EACH(age_stands_still_while_the_account_is_paused),
        EACH(a_probe_that_failed_leaves_the_pause),
        EACH(two_workers_share_one_probe),
        EACH(a_pause_outlives_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
