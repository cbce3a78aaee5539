/* store_settle_and_claim, its second half: what is handed out, to whom and in which order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { LEASE_MS = 1000 };

/* Claims into *batch as `worker`, settling nothing. */
static void claim_as(struct fixture *fixture, const char *worker, int64_t now_ms, size_t count_max,
                     struct claim_batch *batch) {
    struct claim_request request = fixture_claim_request(now_ms, count_max);
    request.worker = worker;
    struct settle_report report = {0};
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, batch, &err));
    assert_int_equal(report.stale_count, 0);
}

static void claim(struct fixture *fixture, int64_t now_ms, size_t count_max,
                  struct claim_batch *batch) {
    claim_as(fixture, "worker-a", now_ms, count_max, batch);
}

static void assert_nothing_to_claim(struct fixture *fixture, int64_t now_ms,
                                    int64_t next_due_at_ms) {
    struct claim_batch batch = {0};
    claim(fixture, now_ms, 10, &batch);
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.next_due_at_ms, next_due_at_ms);
    claim_batch_release(&batch);
}

static void an_empty_outbox_gives_nothing_and_no_time(void **state) {
    assert_nothing_to_claim(*state, FIXTURE_NOW_MS, INT64_MAX);
}

static void a_claim_holds_all_that_the_worker_needs(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, &sample.create, 1, &err));
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS + 5, 10, &batch);
    assert_int_equal(batch.claim_count, 1);
    assert_int_equal(batch.rescued_count, 0);
    assert_false(batch.is_probe);
    const struct claim *claim = &batch.claims[0];
    assert_string_equal(claim->event_id.text, sample.event.id.text);
    assert_string_equal(claim->preorder_id.text, sample.preorder.id.text);
    assert_string_equal(claim->metric, "Preorder Started");
    assert_int_equal(claim->payload_bytes, sample.event.payload_bytes);
    assert_memory_equal(claim->payload, sample.payload, claim->payload_bytes);
    assert_string_equal(claim->request_id, "request-0");
    assert_string_equal(claim->traceparent, sample.event.traceparent);
    assert_int_equal(claim->token, 1);
    assert_int_equal(claim->attempts, 1);
    assert_int_equal(claim->created_at_ms, FIXTURE_NOW_MS);
    assert_int_equal(claim->first_attempt_at_ms, 0);
    claim_batch_release(&batch);
}

static void a_claim_raises_token_and_attempts_in_the_row(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    (void)fixture_claim_one(fixture, FIXTURE_NOW_MS + 5);
    assert_string_equal(fixture_text(fixture,
                                     "SELECT status, token, attempts, claimed_by, claimed_at,"
                                     " claim_expires_at, next_attempt_at FROM outbox"),
                        "pending|1|1|worker-a|1000005|1001005|1001005");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox_attempts"), 0);
}

static void the_earliest_due_come_first_and_no_more_than_asked_for(void **state) {
    struct fixture *fixture = *state;
    enum { EVENTS = 6 };
    const int64_t due_ms[EVENTS] = {50, 10, 40, 60, 20, 30};
    struct sample samples[EVENTS];
    struct create creates[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        sample_make_at(fixture, &samples[i], FIXTURE_NOW_MS + due_ms[i]);
        creates[i] = samples[i].create;
    }
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, creates, EVENTS, &err));
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS + 1000, 4, &batch);
    assert_int_equal(batch.claim_count, 4);
    const int expected[] = {1, 4, 5, 2};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(batch.claims[i].event_id.text, samples[expected[i]].event.id.text);
    }
    assert_true(batch.next_due_at_ms <= FIXTURE_NOW_MS + 1000); /* there is more */
    claim(fixture, FIXTURE_NOW_MS + 1000, 4, &batch);
    assert_int_equal(batch.claim_count, 2);
    claim_batch_release(&batch);
}

static void what_is_not_yet_due_stays_and_its_time_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    assert_nothing_to_claim(fixture, FIXTURE_NOW_MS - 1, FIXTURE_NOW_MS);
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS, 10, &batch);
    assert_int_equal(batch.claim_count, 1);
    assert_int_equal(batch.next_due_at_ms, FIXTURE_NOW_MS + 1);
    claim_batch_release(&batch);
}

static void a_drain_claims_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS + 10, 0, &batch);
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(fixture_number(fixture, "SELECT sum(attempts) FROM outbox"), 0);
    claim_batch_release(&batch);
}

static void a_batch_is_emptied_before_it_is_filled_again(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS + 10, 3, &batch);
    assert_int_equal(batch.claim_count, 3);
    free(batch.claims[1].payload);
    batch.claims[1].payload = NULL; /* taken over */
    claim(fixture, FIXTURE_NOW_MS + 10, 3, &batch);
    assert_int_equal(batch.claim_count, 0);
    assert_int_equal(batch.rescued_count, 0);
    claim_batch_release(&batch);
    claim_batch_release(&batch);
}

static void finished_events_are_not_claimed(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    fixture_run(fixture, "UPDATE outbox SET status = 'sent', sent_at = 1, next_attempt_at = NULL"
                         " WHERE rowid = 1");
    fixture_run(fixture, "UPDATE outbox SET status = 'dead', next_attempt_at = NULL"
                         " WHERE rowid = 2");
    fixture_run(fixture, "UPDATE outbox SET status = 'cancelled', next_attempt_at = NULL"
                         " WHERE rowid = 3");
    assert_nothing_to_claim(fixture, FIXTURE_NOW_MS + 100, INT64_MAX);
}

/* ---- Leases ----------------------------------------------------------------------------------- */

static void a_live_claim_is_left_to_its_holder(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    (void)fixture_claim_one(fixture, FIXTURE_NOW_MS);
    assert_nothing_to_claim(fixture, FIXTURE_NOW_MS + LEASE_MS - 1, FIXTURE_NOW_MS + LEASE_MS);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox_attempts"), 0);
}

static void a_claim_that_ran_out_is_taken_over_and_journaled_unknown(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct claim lost = fixture_claim_one(fixture, FIXTURE_NOW_MS);
    struct claim_batch batch = {0};
    claim_as(fixture, "worker-b", FIXTURE_NOW_MS + LEASE_MS, 10, &batch);
    assert_int_equal(batch.claim_count, 1);
    assert_int_equal(batch.rescued_count, 1);
    assert_string_equal(batch.claims[0].event_id.text, lost.event_id.text);
    assert_int_equal(batch.claims[0].token, 2);
    assert_int_equal(batch.claims[0].attempts, 2);
    claim_batch_release(&batch);
    assert_string_equal(fixture_text(fixture,
                                     "SELECT outbox_id = '%s', token, worker, started_at,"
                                     " finished_at IS NULL, outcome, burnt"
                                     " FROM outbox_attempts",
                                     lost.event_id.text),
                        "1|1|worker-a|1000000|1|unknown|1");
    assert_string_equal(fixture_text(fixture, "SELECT claimed_by, token, attempts FROM outbox"),
                        "worker-b|2|2");
}

static void an_event_that_kills_its_workers_runs_up_attempts(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    for (int32_t i = 1; i <= 20; i++) {
        struct claim claim = fixture_claim_one(fixture, FIXTURE_NOW_MS + (int64_t)i * LEASE_MS);
        assert_int_equal(claim.attempts, i);
        assert_int_equal(claim.token, i);
    }
    assert_string_equal(fixture_text(fixture, "SELECT count(*), min(token), max(token), sum(burnt)"
                                              " FROM outbox_attempts WHERE outcome = 'unknown'"),
                        "19|1|19|19");
}

static void a_mix_of_new_and_lost_counts_the_lost(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    struct claim_batch batch = {0};
    claim(fixture, FIXTURE_NOW_MS + 1, 2, &batch);
    assert_int_equal(batch.claim_count, 2);
    claim_as(fixture, "worker-b", FIXTURE_NOW_MS + 1 + LEASE_MS, 10, &batch);
    assert_int_equal(batch.claim_count, 5);
    assert_int_equal(batch.rescued_count, 2);
    claim_batch_release(&batch);
}

/* ---- Many workers ----------------------------------------------------------------------------- */

enum { CLAIMERS = 4, CLAIMED_EVENTS = 400 };

struct claimer {
    struct fixture *fixture;
    char name[16];
};

/* Claims until there is nothing more; in the end the table itself knows who has what. */
static int claim_until_empty(void *context) {
    struct claimer *claimer = context;
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(claimer->fixture->url, &options, &store, &err) != ERR_OK) {
        return 1;
    }
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + CLAIMED_EVENTS, 7);
    request.worker = claimer->name;
    struct claim_batch batch = {0};
    struct settle_report report;
    do {
        if (store_settle_and_claim(store, NULL, 0, &report, &request, &batch, &err) != ERR_OK) {
            return 2;
        }
        for (size_t i = 0; i < batch.claim_count; i++) {
            if (batch.claims[i].token != 1) {
                return 3;
            }
        }
    } while (batch.claim_count > 0);
    claim_batch_release(&batch);
    store_close(store);
    return 0;
}

static void four_workers_claim_each_event_once(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, CLAIMED_EVENTS, NULL);
    struct claimer claimers[CLAIMERS];
    pid_t pids[CLAIMERS];
    for (int i = 0; i < CLAIMERS; i++) {
        claimers[i].fixture = fixture;
        (void)snprintf(claimers[i].name, sizeof claimers[i].name, "worker-%d", i);
        pids[i] = fixture_spawn(claim_until_empty, &claimers[i]);
    }
    for (int i = 0; i < CLAIMERS; i++) {
        assert_int_equal(fixture_join(pids[i]), 0);
    }
    assert_string_equal(fixture_text(fixture, "SELECT count(*), min(token), max(token) FROM outbox"
                                              " WHERE claimed_by IS NOT NULL"),
                        "400|1|1");
}

/* ---- What the schema forbids ------------------------------------------------------------------ */

static void the_schema_holds_what_the_code_promises(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    (void)fixture_claim_one(fixture, FIXTURE_NOW_MS); /* row 1 is claimed, row 2 is not */
    fixture_run(fixture, "INSERT INTO outbox_attempts (outbox_id, token, worker, started_at,"
                         " outcome, burnt) SELECT id, 1, 'w', 1, 'sent', 1 FROM outbox"
                         " WHERE rowid = 1");
    const char *forbidden[] = {
        "UPDATE outbox SET status = 'sending'",
        "UPDATE outbox SET status = 'sent'",
        "UPDATE outbox SET sent_at = 1",
        "UPDATE outbox SET status = 'dead' WHERE rowid = 2",
        "UPDATE outbox SET status = 'cancelled' WHERE rowid = 2",
        "UPDATE outbox SET attempts = -1",
        "UPDATE outbox SET token = -1",
        "UPDATE outbox SET sequence = 0",
        "UPDATE outbox SET claimed_by = NULL WHERE rowid = 1",
        "UPDATE outbox SET claimed_at = NULL WHERE rowid = 1",
        "UPDATE outbox SET claim_expires_at = NULL WHERE rowid = 1",
        "UPDATE outbox SET next_attempt_at = NULL WHERE rowid = 1",
        "UPDATE outbox SET status = 'dead', next_attempt_at = NULL WHERE rowid = 1",
        "UPDATE outbox SET claimed_by = 'w' WHERE rowid = 2",
        "UPDATE outbox SET attempts = 'many'",
        "UPDATE outbox SET preorder_id = 'nobody'",
        "UPDATE outbox SET preorder_id = (SELECT max(preorder_id) FROM outbox)",
        "DELETE FROM preorders",
        "UPDATE preorders SET status = 'paid'",
        "UPDATE preorders SET amount = -1",
        "UPDATE preorders SET currency = 'EURO'",
        "UPDATE preorders SET number = 'P-1'",
        "INSERT INTO account (id) VALUES (2)",
        "UPDATE account SET pause_reason = 'because'",
        "UPDATE account SET paused_at = 1",
        "UPDATE outbox_attempts SET outcome = 'lost'",
        "UPDATE outbox_attempts SET token = 0",
        "UPDATE outbox_attempts SET burnt = 2",
        "UPDATE outbox_attempts SET outbox_id = 'nobody'",
        "INSERT INTO outbox_attempts SELECT * FROM outbox_attempts",
        "DELETE FROM outbox WHERE rowid = 1",
        "UPDATE pruned_events SET count = -1",
        "INSERT INTO pruned_events (status, count) VALUES ('dead', 1)",
    };
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (fixture_try(fixture, forbidden[i]) != SQLITE_CONSTRAINT) {
            fail_msg("the schema allows: %s", forbidden[i]);
        }
    }
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(an_empty_outbox_gives_nothing_and_no_time),
        EACH(a_claim_holds_all_that_the_worker_needs),
        EACH(a_claim_raises_token_and_attempts_in_the_row),
        EACH(the_earliest_due_come_first_and_no_more_than_asked_for),
        EACH(what_is_not_yet_due_stays_and_its_time_is_told),
        EACH(a_drain_claims_nothing),
        EACH(a_batch_is_emptied_before_it_is_filled_again),
        EACH(finished_events_are_not_claimed),
        EACH(a_live_claim_is_left_to_its_holder),
        EACH(a_claim_that_ran_out_is_taken_over_and_journaled_unknown),
        EACH(an_event_that_kills_its_workers_runs_up_attempts),
        EACH(a_mix_of_new_and_lost_counts_the_lost),
        EACH(four_workers_claim_each_event_once),
        EACH(the_schema_holds_what_the_code_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
