/* Repairing: what retry and cancel change, what they leave alone, and the line each leaves. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/fixture.h"
#include "tests/store/shim.h"

enum { LATER_MS = FIXTURE_NOW_MS + 5000, MANY = 3000 };

typedef enum err_code change_fn(struct store *store, const struct repair *repair,
                                int64_t *count_out, struct err *err);

static int64_t change(struct fixture *fixture, change_fn *run, struct event_filter filter) {
    struct repair repair = {
        .filter = filter, .actor = "anna", .reason = "because", .now_ms = LATER_MS};
    int64_t count = -1;
    struct err err = {0};
    ASSERT_OK(run(fixture->store, &repair, &count, &err));
    return count;
}

static int64_t change_one(struct fixture *fixture, change_fn *run, const struct ident *id) {
    return change(fixture, run, (struct event_filter){.ids = id, .id_count = 1});
}

static void kill_all(struct fixture *fixture) {
    fixture_run(fixture, "UPDATE outbox SET status = 'dead', next_attempt_at = NULL, attempts = 7,"
                         " token = 7, first_attempt_at = 5, last_error = 'timeout'");
}

/* The preorder of `first_id` gets two more events behind it. */
static void add_followers(struct fixture *fixture, const struct ident *first_id) {
    fixture_run(
        fixture,
        "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload, created_at)"
        " SELECT 'second', preorder_id, 2, 'Preorder Abandoned', 'pending', '{}', 2"
        " FROM outbox WHERE id = '%s'"
        " UNION ALL"
        " SELECT 'third', preorder_id, 3, 'Preorder Completed', 'pending', '{}', 3"
        " FROM outbox WHERE id = '%s'",
        first_id->text, first_id->text);
}

static const char *row(struct fixture *fixture, const char *id) {
    return fixture_text(fixture,
                        "SELECT status, attempts, next_attempt_at, claimed_by FROM outbox"
                        " WHERE id = '%s'",
                        id);
}

/* ---- Retry ------------------------------------------------------------------------------------ */

static void a_retried_event_starts_anew(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    kill_all(fixture);
    assert_int_equal(change_one(fixture, store_retry_events, &id), 1);
    assert_string_equal(fixture_text(fixture, "SELECT status, attempts, first_attempt_at,"
                                              " next_attempt_at, last_error FROM outbox"),
                        "pending|0||1005000|timeout");
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    assert_string_equal(claim.event_id.text, id.text);
    assert_int_equal(claim.attempts, 1);
    assert_int_equal(claim.first_attempt_at_ms, 0);
    fixture_assert_sound(fixture);
}

static void only_dead_events_are_retried(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[4];
    fixture_store_samples(fixture, 4, ids);
    fixture_run(fixture,
                "UPDATE outbox SET status = 'sent', next_attempt_at = NULL, sent_at = 1"
                " WHERE id = '%s'",
                ids[0].text);
    fixture_run(fixture,
                "UPDATE outbox SET status = 'cancelled', next_attempt_at = NULL"
                " WHERE id = '%s'",
                ids[1].text);
    (void)fixture_claim_one(fixture, LATER_MS);
    const char *before = fixture_text(fixture, "SELECT group_concat(status || token) FROM outbox");
    char kept[256];
    (void)snprintf(kept, sizeof kept, "%s", before);
    assert_int_equal(
        change(fixture, store_retry_events, (struct event_filter){.ids = ids, .id_count = 4}), 0);
    assert_int_equal(change(fixture, store_retry_events, (struct event_filter){0}), 0);
    assert_int_equal(
        change(fixture, store_retry_events, (struct event_filter){.status = "pending"}), 0);
    assert_string_equal(fixture_text(fixture, "SELECT group_concat(status || token) FROM outbox"),
                        kept);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_log"), 0);
}

static void a_retried_event_waits_behind_an_unfinished_earlier_one(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    fixture_run(fixture, "UPDATE outbox SET status = 'dead' WHERE id = 'second'");
    assert_int_equal(change(fixture, store_retry_events, (struct event_filter){0}), 1);
    assert_string_equal(row(fixture, "second"), "pending|0||");
    assert_string_equal(row(fixture, "third"), "pending|0||");
}

static void a_retried_event_does_not_wait_behind_finished_ones(void **state) {
    struct fixture *fixture = *state;
    static const char *const ends[] = {"status = 'sent', sent_at = 1", "status = 'cancelled'",
                                       "status = 'dead'"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct ident id;
        fixture_run(fixture, "DELETE FROM outbox");
        fixture_store_samples(fixture, 1, &id);
        add_followers(fixture, &id);
        fixture_run(fixture, "UPDATE outbox SET next_attempt_at = NULL, %s WHERE id = '%s'",
                    ends[i], id.text);
        fixture_run(fixture, "UPDATE outbox SET status = 'dead' WHERE id = 'second'");
        assert_int_equal(change(fixture, store_retry_events,
                                (struct event_filter){.metric = "Preorder Abandoned"}),
                         1);
        assert_string_equal(row(fixture, "second"), "pending|0|1005000|");
        assert_string_equal(row(fixture, "third"), "pending|0||");
    }
}

static void a_later_event_in_hand_is_not_held_back_by_a_retry(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    struct settlement dead = fixture_settlement(&claim, OUTCOME_DEAD, LATER_MS);
    (void)fixture_settle(fixture, &dead, LATER_MS);
    (void)fixture_claim_one(fixture, LATER_MS); /* the second */
    assert_int_equal(change_one(fixture, store_retry_events, &id), 1);
    assert_string_equal(row(fixture, "second"), "pending|1|1006000|worker-a");
    assert_string_equal(row(fixture, id.text), "pending|0|1005000|");
}

/* Whatever became of that attempt, but for the end of it. */
static void once_it_is_back_it_waits_for_the_retried_one(void **state) {
    static const enum outcome back[] = {OUTCOME_RETRY, OUTCOME_THROTTLED, OUTCOME_PAUSED,
                                        OUTCOME_UNSENT};
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++) {
        struct claim claim = fixture_claim_one(fixture, LATER_MS);
        assert_string_equal(claim.event_id.text, id.text);
        struct settlement verdict = fixture_settlement(&claim, OUTCOME_DEAD, LATER_MS);
        (void)fixture_settle(fixture, &verdict, LATER_MS);
        claim = fixture_claim_one(fixture, LATER_MS); /* the second */
        assert_int_equal(change_one(fixture, store_retry_events, &id), 1);
        verdict = fixture_settlement(&claim, back[i], LATER_MS);
        verdict.next_attempt_at_ms = LATER_MS;
        verdict.pause_reason = back[i] == OUTCOME_PAUSED ? "the key is wrong" : NULL;
        (void)fixture_settle(fixture, &verdict, LATER_MS);
        assert_int_equal(fixture_number(fixture, "SELECT next_attempt_at FROM outbox"
                                                 " WHERE id = 'second'"),
                         -1);
        fixture_run(fixture, "UPDATE account SET paused_at = NULL, pause_reason = NULL");
    }
}

static void what_comes_after_a_retried_event_waits_for_it_again(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    struct settlement dead = fixture_settlement(&claim, OUTCOME_DEAD, LATER_MS);
    (void)fixture_settle(fixture, &dead, LATER_MS);
    assert_string_equal(row(fixture, "second"), "pending|0|1005000|");
    assert_int_equal(change_one(fixture, store_retry_events, &id), 1);
    assert_string_equal(row(fixture, "second"), "pending|0||");
    claim = fixture_claim_one(fixture, LATER_MS);
    assert_string_equal(claim.event_id.text, id.text);
    struct settlement sent = fixture_settlement(&claim, OUTCOME_SENT, LATER_MS);
    (void)fixture_settle(fixture, &sent, LATER_MS);
    assert_string_equal(row(fixture, "second"), "pending|0|1005000|");
    assert_string_equal(row(fixture, "third"), "pending|0||");
}

static void all_dead_events_of_a_preorder_are_retried_in_their_order(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    kill_all(fixture);
    assert_int_equal(change(fixture, store_retry_events, (struct event_filter){0}), 3);
    assert_string_equal(row(fixture, id.text), "pending|0|1005000|");
    assert_string_equal(row(fixture, "second"), "pending|0||");
    assert_string_equal(row(fixture, "third"), "pending|0||");
}

/* A worker whose commit was in doubt settles again; a person was faster. */
static void a_verdict_from_before_does_not_undo_a_retry(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    struct settlement dead = fixture_settlement(&claim, OUTCOME_DEAD, LATER_MS);
    (void)fixture_settle(fixture, &dead, LATER_MS);
    assert_int_equal(change_one(fixture, store_retry_events, &id), 1);
    assert_int_equal(fixture_settle(fixture, &dead, LATER_MS).stale_count, 1);
    assert_string_equal(row(fixture, id.text), "pending|0|1005000|");
}

/* ---- Cancel ----------------------------------------------------------------------------------- */

static void pending_and_dead_events_are_cancelled_and_others_left_alone(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[5];
    fixture_store_samples(fixture, 5, ids);
    fixture_run(fixture,
                "UPDATE outbox SET status = 'sent', next_attempt_at = NULL, sent_at = 1"
                " WHERE id = '%s'",
                ids[0].text);
    fixture_run(fixture,
                "UPDATE outbox SET status = 'dead', next_attempt_at = NULL"
                " WHERE id = '%s'",
                ids[1].text);
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    assert_int_equal(
        change(fixture, store_cancel_events, (struct event_filter){.ids = ids, .id_count = 5}), 3);
    assert_string_equal(fixture_text(fixture, "SELECT group_concat(status) FROM"
                                              " (SELECT status FROM outbox ORDER BY created_at)"),
                        "sent,cancelled,pending,cancelled,cancelled");
    /* What was in hand goes its way. */
    struct settlement sent = fixture_settlement(&claim, OUTCOME_SENT, LATER_MS);
    assert_int_equal(fixture_settle(fixture, &sent, LATER_MS).stale_count, 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox WHERE status = 'sent'"),
                     2);
    fixture_assert_sound(fixture);
}

static void a_cancelled_event_makes_the_next_one_due(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    assert_int_equal(change_one(fixture, store_cancel_events, &id), 1);
    assert_string_equal(row(fixture, "second"), "pending|0|1005000|");
    assert_string_equal(row(fixture, "third"), "pending|0||");
}

static void cancelling_in_the_middle_leaves_the_order(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    add_followers(fixture, &id);
    assert_int_equal(
        change(fixture, store_cancel_events, (struct event_filter){.metric = "Preorder Abandoned"}),
        1);
    assert_string_equal(row(fixture, id.text), "pending|0|1000000|");
    assert_string_equal(row(fixture, "second"), "cancelled|0||");
    assert_string_equal(row(fixture, "third"), "pending|0||");
}

static void a_claim_that_ran_out_is_journaled_and_cancelled(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    struct claim claim = fixture_claim_one(fixture, LATER_MS - 2000); /* for 1,000 ms */
    assert_int_equal(change_one(fixture, store_cancel_events, &id), 1);
    assert_string_equal(row(fixture, id.text), "cancelled|1||");
    assert_string_equal(
        fixture_text(fixture, "SELECT token, worker, outcome, burnt FROM outbox_attempts"),
        "1|worker-a|unknown|1");
    /* Its holder speaks up after all: no verdict but a 2xx changes anything. */
    struct settlement retry = fixture_settlement(&claim, OUTCOME_RETRY, LATER_MS);
    assert_int_equal(fixture_settle(fixture, &retry, LATER_MS).stale_count, 1);
    assert_string_equal(row(fixture, id.text), "cancelled|1||");
    struct settlement sent = fixture_settlement(&claim, OUTCOME_SENT, LATER_MS);
    (void)fixture_settle(fixture, &sent, LATER_MS);
    assert_string_equal(row(fixture, id.text), "sent|1||");
}

static void a_status_limits_what_is_cancelled(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *status;
        int64_t count;
    } cases[] = {{"due", 1},  {"waiting", 2}, {"pending", 3},   {"dead", 1},
                 {"sent", 0}, {"sending", 0}, {"cancelled", 0}, {NULL, 4}};
    static const char in_hand[] = "claimed_by = 'w', claimed_at = 1, claim_expires_at = 9000000,"
                                  " next_attempt_at = 9000000";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ident ids[5];
        fixture_run(fixture, "DELETE FROM outbox");
        fixture_store_samples(fixture, 5, ids);
        const char *const changes[5] = {
            "next_attempt_at = 5",
            "next_attempt_at = NULL",
            "next_attempt_at = 9000000",
            "next_attempt_at = NULL, status = 'dead'",
            in_hand,
        };
        for (size_t event = 0; event < 5; event++) {
            fixture_run(fixture, "UPDATE outbox SET %s WHERE id = '%s'", changes[event],
                        ids[event].text);
        }
        assert_int_equal(
            change(fixture, store_cancel_events, (struct event_filter){.status = cases[i].status}),
            cases[i].count);
    }
}

/* ---- Both ------------------------------------------------------------------------------------- */

static void a_dry_run_counts_and_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    kill_all(fixture);
    struct repair repair = {
        .actor = "anna", .reason = "", .now_ms = LATER_MS, .dry_run = true, .filter.limit = 2};
    int64_t count = 0;
    struct err err = {0};
    ASSERT_OK(store_retry_events(fixture->store, &repair, &count, &err));
    assert_int_equal(count, 2);
    repair.filter.limit = 0;
    ASSERT_OK(store_cancel_events(fixture->store, &repair, &count, &err));
    assert_int_equal(count, 3);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox WHERE status = 'dead'"),
                     3);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_log"), 0);
}

static void every_repair_leaves_a_line_that_says_who_what_and_why(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[3];
    fixture_store_samples(fixture, 3, ids);
    kill_all(fixture);
    char expected[256];
    assert_int_equal(
        change(fixture, store_retry_events, (struct event_filter){.ids = ids, .id_count = 2}), 2);
    (void)snprintf(expected, sizeof expected, "1005000|anna|retry|%s %s|because|2", ids[0].text,
                   ids[1].text);
    assert_string_equal(fixture_text(fixture, "SELECT at, actor, action, target, reason, count"
                                              " FROM audit_log"),
                        expected);
    struct event_filter filter = {.status = "dead",
                                  .email = "shopper-2@example.com",
                                  .error = "TIME",
                                  .created_before_ms = LATER_MS,
                                  .limit = 9};
    assert_int_equal(change(fixture, store_cancel_events, filter), 1);
    const char *target = fixture_text(fixture, "SELECT action, target FROM audit_log"
                                               " ORDER BY id DESC LIMIT 1");
    assert_non_null(strstr(target, "cancel|events status=\"dead\" email=\"s***@example.com\""));
    assert_non_null(strstr(target, "error=\"TIME\" created_before=1970-01-01T00:16:45.000Z"));
    assert_non_null(strstr(target, "limit=9"));
}

static void a_large_repair_goes_in_batches_that_add_up(void **state) {
    struct fixture *fixture = *state;
    enum { EVENT_COUNT = 1203 };
    fixture_store_samples(fixture, EVENT_COUNT, NULL);
    kill_all(fixture);
    assert_int_equal(change(fixture, store_retry_events, (struct event_filter){.error = "timeout"}),
                     EVENT_COUNT);
    assert_int_equal(fixture_number(fixture, "SELECT sum(count) FROM audit_log"), EVENT_COUNT);
    assert_true(fixture_number(fixture, "SELECT count(*) FROM audit_log") > 1);
    assert_true(fixture_number(fixture, "SELECT max(count) FROM audit_log") <= 500);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"
                                             " WHERE status = 'pending' AND next_attempt_at > 0"),
                     EVENT_COUNT);
}

/* What every checkpoint meets. Pages go into the database itself by a checkpoint only, and the lock that is taken next
   after a commit's sync is a checkpoint's. */
static struct {
    int answer; /* SQLITE_OK: nothing */
    bool has_committed;
    int met_count;
} trouble;

static int before_call(void *context, enum shim_call call, const char *path) {
    (void)context;
    bool is_log = strstr(path, "-wal") != NULL;
    bool is_lock = call == SHIM_SHARED_LOCK && trouble.has_committed;
    bool is_page = call == SHIM_WRITE && !is_log;
    trouble.has_committed = call == SHIM_SYNC && is_log;
    if (trouble.answer == SQLITE_OK || !(trouble.answer == SQLITE_BUSY ? is_lock : is_page)) {
        return SQLITE_OK;
    }
    trouble.met_count++;
    return trouble.answer;
}

static const struct shim shim = {.before = before_call};

/* Of so many that the first batch's checkpoint has a log to work off. */
static enum err_code retry_many(struct fixture *fixture, int answer, int64_t *count_out,
                                struct err *err) {
    struct repair repair = {.actor = "anna", .reason = "", .now_ms = LATER_MS};
    fixture_store_samples(fixture, MANY, NULL);
    kill_all(fixture);
    trouble.met_count = 0;
    trouble.answer = answer;
    enum err_code code = store_retry_events(fixture->store, &repair, count_out, err);
    trouble.answer = SQLITE_OK;
    assert_true(trouble.met_count > 0);
    assert_true(store_wal_pages(fixture->store) >= 1000);
    return code;
}

static void a_log_that_cannot_be_worked_off_ends_a_repair_behind_whole_batches(void **state) {
    struct fixture *fixture = *state;
    int64_t count = -1;
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, retry_many(fixture, SQLITE_IOERR_WRITE, &count, &err));
    assert_non_null(strstr(err.text, "cannot work the log off"));
    assert_in_range(count, 1, MANY - 1);
    assert_int_equal(fixture_number(fixture, "SELECT sum(count) FROM audit_log"), count);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM outbox WHERE status = 'pending'"), count);
    fixture_assert_sound(fixture);
}

static void while_another_works_the_log_off_a_repair_goes_on(void **state) {
    struct fixture *fixture = *state;
    int64_t count = -1;
    struct err err = {0};
    ASSERT_OK(retry_many(fixture, SQLITE_BUSY, &count, &err));
    assert_int_equal(count, MANY);
    assert_string_equal(err.text, "");
    assert_int_equal(fixture_number(fixture, "SELECT sum(count) FROM audit_log"), MANY);
}

/* More of them than one batch holds: the second batch finds nothing left to do. */
static void an_event_named_more_than_once_is_changed_once(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    struct ident ids[251];
    fixture_store_samples(fixture, 1, &id);
    kill_all(fixture);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ids[i] = id;
    }
    struct event_filter filter = {.ids = ids, .id_count = sizeof ids / sizeof ids[0]};
    assert_int_equal(change(fixture, store_retry_events, filter), 1);
    assert_string_equal(fixture_text(fixture, "SELECT count(*), sum(count) FROM audit_log"), "1|1");
}

static void a_limit_takes_the_newest(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[4];
    fixture_store_samples(fixture, 4, ids);
    kill_all(fixture);
    assert_int_equal(change(fixture, store_retry_events, (struct event_filter){.limit = 1}), 1);
    assert_string_equal(fixture_text(fixture, "SELECT id FROM outbox WHERE status = 'pending'"),
                        ids[3].text);
}

static void a_repair_that_never_gets_through_the_gate_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    kill_all(fixture);
    store_close(fixture->store);
    struct store_options options = fixture_options(STORE_BACKGROUND, 50);
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &fixture->store, &err));
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct repair repair = {.actor = "anna", .reason = "", .now_ms = LATER_MS};
    int64_t count = -1;
    ASSERT_CODE(ERR_BUSY, store_retry_events(fixture->store, &repair, &count, &err));
    assert_int_equal(count, 0);
    assert_non_null(strstr(err.text, holder.pid_text));
    fixture_release_gate(&holder);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox WHERE status = 'dead'"),
                     2);
    ASSERT_OK(store_retry_events(fixture->store, &repair, &count, &err));
    assert_int_equal(count, 2);
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static int install(void **state) {
    (void)state;
    shim_install(&shim);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_retried_event_starts_anew),
        WITH_DATABASE(only_dead_events_are_retried),
        WITH_DATABASE(a_retried_event_waits_behind_an_unfinished_earlier_one),
        WITH_DATABASE(a_retried_event_does_not_wait_behind_finished_ones),
        WITH_DATABASE(a_later_event_in_hand_is_not_held_back_by_a_retry),
        WITH_DATABASE(once_it_is_back_it_waits_for_the_retried_one),
        WITH_DATABASE(what_comes_after_a_retried_event_waits_for_it_again),
        WITH_DATABASE(all_dead_events_of_a_preorder_are_retried_in_their_order),
        WITH_DATABASE(a_verdict_from_before_does_not_undo_a_retry),
        WITH_DATABASE(pending_and_dead_events_are_cancelled_and_others_left_alone),
        WITH_DATABASE(a_cancelled_event_makes_the_next_one_due),
        WITH_DATABASE(cancelling_in_the_middle_leaves_the_order),
        WITH_DATABASE(a_claim_that_ran_out_is_journaled_and_cancelled),
        WITH_DATABASE(a_status_limits_what_is_cancelled),
        WITH_DATABASE(a_dry_run_counts_and_changes_nothing),
        WITH_DATABASE(every_repair_leaves_a_line_that_says_who_what_and_why),
        WITH_DATABASE(a_large_repair_goes_in_batches_that_add_up),
        WITH_DATABASE(a_log_that_cannot_be_worked_off_ends_a_repair_behind_whole_batches),
        WITH_DATABASE(while_another_works_the_log_off_a_repair_goes_on),
        WITH_DATABASE(an_event_named_more_than_once_is_changed_once),
        WITH_DATABASE(a_limit_takes_the_newest),
        WITH_DATABASE(a_repair_that_never_gets_through_the_gate_changes_nothing),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
