/* What holds for the Klaviyo account as a whole: waiting after a 429, pausing, and probing. */
#include <string.h>

#include "tests/store/fixture.h"

enum { EVENTS = 5, PROBE_INTERVAL_MS = 10000, PAUSED_AT_MS = FIXTURE_NOW_MS + 1000 };

struct claimed {
    size_t count;
    bool is_probe;
    int64_t next_due_at_ms;
    int32_t refused_count;
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
                              .next_due_at_ms = batch.next_due_at_ms,
                              .refused_count = batch.refused_count};
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
        fixture_text(fixture, "SELECT pause_reason, paused_at, probe_at FROM account"),
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

static void who_only_settles_takes_no_probe(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct claim early = fixture_claim_one(fixture, FIXTURE_NOW_MS);
    (void)pause(fixture);
    int64_t now_ms = PAUSED_AT_MS + 1000;
    struct settlement settlement = fixture_settlement(&early, OUTCOME_RETRY, now_ms);
    settlement.next_attempt_at_ms = now_ms + 1;
    settlement.is_failure = true;
    assert_int_equal(fixture_settle(fixture, &settlement, now_ms).stale_count, 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM outbox WHERE claimed_by IS NOT NULL"), 0);
    assert_int_equal(claim(fixture, now_ms, 10).count, 1);
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
    assert_int_equal(fixture_number(fixture, "SELECT probe_at FROM account"), PAUSED_AT_MS + 1000);
    assert_int_equal(fixture_number(fixture, "SELECT last_sent_at FROM account"),
                     PAUSED_AT_MS + 500);
}

static void a_probe_that_failed_leaves_the_pause(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct claim probe = claim(fixture, PAUSED_AT_MS + 1000, 10).first;
    struct settlement settlement = fixture_settlement(&probe, OUTCOME_RETRY, PAUSED_AT_MS + 1500);
    settlement.next_attempt_at_ms = PAUSED_AT_MS + 2000;
    settlement.is_failure = true;
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 1500);
    assert_true(is_paused(fixture));
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 3000, 10).count, 0);
}

static void a_probe_that_is_refused_for_its_own_sake_lifts_the_pause(void **state) {
    struct fixture *fixture = *state;
    (void)pause(fixture);
    struct claim probe = claim(fixture, PAUSED_AT_MS + 1000, 10).first;
    struct settlement settlement = fixture_settlement(&probe, OUTCOME_RETRY, PAUSED_AT_MS + 1500);
    settlement.http_status = 400;
    settlement.next_attempt_at_ms = PAUSED_AT_MS + 9000;
    (void)fixture_settle(fixture, &settlement, PAUSED_AT_MS + 1500);
    assert_false(is_paused(fixture));
    assert_int_equal(claim(fixture, PAUSED_AT_MS + 1500, 10).count, EVENTS - 1);
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

/* ---- Refused in a row ------------------------------------------------------------------------- */

static struct settlement end_one(struct fixture *fixture, enum outcome outcome) {
    struct claim one = fixture_claim_one(fixture, FIXTURE_NOW_MS + EVENTS);
    struct settlement settlement = fixture_settlement(&one, outcome, FIXTURE_NOW_MS + EVENTS);
    settlement.http_status = outcome == OUTCOME_DEAD ? 400 : 202;
    settlement.is_refused = outcome == OUTCOME_DEAD;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS);
    return settlement;
}

static int32_t refused_count(struct fixture *fixture) {
    return claim(fixture, FIXTURE_NOW_MS + EVENTS, 0).refused_count;
}

static void refusals_in_a_row_are_counted_for_all_workers(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    (void)end_one(fixture, OUTCOME_DEAD);
    struct settlement settlement = end_one(fixture, OUTCOME_DEAD);
    assert_int_equal(refused_count(fixture), 2);
    assert_int_equal(fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + EVENTS).stale_count, 1);
    assert_int_equal(refused_count(fixture), 2); /* given twice, counted once */
    fixture_reopen(fixture);
    assert_int_equal(refused_count(fixture), 2);
    (void)end_one(fixture, OUTCOME_SENT);
    assert_int_equal(refused_count(fixture), 0);
}

/* A person who tries the same event again and again is no bad deploy. */
static void an_event_that_is_retried_counts_once_in_a_row(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    struct repair repair = {.filter = {.ids = &id, .id_count = 1},
                            .actor = "ada",
                            .reason = "",
                            .now_ms = FIXTURE_NOW_MS + EVENTS};
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        int64_t count = 0;
        (void)end_one(fixture, OUTCOME_DEAD);
        assert_int_equal(refused_count(fixture), 1);
        ASSERT_OK(store_retry_events(fixture->store, &repair, &count, &err));
        assert_int_equal(count, 1);
    }
    fixture_run(fixture,
                "UPDATE account SET last_sent_at = %d, refused = 0", /* then one was sent */
                FIXTURE_NOW_MS + EVENTS);
    (void)end_one(fixture, OUTCOME_DEAD);
    assert_int_equal(refused_count(fixture), 1);
}

static void members_of_a_job_count_in_the_row_too(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + EVENTS;
    struct claim first = fixture_claim_one(fixture, now_ms);
    struct claim second = fixture_claim_one(fixture, now_ms);
    struct settlement settlements[2] = {fixture_settlement(&first, OUTCOME_DEAD, now_ms),
                                        fixture_settlement(&second, OUTCOME_DEAD, now_ms)};
    settlements[0].is_refused = true; /* the other ran out of attempts */
    struct job_request request = {.claim = fixture_claim_request(now_ms, 0),
                                  .answered = &settlements[0]};
    struct job_reply reply;
    struct claim_batch batch = {0};
    struct err err;
    ASSERT_OK(store_settle_and_claim_members(fixture->store, settlements, 2, &request, &reply,
                                             &batch, &err));
    assert_int_equal(batch.refused_count, 1);
    claim_batch_release(&batch);
}

static void who_resumes_starts_the_row_anew(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    (void)end_one(fixture, OUTCOME_DEAD);
    fixture_run(fixture, "UPDATE account SET paused_at = 1, held_since = 1, pause_reason = 'x'");
    struct account_order order = {.actor = "ada", .reason = "mended", .now_ms = FIXTURE_NOW_MS};
    bool changed = false;
    struct err err = {0};
    ASSERT_OK(store_resume_account(fixture->store, &order, &changed, &err));
    assert_true(changed);
    assert_int_equal(refused_count(fixture), 0);
}

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
        EACH(who_only_settles_takes_no_probe),
        EACH(with_nothing_due_no_probe_is_used_up),
        EACH(a_probe_that_is_sent_lifts_the_pause),
        EACH(a_request_from_before_the_pause_does_not_lift_it),
        EACH(a_probe_that_failed_leaves_the_pause),
        EACH(a_probe_that_is_refused_for_its_own_sake_lifts_the_pause),
        EACH(two_workers_share_one_probe),
        EACH(a_pause_outlives_the_process),
        EACH(refusals_in_a_row_are_counted_for_all_workers),
        EACH(an_event_that_is_retried_counts_once_in_a_row),
        EACH(members_of_a_job_count_in_the_row_too),
        EACH(who_resumes_starts_the_row_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
