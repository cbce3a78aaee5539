/* store_settle_and_claim_members: the members of bulk jobs, in slices; and what goes alone. */
#include "tests/store/fixture.h"

#include <string.h>

static struct job_request job_request(int64_t now_ms, size_t count_max, bool wants_start) {
    struct job_request request = {.claim = fixture_claim_request(now_ms, count_max),
                                  .wants_start = wants_start};
    request.claim.limits = (struct rate_limits){.burst_count = 10, .steady_count = 150};
    return request;
}

static struct job_reply work(struct fixture *fixture, const struct settlement *settlements,
                             size_t settlement_count, const struct job_request *request,
                             struct claim_batch *batch) {
    struct err err;
    struct job_reply reply;
    ASSERT_OK(store_settle_and_claim_members(fixture->store, settlements, settlement_count, request,
                                             &reply, batch, &err));
    return reply;
}

static struct job_reply claim(struct fixture *fixture, int64_t now_ms, size_t count_max,
                              struct claim_batch *batch) {
    struct job_request request = job_request(now_ms, count_max, true);
    return work(fixture, NULL, 0, &request, batch);
}

static void a_job_claims_its_members_and_counts_as_one_request(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 70, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    struct job_reply reply = claim(fixture, now_ms, 64, &batch);
    assert_true(reply.may_start);
    assert_false(reply.is_held);
    assert_int_equal(batch.claim_count, 64);
    assert_int_equal(batch.claims[0].token, 1);
    assert_int_equal(batch.claims[0].attempts, 1);
    assert_non_null(batch.claims[63].payload);
    assert_string_equal(fixture_text(fixture, "SELECT kind, count FROM rate_flights"), "job|1");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox WHERE claimed_by IS NOT "
                                             "NULL AND attempts = 1"),
                     64);
    claim_batch_release(&batch);
}

static void a_slice_tells_whether_others_write_too(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 70, NULL);
    struct claim_batch batch = {0};
    assert_false(claim(fixture, FIXTURE_NOW_MS + 100, 32, &batch).has_company);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    fixture_release_gate(&holder);
    assert_true(claim(fixture, FIXTURE_NOW_MS + 100, 32, &batch).has_company);
    assert_false(claim(fixture, FIXTURE_NOW_MS + 100, 6, &batch).has_company);
    claim_batch_release(&batch);
}

static void a_further_slice_asks_for_no_further_request(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 70, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    assert_true(claim(fixture, now_ms, 64, &batch).may_start);
    struct job_request request = job_request(now_ms, 64, false);
    request.claim.held_count = 1;
    struct job_reply reply = work(fixture, NULL, 0, &request, &batch);
    assert_false(reply.may_start);
    assert_int_equal(batch.claim_count, 6);
    assert_string_equal(fixture_text(fixture, "SELECT kind, count FROM rate_flights"), "job|1");
    claim_batch_release(&batch);
}

static void jobs_keep_to_klaviyos_limits(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 20, NULL);
    struct claim_batch batch = {0};
    size_t count = 0;
    for (size_t i = 0; i < 20; i++) {
        struct job_request request = job_request(FIXTURE_NOW_MS + 100, 1, true);
        request.claim.held_count = count;
        count += work(fixture, NULL, 0, &request, &batch).may_start ? 1 : 0;
    }
    assert_int_equal(count, 9); /* one a second is left to others */
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.reason, ACCOUNT_REASON_RATE);
    assert_true(batch.next_due_at_ms > FIXTURE_NOW_MS + 100);
    claim_batch_release(&batch);
}

static void single_events_do_not_use_up_the_jobs_allowance(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 40, NULL);
    for (size_t i = 0; i < 20; i++) {
        (void)fixture_claim_one(fixture, FIXTURE_NOW_MS + 100);
    }
    struct claim_batch batch = {0};
    assert_true(claim(fixture, FIXTURE_NOW_MS + 100, 64, &batch).may_start);
    assert_int_equal(batch.claim_count, 20);
    claim_batch_release(&batch);
}

static void a_job_gets_one_of_two_places_though_single_events_keep_coming(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 80, NULL);
    fixture_run(fixture, "UPDATE account SET concurrency_max = 2");
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim first = fixture_claim_one(fixture, now_ms);
    struct claim_request request = fixture_claim_request(now_ms, 8);
    request.held_count = 1;
    request.leaves_job_place = true;
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.reason, ACCOUNT_REASON_CONCURRENCY);
    assert_true(claim(fixture, now_ms, 64, &batch).may_start);
    assert_int_equal(batch.claim_count, 64);

    /* The job has its place: the other one is free for single events. */
    struct settlement settlement = fixture_settlement(&first, OUTCOME_SENT, now_ms + 10);
    request.now_ms = now_ms + 10;
    request.held_count = 0;
    ASSERT_OK(
        store_settle_and_claim(fixture->store, &settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 1);
    claim_batch_release(&batch);
}

static void jobs_on_the_wire_count_when_klaviyo_is_found_able_to_take_more(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 80, NULL);
    fixture_run(fixture, "UPDATE account SET concurrency_max = 2");
    struct claim_batch batch = {0};
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    assert_true(claim(fixture, now_ms, 64, &batch).may_start);
    claim_batch_release(&batch);
    for (size_t i = 0; i < 10; i++) {
        struct claim single = fixture_claim_one(fixture, now_ms);
        struct settlement settlement = fixture_settlement(&single, OUTCOME_SENT, now_ms + 200);
        now_ms += 200;
        (void)fixture_settle(fixture, &settlement, now_ms);
    }
    assert_true(fixture_number(fixture, "SELECT concurrency_max FROM account") > 2);
}

static void a_job_without_events_does_not_start(void **state) {
    struct fixture *fixture = *state;
    struct claim_batch batch = {0};
    assert_false(claim(fixture, FIXTURE_NOW_MS, 64, &batch).may_start);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM rate_flights"), 0);
    claim_batch_release(&batch);
}

static void nothing_goes_out_while_the_account_is_held(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct claim_batch batch = {0};
    fixture_run(fixture, "UPDATE account SET not_before = %d", FIXTURE_NOW_MS + 5000);
    struct job_reply reply = claim(fixture, FIXTURE_NOW_MS + 100, 64, &batch);
    assert_false(reply.may_start);
    assert_true(reply.is_held);
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.next_due_at_ms, FIXTURE_NOW_MS + 5000);
    fixture_run(fixture, "UPDATE account SET not_before = 0, paused_at = 1, held_since = 1, "
                         "pause_reason = 'x'");
    reply = claim(fixture, FIXTURE_NOW_MS + 100, 64, &batch);
    assert_false(reply.may_start); /* the probe is a single event */
    assert_true(reply.is_held);
    struct job_request request = job_request(FIXTURE_NOW_MS + 100, 64, false);
    assert_true(work(fixture, NULL, 0, &request, &batch).is_held);
    fixture_run(fixture, "UPDATE account SET paused_at = NULL, pause_reason = NULL, opened_at = 1,"
                         " breaker_pause = 1000");
    reply = claim(fixture, FIXTURE_NOW_MS + 100, 64, &batch);
    assert_true(reply.is_held && !reply.may_start);
    assert_int_equal(batch.claim_count, 0);
    fixture_run(fixture, "UPDATE account SET probe_at = %d", FIXTURE_NOW_MS + 7000);
    assert_true(work(fixture, NULL, 0, &request, &batch).is_held); /* no probe is due yet */
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.reason, ACCOUNT_REASON_BREAKER);
    assert_int_equal(batch.next_due_at_ms, FIXTURE_NOW_MS + 7000);
    claim_batch_release(&batch);
}

static void a_slice_goes_on_while_the_next_job_waits_for_its_turn(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 30, NULL);
    struct claim_batch batch = {0};
    struct job_request request = job_request(FIXTURE_NOW_MS + 100, 1, true);
    while (work(fixture, NULL, 0, &request, &batch).may_start) {
        request.claim.held_count++;
    }
    assert_int_equal(batch.reason, ACCOUNT_REASON_RATE);
    claim_batch_release(&batch);
    request.wants_start = false;
    request.claim.count_max = 64;
    struct job_reply reply = work(fixture, NULL, 0, &request, &batch);
    assert_false(reply.is_held);
    assert_int_equal(batch.claim_count, 30 - request.claim.held_count);
    claim_batch_release(&batch);
}

static void an_answer_is_the_accounts_once_and_not_the_members(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    (void)claim(fixture, now_ms, 64, &batch);
    struct settlement settlements[3];
    for (size_t i = 0; i < 3; i++) {
        settlements[i] = fixture_settlement(&batch.claims[i], OUTCOME_SENT, now_ms + 10);
    }
    struct job_request request = job_request(now_ms + 10, 0, false);
    request.answered = &settlements[0];
    struct job_reply reply = work(fixture, settlements, 3, &request, &batch);
    assert_int_equal(reply.settled.stale_count, 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox WHERE status = 'sent'"),
                     3);
    assert_string_equal(
        fixture_text(fixture, "SELECT kind, sum(count) FROM rate_slots WHERE span = 1000"),
        "job|1");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM rate_flights"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT last_sent_at FROM account"), now_ms + 10);
    claim_batch_release(&batch);
}

static void the_answer_of_one_job_holds_back_the_next(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 4, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    assert_true(claim(fixture, now_ms, 2, &batch).may_start);
    struct settlement throttled = fixture_settlement(&batch.claims[0], OUTCOME_THROTTLED, now_ms);
    throttled.account_not_before_ms = now_ms + 5000;
    throttled.next_attempt_at_ms = now_ms + 5000;
    struct job_request request = job_request(now_ms, 2, true);
    request.answered = &throttled;
    struct job_reply reply = work(fixture, NULL, 0, &request, &batch);
    assert_false(reply.may_start);
    assert_true(reply.is_held);
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.reason, ACCOUNT_REASON_THROTTLED);
    claim_batch_release(&batch);
}

static void a_kept_event_stays_in_hand_with_the_next_token(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    (void)claim(fixture, now_ms, 64, &batch);
    struct settlement settlement = fixture_settlement(&batch.claims[0], OUTCOME_RETRY, now_ms);
    settlement.is_burnt = false;
    settlement.is_kept = true;
    settlement.next_attempt_at_ms = now_ms;
    struct job_request request = job_request(now_ms, 0, false);
    (void)work(fixture, &settlement, 1, &request, &batch);
    assert_string_equal(
        fixture_text(fixture, "SELECT token, attempts, claimed_by, status FROM outbox"),
        "2|1|worker-a|pending");
    assert_string_equal(fixture_text(fixture, "SELECT token, outcome, burnt FROM outbox_attempts"),
                        "1|retry|0");
    assert_int_equal(
        fixture_number(fixture, "SELECT next_attempt_at = claim_expires_at FROM outbox"), 1);
    claim_batch_release(&batch);
}

static void a_stale_settlement_keeps_nothing_and_says_which_it_was(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    (void)claim(fixture, now_ms, 64, &batch);
    struct settlement settlements[3];
    for (size_t i = 0; i < 3; i++) {
        settlements[i] = fixture_settlement(&batch.claims[i], OUTCOME_RETRY, now_ms);
        settlements[i].is_kept = true;
        settlements[i].next_attempt_at_ms = now_ms;
    }
    fixture_run(fixture, "UPDATE outbox SET token = 7, claimed_by = 'worker-b' WHERE id = '%s'",
                settlements[1].event_id.text);
    struct job_request request = job_request(now_ms, 0, false);
    struct job_reply reply = work(fixture, settlements, 3, &request, &batch);
    assert_int_equal(reply.settled.stale_count, 1);
    assert_int_equal(reply.settled.stale_set, 2);
    assert_string_equal(fixture_text(fixture,
                                     "SELECT token, claimed_by FROM outbox WHERE id = '%s'",
                                     settlements[1].event_id.text),
                        "7|worker-b");
    claim_batch_release(&batch);
}

static void what_may_be_at_klaviyo_goes_into_no_job(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct claim one = fixture_claim_one(fixture, FIXTURE_NOW_MS + 100);
    struct settlement settlement = fixture_settlement(&one, OUTCOME_RETRY, FIXTURE_NOW_MS + 100);
    settlement.is_single_only = true;
    settlement.next_attempt_at_ms = FIXTURE_NOW_MS + 100;
    (void)fixture_settle(fixture, &settlement, FIXTURE_NOW_MS + 100);
    struct claim_batch batch = {0};
    (void)claim(fixture, FIXTURE_NOW_MS + 200, 64, &batch);
    assert_int_equal(batch.claim_count, 1);
    assert_string_not_equal(batch.claims[0].event_id.text, one.event_id.text);
    claim_batch_release(&batch);
    struct claim again = fixture_claim_one(fixture, FIXTURE_NOW_MS + 200);
    assert_string_equal(again.event_id.text, one.event_id.text);
}

static void what_a_vanished_worker_held_goes_alone_from_then_on(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct claim_batch batch = {0};
    (void)claim(fixture, FIXTURE_NOW_MS + 100, 64, &batch);
    int64_t later_ms = FIXTURE_NOW_MS + 100000; /* its lease is over */
    assert_false(claim(fixture, later_ms, 64, &batch).may_start);
    struct claim one = fixture_claim_one(fixture, later_ms);
    assert_int_equal(one.token, 2);
    assert_int_equal(fixture_number(fixture, "SELECT single_only FROM outbox"), 1);
    assert_string_equal(fixture_text(fixture, "SELECT outcome FROM outbox_attempts"), "unknown");
    struct settlement unsent = fixture_settlement(&one, OUTCOME_UNSENT, later_ms);
    (void)fixture_settle(fixture, &unsent, later_ms);
    assert_false(claim(fixture, later_ms, 64, &batch).may_start);
    claim_batch_release(&batch);
}

static void an_event_that_fits_no_job_is_given_back_for_good(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    int64_t now_ms = FIXTURE_NOW_MS + 100;
    struct claim_batch batch = {0};
    (void)claim(fixture, now_ms, 64, &batch);
    struct settlement unsent = fixture_settlement(&batch.claims[0], OUTCOME_UNSENT, now_ms);
    unsent.is_single_only = true;
    struct job_request request = job_request(now_ms, 0, false);
    (void)work(fixture, &unsent, 1, &request, &batch);
    assert_false(claim(fixture, now_ms, 64, &batch).may_start);
    assert_int_equal(fixture_claim_one(fixture, now_ms).attempts, 1);
    claim_batch_release(&batch);
}

/* First attempts go first, and those that go alone, however many, do not hide the others. */
static void repeated_attempts_fill_what_first_ones_leave(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 10, NULL);
    fixture_run(fixture, "UPDATE outbox SET attempts = 3 WHERE rowid <= 6");
    fixture_run(fixture, "UPDATE outbox SET single_only = 1 WHERE rowid <= 4");
    struct claim_batch batch = {0};
    (void)claim(fixture, FIXTURE_NOW_MS + 100, 5, &batch);
    assert_int_equal(batch.claim_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(batch.claims[i].attempts, i < 4 ? 1 : 4);
    }
    claim_batch_release(&batch);
}

static void what_is_due_is_counted_up_to_a_bound(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 10, NULL);
    struct err err;
    int64_t count = -1;
    ASSERT_OK(store_count_due(fixture->store, FIXTURE_NOW_MS - 1, 100, &count, &err));
    assert_int_equal(count, 0);
    ASSERT_OK(store_count_due(fixture->store, FIXTURE_NOW_MS + 100, 100, &count, &err));
    assert_int_equal(count, 10);
    ASSERT_OK(store_count_due(fixture->store, FIXTURE_NOW_MS + 100, 3, &count, &err));
    assert_int_equal(count, 3);
    (void)fixture_claim_one(fixture, FIXTURE_NOW_MS + 100);
    ASSERT_OK(store_count_due(fixture->store, FIXTURE_NOW_MS + 100, 100, &count, &err));
    assert_int_equal(count, 9);
}

static void an_old_event_is_backfill_once_on_record_and_for_good(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + 100, 1);
    request.backfill_before_ms = FIXTURE_NOW_MS + 50;
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err;
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_true(batch.claims[0].is_backfill);
    assert_int_equal(fixture_number(fixture, "SELECT backfill_at FROM outbox WHERE rowid = 1"),
                     FIXTURE_NOW_MS + 100);
    struct settlement retry =
        fixture_settlement(&batch.claims[0], OUTCOME_RETRY, FIXTURE_NOW_MS + 100);
    retry.next_attempt_at_ms = FIXTURE_NOW_MS + 100;
    (void)fixture_settle(fixture, &retry, FIXTURE_NOW_MS + 100);
    /* The setting was taken back: what was sent so once stays so, in a job, too. */
    (void)claim(fixture, FIXTURE_NOW_MS + 200, 64, &batch);
    assert_int_equal(batch.claim_count, 2);
    assert_false(batch.claims[0].is_backfill);
    assert_true(batch.claims[1].is_backfill);
    assert_int_equal(fixture_number(fixture, "SELECT backfill_at FROM outbox WHERE rowid = 1"),
                     FIXTURE_NOW_MS + 100);
    claim_batch_release(&batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_job_claims_its_members_and_counts_as_one_request),
        TEST(a_slice_tells_whether_others_write_too),
        TEST(a_further_slice_asks_for_no_further_request),
        TEST(jobs_keep_to_klaviyos_limits),
        TEST(single_events_do_not_use_up_the_jobs_allowance),
        TEST(a_job_gets_one_of_two_places_though_single_events_keep_coming),
        TEST(jobs_on_the_wire_count_when_klaviyo_is_found_able_to_take_more),
        TEST(a_job_without_events_does_not_start),
        TEST(nothing_goes_out_while_the_account_is_held),
        TEST(a_slice_goes_on_while_the_next_job_waits_for_its_turn),
        TEST(an_answer_is_the_accounts_once_and_not_the_members),
        TEST(the_answer_of_one_job_holds_back_the_next),
        TEST(a_kept_event_stays_in_hand_with_the_next_token),
        TEST(a_stale_settlement_keeps_nothing_and_says_which_it_was),
        TEST(what_may_be_at_klaviyo_goes_into_no_job),
        TEST(what_a_vanished_worker_held_goes_alone_from_then_on),
        TEST(an_event_that_fits_no_job_is_given_back_for_good),
        TEST(repeated_attempts_fill_what_first_ones_leave),
        TEST(what_is_due_is_counted_up_to_a_bound),
        TEST(an_old_event_is_backfill_once_on_record_and_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
