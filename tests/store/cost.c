/* What a step of a worker costs must not grow with what is finished. Counted in SQLite's own units,
   instructions and pages, not in time. */
#include <stdio.h>
#include <string.h>

#include "common/store/sqlite/engine.h"
#include "tests/store/fixture.h"

/* How SQLite means to run a statement, its steps joined by "; ". */
static const char *plan_of(struct fixture *fixture, enum sql_statement statement) {
    static char plan[1024];
    char text[4096];
    (void)snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sql_statements[statement].text);
    sqlite3_stmt *prepared = NULL;
    assert_int_equal(sqlite3_prepare_v2(sqlite_of(fixture->store)->db, text, -1, &prepared, NULL),
                     SQLITE_OK);
    size_t length = 0;
    plan[0] = '\0';
    while (sqlite3_step(prepared) == SQLITE_ROW && length < sizeof plan - 1) {
        length += (size_t)snprintf(plan + length, sizeof plan - length, "%s; ",
                                   (const char *)sqlite3_column_text(prepared, 3));
    }
    (void)sqlite3_finalize(prepared);
    return plan;
}

static void claims_are_found_in_the_index_of_what_is_due(void **state) {
    const enum sql_statement statements[] = {SQL_DUE_LIST, SQL_DUE_NEXT, SQL_DUE_REPEATED_COUNT};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const char *plan = plan_of(*state, statements[i]);
        if (strstr(plan, "outbox_due") == NULL || strstr(plan, "TEMP B-TREE") != NULL) {
            fail_msg("%s: %s", sql_statements[statements[i]].name, plan);
        }
    }
}

static void no_statement_of_create_claim_or_settle_reads_a_table_from_end_to_end(void **state) {
    const enum sql_statement statements[] = {
        SQL_KEY_FIND,          SQL_PREORDER_INSERT,    SQL_KEY_INSERT,        SQL_EVENT_INSERT,
        SQL_CLAIM_EVENT,       SQL_SETTLE_EVENT,       SQL_SETTLE_STALE_SENT, SQL_JOURNAL_VANISHED,
        SQL_JOURNAL_ATTEMPT,   SQL_RELEASE_EVENT,      SQL_RELEASE_NEXT,      SQL_DUE_LIST,
        SQL_DUE_NEXT,          SQL_DUE_REPEATED_COUNT, SQL_CLAIMS_LOSE,       SQL_CLAIMS_RENEW,
        SQL_WORKER_HAS_CLAIMS,
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const char *plan = plan_of(*state, statements[i]);
        if (strstr(plan, "SCAN outbox") != NULL || strstr(plan, "SCAN preorders") != NULL ||
            strstr(plan, "SCAN idempotency_keys") != NULL ||
            strstr(plan, "SCAN follower") != NULL || strstr(plan, "SCAN settled") != NULL) {
            fail_msg("%s: %s", sql_statements[statements[i]].name, plan);
        }
    }
}

struct cost {
    int64_t instructions;
    int64_t pages;
};

static int64_t pages_of(sqlite3 *db) {
    int hits = 0;
    int misses = 0;
    int highest = 0;
    (void)sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &highest, 1);
    (void)sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &highest, 1);
    return hits + misses;
}

static int64_t instructions_of(struct sqlite_store *store) {
    int64_t sum = 0;
    for (size_t i = 0; i < SQL_STATEMENT_COUNT; i++) {
        sum += sqlite3_stmt_status(store->statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return sum;
}

/* Creates ten, claims them, and settles them as sent. */
static struct cost cost_of_ten(struct fixture *fixture) {
    enum { EVENTS = 10 };
    struct sqlite_store *store = sqlite_of(fixture->store);
    (void)instructions_of(store);
    (void)pages_of(store->db);
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + EVENTS, EVENTS);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, EVENTS);
    struct settlement settlements[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        settlements[i] = fixture_settlement(&batch.claims[i], OUTCOME_SENT, FIXTURE_NOW_MS);
    }
    ASSERT_OK(store_settle_and_claim(fixture->store, settlements, EVENTS, &report, &request, &batch,
                                     &err));
    assert_int_equal(batch.claim_count, 0);
    claim_batch_release(&batch);
    return (struct cost){instructions_of(store), pages_of(store->db)};
}

/* `count` preorders whose event was sent. */
static void store_sent(struct fixture *fixture, const char *prefix, int count) {
    fixture_run(fixture,
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                " INSERT INTO preorders SELECT '%s-' || i, '%s-' || i, 'e', 'p', 'p', 'c', 'l', "
                "'s', 1, 'USD',"
                " '{}', 'initiated', NULL, 'u', NULL, 1, 1 FROM n",
                count, prefix, prefix);
    fixture_run(fixture,
                "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload,"
                " created_at, sent_at, attempts, token) SELECT 'e-' || id, id, 1, 'm',"
                " 'sent', '{}', 1, 2, 1, 1 FROM preorders WHERE id LIKE '%s-%%'",
                prefix);
}

static void a_step_costs_the_same_with_100000_events_sent(void **state) {
    struct fixture *fixture = *state;
    (void)cost_of_ten(fixture); /* warm */
    struct cost before = cost_of_ten(fixture);
    store_sent(fixture, "p", 100000);
    (void)cost_of_ten(fixture);
    struct cost after = cost_of_ten(fixture);
    print_message("# instructions %lld, then %lld; pages %lld, then %lld\n",
                  (long long)before.instructions, (long long)after.instructions,
                  (long long)before.pages, (long long)after.pages);
    assert_true(before.instructions > 500);
    assert_true(after.instructions <= before.instructions + before.instructions / 20);
    /* The trees are one or two levels deeper; nothing else may be read. */
    assert_true(after.pages <= 3 * before.pages);
}

/* 50,000 waiting and 50,000 due ones fill some 25,000 pages of the table. */
static void looking_at_the_backlog_reads_no_events(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    struct store_status status = {0};
    fixture_run(fixture,
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
                " INSERT INTO preorders SELECT 'p-' || i, 'N-' || i, 'e', 'p', 'p', 'c', 'l', 's', "
                "1, 'USD', '{}', 'initiated', NULL, 'u', NULL, 1, 1 FROM n");
    fixture_run(fixture, "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload,"
                         " created_at, next_attempt_at) SELECT 'e-' || id, id, 1, 'm', 'pending',"
                         " hex(randomblob(400)), 1, rowid * 1000 FROM preorders");
    (void)pages_of(sqlite_of(fixture->store)->db);
    ASSERT_OK(store_read_backlog(fixture->store, INT64_C(50000) * 1000, &status, &err));
    int64_t pages = pages_of(sqlite_of(fixture->store)->db);
    print_message("# pages %lld\n", (long long)pages);
    assert_int_equal(status.due_count, 50000);
    assert_int_equal(status.waiting_count, 50000);
    assert_int_equal(status.oldest_due_at_ms, 1000);
    assert_true(pages < 1000);
}

/* Of ten new events. */
static struct cost cost_of_a_claim(struct fixture *fixture) {
    enum { EVENTS = 10 };
    struct sqlite_store *store = sqlite_of(fixture->store);
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + EVENTS, EVENTS);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    (void)instructions_of(store);
    (void)pages_of(store->db);
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, EVENTS);
    claim_batch_release(&batch);
    return (struct cost){instructions_of(store), pages_of(store->db)};
}

/* `count` preorders; their first events in backoff, with a second event behind each. */
static void store_heads_in_backoff(struct fixture *fixture, int count) {
    fixture_run(fixture,
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                " INSERT INTO preorders SELECT 'h-' || i, 'H-' || i, 'e', 'p', 'p', 'c', 'l', 's', "
                "1, 'USD',"
                " '{}', 'initiated', NULL, 'u', NULL, 1, 1 FROM n",
                count);
    fixture_run(fixture,
                "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload,"
                " created_at, attempts, token, first_attempt_at, next_attempt_at)"
                " SELECT 'e-' || id, id, 1, 'm', 'pending', '{}', 1, 3, 3, 1, %d + rowid"
                " FROM preorders WHERE id LIKE 'h-%%'",
                FIXTURE_NOW_MS + 3600000);
    fixture_run(fixture, "INSERT INTO outbox (id, preorder_id, sequence, metric, status, payload,"
                         " created_at) SELECT 'f-' || id, id, 2, 'm', 'pending', '{}', 1"
                         " FROM preorders WHERE id LIKE 'h-%%'");
}

static void a_claim_costs_at_most_twice_with_100000_waiting_behind_heads_in_backoff(void **state) {
    struct fixture *fixture = *state;
    store_sent(fixture, "p", 2000); /* a shop that has sold something */
    (void)cost_of_a_claim(fixture);
    struct cost before = cost_of_a_claim(fixture);
    store_heads_in_backoff(fixture, 100000);
    (void)cost_of_a_claim(fixture);
    struct cost after = cost_of_a_claim(fixture);
    print_message("# instructions %lld, then %lld; pages %lld, then %lld\n",
                  (long long)before.instructions, (long long)after.instructions,
                  (long long)before.pages, (long long)after.pages);
    assert_true(after.instructions <= before.instructions + before.instructions / 20);
    assert_true(after.pages <= 2 * before.pages);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(claims_are_found_in_the_index_of_what_is_due),
        EACH(no_statement_of_create_claim_or_settle_reads_a_table_from_end_to_end),
        EACH(a_step_costs_the_same_with_100000_events_sent),
        EACH(a_claim_costs_at_most_twice_with_100000_waiting_behind_heads_in_backoff),
        EACH(looking_at_the_backlog_reads_no_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
