/* Counting: the status, and an audit that no single wrong row gets past. */
#include <stdio.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { LATER_MS = FIXTURE_NOW_MS + 100 };

static struct store_status read_status(struct fixture *fixture) {
    struct store_status status = {0};
    struct err err = {0};
    ASSERT_OK(store_read_status(fixture->store, LATER_MS, &status, &err));
    return status;
}

static struct store_audit audit(struct fixture *fixture) {
    struct store_audit audit = {0};
    struct err err = {0};
    ASSERT_OK(store_audit(fixture->store, &audit, &err));
    return audit;
}

static void an_empty_database_has_a_status(void **state) {
    struct fixture *fixture = *state;
    struct store_status status = read_status(fixture);
    assert_true(status.schema_version >= 1);
    assert_int_equal(status.schema_version, fixture_number(fixture, "PRAGMA user_version"));
    assert_int_equal(status.preorder_count, 0);
    assert_int_equal(status.due_count + status.waiting_count + status.claimed_count +
                         status.sent_count + status.dead_count + status.cancelled_count,
                     0);
    assert_int_equal(status.oldest_due_at_ms, 0);
    assert_int_equal(status.last_sent_at_ms, 0);
    assert_int_equal(status.account_paused_since_ms, 0);
    assert_string_equal(status.account_pause_reason, "");
    assert_int_equal(status.database_bytes,
                     fixture_number(fixture, "SELECT page_count * page_size FROM"
                                             " pragma_page_count, pragma_page_size"));
}

static void every_event_is_counted_once_in_the_status(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[10];
    fixture_store_samples(fixture, 10, ids);
    static const char *const changes[10] = {
        "status = 'sent', next_attempt_at = NULL, sent_at = 1000050",
        "status = 'sent', next_attempt_at = NULL, sent_at = 1000050",
        "status = 'dead', next_attempt_at = NULL",
        "status = 'cancelled', next_attempt_at = NULL",
        "next_attempt_at = 1000007",
        "next_attempt_at = 1000005",
        "next_attempt_at = 2000000",
        "next_attempt_at = NULL",
        "claimed_by = 'w', claimed_at = 1, claim_expires_at = 2000000, next_attempt_at = 2000000",
        "claimed_by = 'w', claimed_at = 1, claim_expires_at = 1000010, next_attempt_at = 1000010",
    };
    for (size_t i = 0; i < 10; i++) {
        fixture_run(fixture, "UPDATE outbox SET %s WHERE id = '%s'", changes[i], ids[i].text);
    }
    struct store_status status = read_status(fixture);
    assert_int_equal(status.preorder_count, 10);
    assert_int_equal(status.sent_count, 2);
    assert_int_equal(status.dead_count, 1);
    assert_int_equal(status.cancelled_count, 1);
    assert_int_equal(status.due_count, 3);
    assert_int_equal(status.waiting_count, 2);
    assert_int_equal(status.claimed_count, 1);
    assert_int_equal(status.oldest_due_at_ms, 1000005);

    struct store_status backlog = {0};
    struct err err = {0};
    ASSERT_OK(store_read_backlog(fixture->store, LATER_MS, &backlog, &err));
    status.preorder_count = 0;
    status.sent_count = 0;
    status.cancelled_count = 0;
    assert_memory_equal(&backlog, &status, sizeof status);
}

static void a_live_claim_is_not_due_whenever_it_would_be_looked_at_next(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[2];
    fixture_store_samples(fixture, 2, ids);
    fixture_run(fixture,
                "UPDATE outbox SET claimed_by = 'w', claimed_at = 1, claim_expires_at = 2000000,"
                " next_attempt_at = 1000000 WHERE id = '%s'",
                ids[0].text);
    struct store_status status = read_status(fixture);
    assert_int_equal(status.claimed_count, 1);
    assert_int_equal(status.due_count, 1);
    assert_int_equal(status.waiting_count, 0);
    assert_int_equal(
        status.oldest_due_at_ms,
        fixture_number(fixture, "SELECT next_attempt_at FROM outbox WHERE id = '%s'", ids[1].text));
}

static void a_pause_and_the_last_success_show_in_the_status(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct claim claim = fixture_claim_one(fixture, LATER_MS);
    struct settlement sent = fixture_settlement(&claim, OUTCOME_SENT, LATER_MS);
    (void)fixture_settle(fixture, &sent, LATER_MS);
    claim = fixture_claim_one(fixture, LATER_MS);
    struct settlement paused = fixture_settlement(&claim, OUTCOME_PAUSED, LATER_MS);
    paused.pause_reason = "the key is wrong";
    paused.account_not_before_ms = LATER_MS + 60000;
    (void)fixture_settle(fixture, &paused, LATER_MS);
    struct store_status status = read_status(fixture);
    assert_int_equal(status.last_sent_at_ms, LATER_MS);
    assert_int_equal(status.account_paused_since_ms, LATER_MS);
    assert_int_equal(status.account_not_before_ms, LATER_MS + 60000);
    assert_string_equal(status.account_pause_reason, "the key is wrong");
}

static void the_log_is_counted_from_its_file(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 50, NULL);
    int64_t bytes = fixture_file_bytes(fixture, "-wal");
    assert_true(bytes > 32);
    assert_int_equal(read_status(fixture).wal_pages, (bytes - 32) / (4096 + 24));
}

static void an_audit_of_what_the_store_wrote_agrees(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    for (int i = 0; i < 2; i++) {
        struct claim claim = fixture_claim_one(fixture, LATER_MS);
        struct settlement settlement =
            fixture_settlement(&claim, i == 0 ? OUTCOME_SENT : OUTCOME_DEAD, LATER_MS);
        (void)fixture_settle(fixture, &settlement, LATER_MS);
    }
    fixture_run(fixture, "UPDATE outbox SET status = 'cancelled', next_attempt_at = NULL"
                         " WHERE id = (SELECT id FROM outbox WHERE status = 'pending' LIMIT 1)");
    struct store_audit found = audit(fixture);
    assert_int_equal(found.preorder_count, 5);
    assert_int_equal(found.payment_event_count, 0);
    assert_int_equal(found.sent_count, 1);
    assert_int_equal(found.dead_count, 1);
    assert_int_equal(found.cancelled_count, 1);
    assert_int_equal(found.pending_count, 2);
    assert_int_equal(found.pruned_count, 0);
    assert_true(found.agrees);
}

static void an_empty_database_agrees(void **state) {
    assert_true(audit(*state).agrees);
}

/* Each is one wrong thing in an otherwise right database. */
static void an_audit_finds_every_single_wrong_row(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *wrong;
        int64_t without_event, without_preorder, without_attempt;
    } cases[] = {
        {"DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)", 1, 0, 0},
        {"PRAGMA foreign_keys = OFF; DELETE FROM preorders"
         " WHERE id = (SELECT min(id) FROM preorders)",
         0, 1, 0},
        {"INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload, created_at)"
         " SELECT 'extra', min(id), 2, 'Preorder Completed', 'dead', '{}', 1 FROM preorders",
         0, 0, 0},
        {"UPDATE outbox SET sequence = 2 WHERE id = (SELECT min(id) FROM outbox)", 1, 0, 0},
        /* one event too few and one too many: the sums alone would agree */
        {"DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox);"
         "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload, created_at)"
         " SELECT 'extra', max(id), 2, 'Preorder Completed', 'dead', '{}', 1 FROM preorders",
         1, 0, 0},
        {"UPDATE outbox SET status = 'sent', sent_at = 1, next_attempt_at = NULL"
         " WHERE id = (SELECT min(id) FROM outbox)",
         0, 0, 1},
        {"UPDATE pruned_events SET count = 1 WHERE status = 'sent'", 0, 0, 0},
    };
    fixture_store_samples(fixture, 3, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_run(fixture, "CREATE TABLE kept_o AS SELECT * FROM outbox;"
                             "CREATE TABLE kept_p AS SELECT * FROM preorders");
        assert_true(audit(fixture).agrees);
        fixture_run(fixture, "%s", cases[i].wrong);
        struct store_audit found = audit(fixture);
        assert_false(found.agrees);
        assert_int_equal(found.preorders_without_event, cases[i].without_event);
        assert_int_equal(found.events_without_preorder, cases[i].without_preorder);
        assert_int_equal(found.sent_without_attempt, cases[i].without_attempt);
        fixture_run(fixture, "PRAGMA foreign_keys = OFF; DELETE FROM outbox; DELETE FROM preorders;"
                             "INSERT INTO preorders SELECT * FROM kept_p;"
                             "INSERT INTO outbox SELECT * FROM kept_o;"
                             "DROP TABLE kept_o; DROP TABLE kept_p;"
                             "UPDATE pruned_events SET count = 0");
    }
}

static void what_was_pruned_is_missed_by_nobody(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    fixture_run(fixture, "DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox);"
                         "UPDATE pruned_events SET count = 1 WHERE status = 'sent'");
    assert_true(audit(fixture).agrees);
    fixture_run(fixture, "DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)");
    assert_false(audit(fixture).agrees);
}

/* One event without a preorder and one payment without its event: the sums alone would agree. */
static void an_audit_does_not_trust_the_sums(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct ident id;
    assert_true(ident_parse(fixture_text(fixture, "SELECT max(id) FROM preorders"), &id));
    struct payment_event paid = fixture_payment(&id, "1", "1", PAYMENT_PAID);
    assert_int_equal(fixture_apply(fixture, &paid, FIXTURE_NOW_MS).result, PAYMENT_APPLIED);
    assert_true(audit(fixture).agrees);
    fixture_run(fixture, "DELETE FROM outbox WHERE sequence = 2; PRAGMA foreign_keys = OFF;"
                         "DELETE FROM preorders WHERE id = (SELECT min(id) FROM preorders)");
    struct store_audit found = audit(fixture);
    assert_int_equal(found.events_without_preorder, 1);
    assert_int_equal(found.payments_without_event, 1);
    assert_int_equal(found.preorders_without_event, 0);
    assert_false(found.agrees);
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(an_empty_database_has_a_status),
        WITH_DATABASE(every_event_is_counted_once_in_the_status),
        WITH_DATABASE(a_live_claim_is_not_due_whenever_it_would_be_looked_at_next),
        WITH_DATABASE(a_pause_and_the_last_success_show_in_the_status),
        WITH_DATABASE(the_log_is_counted_from_its_file),
        WITH_DATABASE(an_audit_of_what_the_store_wrote_agrees),
        WITH_DATABASE(an_empty_database_agrees),
        WITH_DATABASE(an_audit_finds_every_single_wrong_row),
        WITH_DATABASE(an_audit_does_not_trust_the_sums),
        WITH_DATABASE(what_was_pruned_is_missed_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
