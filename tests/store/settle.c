/* store_settle_and_claim, its first half: what a verdict does to the event, to the journal, and to
   the events behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { SENT_AT_MS = FIXTURE_NOW_MS + 40, LEASE_MS = 1000 };

static const char *event_row(struct fixture *fixture, const struct claim *claim) {
    return fixture_text(fixture,
                        "SELECT status, attempts, token, next_attempt_at, claimed_by, claimed_at,"
                        " claim_expires_at, last_http_status, last_error, sent_at"
                        " FROM outbox WHERE id = '%s'",
                        claim->event_id.text);
}

static const char *journal_row(struct fixture *fixture, const struct claim *claim) {
    return fixture_text(fixture,
                        "SELECT worker, started_at, finished_at, outcome, burnt, http_status,"
                        " error, response_body, next_attempt_at"
                        " FROM outbox_attempts WHERE outbox_id = '%s' AND token = %d",
                        claim->event_id.text, (int)claim->token);
}

static int64_t journal_count(struct fixture *fixture) {
    return fixture_number(fixture, "SELECT count(*) FROM outbox_attempts");
}

static struct claim claim_new(struct fixture *fixture) {
    fixture_store_samples(fixture, 1, NULL);
    return fixture_claim_one(fixture, FIXTURE_NOW_MS);
}

/* A verdict that holds everything, so that a column mixed up shows. */
static struct settlement verdict(const struct claim *claim, enum outcome outcome) {
    struct settlement settlement = fixture_settlement(claim, outcome, FIXTURE_NOW_MS);
    settlement.started_at_ms = FIXTURE_NOW_MS + 10;
    settlement.finished_at_ms = SENT_AT_MS;
    settlement.response_body = "{\"errors\":[]}";
    settlement.response_body_bytes = strlen(settlement.response_body);
    settlement.next_attempt_at_ms = FIXTURE_NOW_MS + 9000;
    return settlement;
}

static void settle(struct fixture *fixture, const struct settlement *settlement) {
    assert_int_equal(fixture_settle(fixture, settlement, SENT_AT_MS).stale_count, 0);
}

static void settle_stale(struct fixture *fixture, const struct settlement *settlement) {
    assert_int_equal(fixture_settle(fixture, settlement, SENT_AT_MS).stale_count, 1);
}

/* ---- Each verdict ----------------------------------------------------------------------------- */

static void sent_ends_the_event(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_SENT);
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "sent|1|1|||||202||1000040");
    assert_string_equal(journal_row(fixture, &claim),
                        "worker-a|1000010|1000040|sent|1|202||{\"errors\":[]}|");
    assert_int_equal(fixture_number(fixture, "SELECT last_sent_at FROM account"), SENT_AT_MS);
}

static void retry_makes_it_due_later_and_keeps_the_attempt(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_RETRY);
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "pending|1|1|1009000||||503|Klaviyo says no|");
    assert_string_equal(
        journal_row(fixture, &claim),
        "worker-a|1000010|1000040|retry|1|503|Klaviyo says no|{\"errors\":[]}|1009000");
    struct claim again = fixture_claim_one(fixture, FIXTURE_NOW_MS + 9000);
    assert_int_equal(again.token, 2);
    assert_int_equal(again.attempts, 2);
}

static void throttled_gives_the_attempt_back(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_THROTTLED);
    settlement.http_status = 429;
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "pending|0|1|1009000||||429|Klaviyo says no|");
    assert_string_equal(
        journal_row(fixture, &claim),
        "worker-a|1000010|1000040|throttled|0|429|Klaviyo says no|{\"errors\":[]}|1009000");
}

static void paused_gives_the_attempt_back(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_PAUSED);
    settlement.http_status = 401;
    settlement.pause_reason = "the key is wrong";
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "pending|0|1|1009000||||401|Klaviyo says no|");
    assert_string_equal(
        journal_row(fixture, &claim),
        "worker-a|1000010|1000040|paused|0|401|Klaviyo says no|{\"errors\":[]}|1009000");
}

static void dead_ends_the_event_with_its_reason(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_DEAD);
    settlement.http_status = 400;
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "dead|1|1|||||400|Klaviyo says no|");
    assert_string_equal(journal_row(fixture, &claim),
                        "worker-a|1000010|1000040|dead|1|400|Klaviyo says no|{\"errors\":[]}|");
}

static void unsent_leaves_no_trace_but_the_token(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_UNSENT);
    settle(fixture, &settlement);
    assert_int_equal(journal_count(fixture), 0);
    assert_string_equal(fixture_text(fixture,
                                     "SELECT status, attempts, token, claimed_by IS NULL,"
                                     " next_attempt_at <= %d, first_attempt_at IS NULL,"
                                     " last_error IS NULL FROM outbox",
                                     SENT_AT_MS),
                        "pending|0|1|1|1|1|1");
    struct claim again = fixture_claim_one(fixture, SENT_AT_MS);
    assert_int_equal(again.token, 2);
    assert_int_equal(again.attempts, 1);
}

static void without_an_answer_there_is_no_status_and_no_body(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_RETRY);
    settlement.http_status = 0;
    settlement.response_body = NULL;
    settlement.response_body_bytes = 0;
    settle(fixture, &settlement);
    assert_string_equal(fixture_text(fixture, "SELECT http_status IS NULL, response_body IS NULL,"
                                              " (SELECT last_http_status IS NULL FROM outbox)"
                                              " FROM outbox_attempts"),
                        "1|1|1");
}

static void a_long_answer_is_cut_at_16_kib(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    char body[2 * RESPONSE_BODY_BYTES_MAX];
    memset(body, 'x', sizeof body);
    struct settlement settlement = verdict(&claim, OUTCOME_RETRY);
    settlement.response_body = body;
    settlement.response_body_bytes = sizeof body;
    settle(fixture, &settlement);
    assert_int_equal(
        fixture_number(fixture, "SELECT length(CAST(response_body AS BLOB)) FROM outbox_attempts"),
        RESPONSE_BODY_BYTES_MAX);
}

static void age_begins_with_the_first_judged_attempt(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    assert_int_equal(claim.first_attempt_at_ms, 0);
    struct settlement settlement = fixture_settlement(&claim, OUTCOME_UNSENT, FIXTURE_NOW_MS);
    settle(fixture, &settlement);
    claim = fixture_claim_one(fixture, FIXTURE_NOW_MS + 100);
    assert_int_equal(claim.first_attempt_at_ms, 0);
    for (int i = 0; i < 3; i++) {
        settlement = fixture_settlement(&claim, OUTCOME_RETRY, FIXTURE_NOW_MS + 200 + i);
        settle(fixture, &settlement);
        claim = fixture_claim_one(fixture, FIXTURE_NOW_MS + 300 + i);
        assert_int_equal(claim.first_attempt_at_ms, FIXTURE_NOW_MS + 200);
    }
}

static void a_retry_that_is_not_burnt_gives_the_attempt_back_and_begins_no_age(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_RETRY);
    settlement.is_burnt = false; /* a failed probe */
    settle(fixture, &settlement);
    assert_string_equal(event_row(fixture, &claim), "pending|0|1|1009000||||503|Klaviyo says no|");
    assert_string_equal(
        journal_row(fixture, &claim),
        "worker-a|1000010|1000040|retry|0|503|Klaviyo says no|{\"errors\":[]}|1009000");
    struct claim again = fixture_claim_one(fixture, FIXTURE_NOW_MS + 9000);
    assert_int_equal(again.attempts, 1);
    assert_int_equal(again.first_attempt_at_ms, 0);
}

static void verdicts_and_claims_of_one_step_go_together(void **state) {
    struct fixture *fixture = *state;
    enum { EVENTS = 6 };
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + EVENTS, 3);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 3);
    struct settlement settlements[3];
    const enum outcome outcomes[] = {OUTCOME_SENT, OUTCOME_DEAD, OUTCOME_UNSENT};
    for (int i = 0; i < 3; i++) {
        settlements[i] = fixture_settlement(&batch.claims[i], outcomes[i], FIXTURE_NOW_MS + EVENTS);
    }
    request.count_max = 10;
    ASSERT_OK(
        store_settle_and_claim(fixture->store, settlements, 3, &report, &request, &batch, &err));
    assert_int_equal(report.stale_count, 0);
    assert_int_equal(batch.claim_count, 4); /* the other three, and the one given back */
    claim_batch_release(&batch);
    assert_string_equal(fixture_text(fixture, "SELECT count(*) FILTER (WHERE status = 'sent'),"
                                              " count(*) FILTER (WHERE status = 'dead'),"
                                              " count(*) FILTER (WHERE claimed_by IS NOT NULL)"
                                              " FROM outbox"),
                        "1|1|4");
}

/* ---- Stale verdicts --------------------------------------------------------------------------- */

/* One event, claimed by a and, its lease over, by b. */
static void lose_a_claim(struct fixture *fixture, struct claim *lost, struct claim *held) {
    *lost = claim_new(fixture);
    *held = fixture_claim_one(fixture, FIXTURE_NOW_MS + LEASE_MS);
    assert_int_equal(held->token, 2);
}

static void a_stale_verdict_changes_nothing_but_the_journal(void **state) {
    struct fixture *fixture = *state;
    const enum outcome outcomes[] = {OUTCOME_RETRY, OUTCOME_DEAD, OUTCOME_THROTTLED};
    const char *words[] = {"retry", "dead", "throttled"};
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    for (int i = 0; i < 3; i++) {
        char before[512];
        (void)snprintf(before, sizeof before, "%s", event_row(fixture, &lost));
        struct settlement settlement = verdict(&lost, outcomes[i]);
        settle_stale(fixture, &settlement);
        assert_string_equal(event_row(fixture, &lost), before);
        assert_string_equal(fixture_text(fixture, "SELECT count(*), min(token), outcome"
                                                  " FROM outbox_attempts"),
                            i == 0   ? "1|1|retry"
                            : i == 1 ? "1|1|dead"
                                     : "1|1|throttled");
        assert_non_null(strstr(journal_row(fixture, &lost), words[i]));
    }
    struct settlement settlement = verdict(&held, OUTCOME_SENT);
    settle(fixture, &settlement);
    assert_int_equal(journal_count(fixture), 2);
}

static void of_many_stale_verdicts_all_are_counted_and_64_named(void **state) {
    enum { MANY = 70 };
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlements[MANY];
    for (size_t i = 0; i < MANY; i++) {
        settlements[i] = fixture_settlement(&claim, OUTCOME_RETRY, FIXTURE_NOW_MS);
        settlements[i].token = 99;
    }
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS, 0);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, settlements, MANY, &report, &request, &batch, &err));
    assert_int_equal(report.stale_count, MANY);
    assert_true(report.stale_set == UINT64_MAX);
    claim_batch_release(&batch);
}

static void every_outcome_has_its_word(void **state) {
    (void)state;
    static const char *const words[] = {
        [OUTCOME_SENT] = "sent",     [OUTCOME_RETRY] = "retry", [OUTCOME_THROTTLED] = "throttled",
        [OUTCOME_PAUSED] = "paused", [OUTCOME_DEAD] = "dead",   [OUTCOME_UNKNOWN] = "unknown",
        [OUTCOME_UNSENT] = "unsent",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_string_equal(outcome_name((enum outcome)i), words[i]);
    }
}

static void a_stale_unsent_leaves_no_line_and_takes_no_attempt(void **state) {
    struct fixture *fixture = *state;
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    char before[512];
    (void)snprintf(before, sizeof before, "%s", event_row(fixture, &lost));
    struct settlement settlement = verdict(&lost, OUTCOME_UNSENT);
    settle_stale(fixture, &settlement);
    assert_string_equal(event_row(fixture, &lost), before);
}

static void a_stale_sent_makes_the_event_sent(void **state) {
    struct fixture *fixture = *state;
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    struct settlement settlement = verdict(&lost, OUTCOME_SENT);
    settle_stale(fixture, &settlement);
    assert_string_equal(
        fixture_text(fixture, "SELECT status, sent_at, next_attempt_at IS NULL, claimed_by IS NULL"
                              " FROM outbox"),
        "sent|1000040|1|1");
    assert_non_null(strstr(journal_row(fixture, &lost), "|sent|"));
    /* The other's request may be on the wire, and its worker may die before it says so. */
    assert_non_null(strstr(journal_row(fixture, &held), "|unknown|1|"));

    /* If it lives, it has nothing left to say about the event. */
    settlement = verdict(&held, OUTCOME_DEAD);
    settle_stale(fixture, &settlement);
    assert_int_equal(fixture_number(fixture, "SELECT status = 'sent' FROM outbox"), 1);
    assert_non_null(strstr(journal_row(fixture, &held), "|dead|1|"));
    assert_int_equal(journal_count(fixture), 2);
}

static void a_stale_verdict_that_is_not_burnt_was_counted_all_the_same(void **state) {
    struct fixture *fixture = *state;
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    struct settlement settlement = verdict(&lost, OUTCOME_THROTTLED);
    settle_stale(fixture, &settlement);
    assert_int_equal(held.attempts, 2);
    assert_non_null(strstr(journal_row(fixture, &lost), "|throttled|1|"));
}

static void a_stale_sent_raises_the_dead(void **state) {
    struct fixture *fixture = *state;
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    struct settlement settlement = verdict(&held, OUTCOME_DEAD);
    settle(fixture, &settlement);
    settlement = verdict(&lost, OUTCOME_SENT);
    settle_stale(fixture, &settlement);
    assert_string_equal(fixture_text(fixture, "SELECT status, sent_at FROM outbox"),
                        "sent|1000040");
}

static void a_stale_sent_outweighs_a_cancel(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    fixture_run(fixture, "UPDATE outbox SET status = 'cancelled', token = token + 1,"
                         " next_attempt_at = NULL, claimed_by = NULL, claimed_at = NULL,"
                         " claim_expires_at = NULL");
    struct settlement settlement = verdict(&claim, OUTCOME_SENT);
    settle_stale(fixture, &settlement);
    assert_int_equal(fixture_number(fixture, "SELECT status = 'sent' FROM outbox"), 1);
}

static void sent_twice_keeps_the_first_time(void **state) {
    struct fixture *fixture = *state;
    struct claim lost;
    struct claim held;
    lose_a_claim(fixture, &lost, &held);
    struct settlement settlement = verdict(&held, OUTCOME_SENT);
    settle(fixture, &settlement);
    settlement = verdict(&lost, OUTCOME_SENT);
    settlement.finished_at_ms = SENT_AT_MS + 7;
    settle_stale(fixture, &settlement);
    assert_string_equal(fixture_text(fixture, "SELECT status, sent_at FROM outbox"),
                        "sent|1000040");
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM outbox_attempts WHERE outcome = 'sent'"), 2);
}

static void the_same_verdict_again_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_RETRY);
    settle(fixture, &settlement);
    char before[512];
    (void)snprintf(before, sizeof before, "%s", event_row(fixture, &claim));
    settle_stale(fixture, &settlement); /* after ERR_UNKNOWN a worker settles again */
    assert_string_equal(event_row(fixture, &claim), before);
    assert_int_equal(journal_count(fixture), 1);
}

static void a_verdict_on_an_event_that_is_gone_harms_nobody(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    struct settlement settlements[2] = {verdict(&claim, OUTCOME_SENT),
                                        verdict(&claim, OUTCOME_SENT)};
    (void)snprintf(settlements[0].event_id.text, IDENT_BYTES,
                   "00000000-0000-7000-8000-000000000000");
    struct claim_request request = fixture_claim_request(SENT_AT_MS, 0);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, settlements, 2, &report, &request, &batch, &err));
    assert_int_equal(fixture_number(fixture, "SELECT status = 'sent' FROM outbox"), 1);
    assert_int_equal(journal_count(fixture), 1);
}

/* ---- The order within a preorder -------------------------------------------------------------- */

/* Events 2 and 3 wait behind the first, which is claimed. */
static struct claim claim_with_followers(struct fixture *fixture) {
    struct claim claim = claim_new(fixture);
    for (int sequence = 2; sequence <= 3; sequence++) {
        fixture_run(fixture,
                    "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload,"
                    " created_at) VALUES ('00000000-0000-7000-8000-00000000000%d', '%s', %d,"
                    " 'Preorder Completed', 'pending', '{}', 1)",
                    sequence, claim.preorder_id.text, sequence);
    }
    return claim;
}

static const char *due_times(struct fixture *fixture) {
    return fixture_text(fixture, "SELECT coalesce(max(next_attempt_at) FILTER (WHERE sequence = 2),"
                                 " 'waits'), coalesce(max(next_attempt_at)"
                                 " FILTER (WHERE sequence = 3), 'waits') FROM outbox");
}

static void the_next_event_is_due_once_the_first_is_finished(void **state) {
    struct fixture *fixture = *state;
    const enum outcome outcomes[] = {OUTCOME_SENT, OUTCOME_DEAD};
    struct claim claim = claim_with_followers(fixture);
    for (int i = 0; i < 2; i++) {
        struct settlement settlement = verdict(&claim, outcomes[i]);
        settle(fixture, &settlement);
        if (i == 0) {
            assert_string_equal(due_times(fixture), "1000040|waits");
        }
        claim = fixture_claim_one(fixture, SENT_AT_MS);
        assert_int_equal(fixture_number(fixture, "SELECT sequence FROM outbox WHERE id = '%s'",
                                        claim.event_id.text),
                         i + 2);
    }
}

static void the_next_event_is_claimed_in_the_very_step(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_with_followers(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_SENT);
    struct claim_request request = fixture_claim_request(SENT_AT_MS, 10);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, &settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 1);
    assert_string_equal(batch.claims[0].event_id.text, "00000000-0000-7000-8000-000000000002");
    claim_batch_release(&batch);
}

static void the_next_event_waits_while_the_first_is_unfinished(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_with_followers(fixture);
    const enum outcome outcomes[] = {OUTCOME_RETRY, OUTCOME_THROTTLED, OUTCOME_UNSENT};
    for (int i = 0; i < 3; i++) {
        struct settlement settlement = fixture_settlement(&claim, outcomes[i], FIXTURE_NOW_MS);
        settle(fixture, &settlement);
        assert_string_equal(due_times(fixture), "waits|waits");
        claim = fixture_claim_one(fixture, SENT_AT_MS + 1);
    }
}

static void a_stale_sent_lets_the_next_event_go(void **state) {
    struct fixture *fixture = *state;
    struct claim lost = claim_with_followers(fixture);
    struct claim held = fixture_claim_one(fixture, FIXTURE_NOW_MS + LEASE_MS);
    assert_int_equal(held.token, 2);
    struct settlement settlement = verdict(&lost, OUTCOME_SENT);
    settle_stale(fixture, &settlement);
    assert_string_equal(due_times(fixture), "1000040|waits");
}

static void a_stale_retry_lets_nothing_go(void **state) {
    struct fixture *fixture = *state;
    struct claim lost = claim_with_followers(fixture);
    (void)fixture_claim_one(fixture, FIXTURE_NOW_MS + LEASE_MS);
    struct settlement settlement = verdict(&lost, OUTCOME_DEAD);
    settle_stale(fixture, &settlement);
    assert_string_equal(due_times(fixture), "waits|waits");
}

static void a_waiting_event_holds_back_nobody_else(void **state) {
    struct fixture *fixture = *state;
    (void)claim_with_followers(fixture);
    fixture_store_samples(fixture, 2, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + 10, 10);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 2);
    claim_batch_release(&batch);
}

/* ---- Busy ------------------------------------------------------------------------------------- */

static void busy_settles_and_claims_nothing(void **state) {
    struct fixture *fixture = *state;
    struct claim claim = claim_new(fixture);
    fixture_store_samples(fixture, 1, NULL);
    struct store_options options = fixture_options(STORE_BACKGROUND, 100);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct settlement settlement = verdict(&claim, OUTCOME_SENT);
    struct claim_request request = fixture_claim_request(SENT_AT_MS, 10);
    struct claim_batch batch = {0};
    struct settle_report report;
    ASSERT_CODE(ERR_BUSY,
                store_settle_and_claim(store, &settlement, 1, &report, &request, &batch, &err));
    assert_non_null(strstr(err.text, holder.pid_text));
    assert_int_equal(batch.claim_count, 0);
    fixture_release_gate(&holder);
    assert_int_equal(journal_count(fixture), 0);
    ASSERT_OK(store_settle_and_claim(store, &settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(report.stale_count, 0);
    assert_int_equal(batch.claim_count, 1);
    claim_batch_release(&batch);
    store_close(store);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(sent_ends_the_event),
        EACH(retry_makes_it_due_later_and_keeps_the_attempt),
        EACH(throttled_gives_the_attempt_back),
        EACH(paused_gives_the_attempt_back),
        EACH(dead_ends_the_event_with_its_reason),
        EACH(unsent_leaves_no_trace_but_the_token),
        EACH(without_an_answer_there_is_no_status_and_no_body),
        EACH(a_long_answer_is_cut_at_16_kib),
        EACH(age_begins_with_the_first_judged_attempt),
        EACH(a_retry_that_is_not_burnt_gives_the_attempt_back_and_begins_no_age),
        EACH(verdicts_and_claims_of_one_step_go_together),
        EACH(a_stale_verdict_changes_nothing_but_the_journal),
        EACH(of_many_stale_verdicts_all_are_counted_and_64_named),
        cmocka_unit_test(every_outcome_has_its_word),
        EACH(a_stale_unsent_leaves_no_line_and_takes_no_attempt),
        EACH(a_stale_sent_makes_the_event_sent),
        EACH(a_stale_verdict_that_is_not_burnt_was_counted_all_the_same),
        EACH(a_stale_sent_raises_the_dead),
        EACH(a_stale_sent_outweighs_a_cancel),
        EACH(sent_twice_keeps_the_first_time),
        EACH(the_same_verdict_again_changes_nothing),
        EACH(a_verdict_on_an_event_that_is_gone_harms_nobody),
        EACH(the_next_event_is_due_once_the_first_is_finished),
        EACH(the_next_event_is_claimed_in_the_very_step),
        EACH(the_next_event_waits_while_the_first_is_unfinished),
        EACH(a_stale_sent_lets_the_next_event_go),
        EACH(a_stale_retry_lets_nothing_go),
        EACH(a_waiting_event_holds_back_nobody_else),
        EACH(busy_settles_and_claims_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
