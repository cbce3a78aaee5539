/* Looking: what is found, in which order, through which index, and by which filter. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/sqlite.h"
#include "tests/store/fixture.h"

enum { LATER_MS = FIXTURE_NOW_MS + 100 };

/* Another event of the preorder that has `first_id`, with its own id. */
static struct ident add_event(struct fixture *fixture, const struct ident *first_id, int sequence,
                              const char *columns, const char *values) {
    struct ident id = ident_make(FIXTURE_NOW_MS + sequence, &fixture->random);
    fixture_run(fixture,
                "INSERT INTO outbox (id, preorder_id, sequence, metric, payload, created_at, %s)"
                " SELECT '%s', preorder_id, %d, 'Preorder Completed', '{}', %d, %s"
                " FROM outbox WHERE id = '%s'",
                columns, id.text, sequence, FIXTURE_NOW_MS + sequence, values, first_id->text);
    return id;
}

static struct ident preorder_of(struct fixture *fixture, const struct ident *event_id) {
    struct ident id;
    const char *text =
        fixture_text(fixture, "SELECT preorder_id FROM outbox WHERE id = '%s'", event_id->text);
    assert_true(ident_parse(text, &id));
    return id;
}

static struct event_list list(struct fixture *fixture, const struct event_filter *filter) {
    struct event_list events = {0};
    struct err err = {0};
    ASSERT_OK(store_list_events(fixture->store, filter, LATER_MS, &events, &err));
    return events;
}

static size_t count(struct fixture *fixture, const struct event_filter *filter) {
    struct event_list events = list(fixture, filter);
    size_t event_count = events.event_count;
    event_list_release(&events);
    return event_count;
}

/* ---- One preorder ----------------------------------------------------------------------------- */

static void a_preorder_comes_with_its_events_in_their_order(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[3];
    fixture_store_samples(fixture, 3, ids);
    struct ident second = add_event(fixture, &ids[1], 2, "status", "'pending'");
    struct ident third = add_event(fixture, &ids[1], 3, "status", "'pending'");
    struct ident preorder_id = preorder_of(fixture, &ids[1]);

    struct preorder_view preorder;
    struct event_list events;
    struct err err = {0};
    ASSERT_OK(
        store_find_preorder(fixture->store, &preorder_id, LATER_MS, &preorder, &events, &err));
    assert_string_equal(preorder.id.text, preorder_id.text);
    assert_string_equal(preorder.email, "shopper-1@example.com");
    assert_string_equal(preorder.product, "Scarf \"Søster\" 🧣");
    assert_string_equal(preorder.status, "initiated");
    assert_string_equal(preorder.flag, "");
    assert_int_equal(preorder.amount, 4999);
    assert_int_equal(preorder.created_at_ms, FIXTURE_NOW_MS + 1);
    assert_int_equal(events.event_count, 3);
    assert_string_equal(events.events[0].id.text, ids[1].text);
    assert_string_equal(events.events[1].id.text, second.text);
    assert_string_equal(events.events[2].id.text, third.text);
    assert_string_equal(events.events[0].behind_id.text, "");
    assert_string_equal(events.events[1].behind_id.text, ids[1].text);
    assert_string_equal(events.events[2].behind_id.text, second.text);
    assert_string_equal(events.events[0].preorder_number, preorder.number);
    assert_string_equal(events.events[0].metric, "Preorder Started");
    assert_int_equal(events.events[0].next_attempt_at_ms, FIXTURE_NOW_MS + 1);
    assert_int_equal(events.events[1].next_attempt_at_ms, 0);
    event_list_release(&events);
}

static void a_preorder_without_events_is_found(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    struct ident preorder_id = preorder_of(fixture, &id);
    fixture_run(fixture, "DELETE FROM outbox");
    struct preorder_view preorder;
    struct event_list events;
    struct err err = {0};
    ASSERT_OK(
        store_find_preorder(fixture->store, &preorder_id, LATER_MS, &preorder, &events, &err));
    assert_int_equal(events.event_count, 0);
    event_list_release(&events);
}

static void an_unknown_preorder_is_not_found(void **state) {
    struct fixture *fixture = *state;
    struct ident id = ident_make(1, &fixture->random);
    struct preorder_view preorder;
    struct event_list events;
    struct err err = {0};
    ASSERT_CODE(ERR_NOT_FOUND,
                store_find_preorder(fixture->store, &id, LATER_MS, &preorder, &events, &err));
    assert_non_null(strstr(err.text, id.text));
}

static void a_live_claim_shows_and_an_expired_one_does_not(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    (void)fixture_claim_one(fixture, LATER_MS); /* for 1,000 ms */
    struct event_filter filter = {.ids = &id, .id_count = 1};
    struct event_list events = list(fixture, &filter);
    assert_true(events.events[0].is_claimed);
    assert_string_equal(events.events[0].claimed_by, "worker-a");
    assert_int_equal(events.events[0].claim_expires_at_ms, LATER_MS + 1000);
    event_list_release(&events);
    struct err err = {0};
    ASSERT_OK(store_list_events(fixture->store, &filter, LATER_MS + 1000, &events, &err));
    assert_false(events.events[0].is_claimed);
    event_list_release(&events);
}

/* ---- Search ----------------------------------------------------------------------------------- */

static void preorders_are_found_by_each_of_their_names(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[3];
    fixture_store_samples(fixture, 3, ids);
    struct ident preorder_id = preorder_of(fixture, &ids[2]);
    char number[PREORDER_NUMBER_BYTES];
    (void)snprintf(
        number, sizeof number, "%s",
        fixture_text(fixture, "SELECT number FROM preorders WHERE id = '%s'", preorder_id.text));
    const struct {
        enum search_kind kind;
        const char *text;
    } searches[] = {{SEARCH_ID, preorder_id.text},
                    {SEARCH_ID, ids[2].text},
                    {SEARCH_NUMBER, number},
                    {SEARCH_EMAIL, "shopper-2@example.com"}};
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct preorder_list preorders;
        struct err err = {0};
        ASSERT_OK(store_search_preorders(fixture->store, searches[i].kind, searches[i].text,
                                         &preorders, &err));
        assert_int_equal(preorders.preorder_count, 1);
        assert_string_equal(preorders.preorders[0].id.text, preorder_id.text);
        preorder_list_release(&preorders);
    }
}

static void a_search_without_result_is_no_error(void **state) {
    struct fixture *fixture = *state;
    const enum search_kind kinds[] = {SEARCH_ID, SEARCH_NUMBER, SEARCH_EMAIL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct preorder_list preorders;
        struct err err = {0};
        ASSERT_OK(
            store_search_preorders(fixture->store, kinds[i], "' OR 1=1 --", &preorders, &err));
        assert_int_equal(preorders.preorder_count, 0);
        preorder_list_release(&preorders);
    }
}

static void a_search_by_email_is_newest_first_and_bounded(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, SEARCH_PREORDERS_MAX + 5, NULL);
    fixture_run(fixture, "UPDATE preorders SET email = 'one@example.com'");
    struct preorder_list preorders;
    struct err err = {0};
    ASSERT_OK(
        store_search_preorders(fixture->store, SEARCH_EMAIL, "one@example.com", &preorders, &err));
    assert_int_equal(preorders.preorder_count, SEARCH_PREORDERS_MAX);
    assert_int_equal(preorders.preorders[0].created_at_ms,
                     FIXTURE_NOW_MS + SEARCH_PREORDERS_MAX + 4);
    for (size_t i = 1; i < preorders.preorder_count; i++) {
        assert_true(preorders.preorders[i].created_at_ms <
                    preorders.preorders[i - 1].created_at_ms);
    }
    preorder_list_release(&preorders);
}

/* ---- Lists ------------------------------------------------------------------------------------ */

/* Eight events, one of each kind; LATER_MS is the time they are seen at. */
static void store_one_of_each(struct fixture *fixture, struct ident ids[8]) {
    fixture_store_samples(fixture, 8, ids);
    static const char *const changes[8] = {
        "status = 'sent', next_attempt_at = NULL, sent_at = 1000050",
        "status = 'dead', next_attempt_at = NULL, last_error = 'Bad Thing', last_http_status = 400",
        "status = 'cancelled', next_attempt_at = NULL",
        "next_attempt_at = 1000005",                                 /* due */
        "next_attempt_at = 2000000, last_error = '503 Unavailable'", /* waiting for its time */
        "next_attempt_at = NULL",                                    /* waiting */
        "claimed_by = 'w', claimed_at = 1, claim_expires_at = 2000000, next_attempt_at = 2000000",
        "claimed_by = 'w', claimed_at = 1, claim_expires_at = 1000010, next_attempt_at = 1000010",
    };
    for (size_t i = 0; i < 8; i++) {
        fixture_run(fixture, "UPDATE outbox SET %s WHERE id = '%s'", changes[i], ids[i].text);
    }
}

/* '0' to '7'. */
static char index_of(const struct ident ids[8], const struct ident *id) {
    size_t index = 0;
    while (index < 8 && strcmp(ids[index].text, id->text) != 0) {
        index++;
    }
    assert_in_range(index, 0, 7);
    return (char)('0' + index);
}

static void every_status_lists_exactly_its_own(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[8];
    store_one_of_each(fixture, ids);
    static const struct {
        const char *status;
        const char *members; /* their indexes, newest first */
    } expectations[] = {
        {"sent", "0"},    {"dead", "1"},      {"cancelled", "2"},
        {"due", "73"},    {"waiting", "54"},  {"pending", "76543"},
        {"sending", "6"}, {NULL, "76543210"}, {"nonsense", ""},
    };
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        struct event_filter filter = {.status = expectations[i].status};
        struct event_list events = list(fixture, &filter);
        char members[16] = "";
        for (size_t event = 0; event < events.event_count; event++) {
            members[event] = index_of(ids, &events.events[event].id);
        }
        assert_string_equal(members, expectations[i].members);
        event_list_release(&events);
    }
}

static void every_part_of_a_filter_must_hold(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[8];
    store_one_of_each(fixture, ids);
    struct ident other = add_event(fixture, &ids[1], 2, "status", "'dead'");
    const struct {
        struct event_filter filter;
        size_t count;
    } cases[] = {
        {{.metric = "Preorder Started"}, 8},
        {{.metric = "Preorder Completed"}, 1},
        {{.metric = "preorder started"}, 0},
        {{.email = "shopper-1@example.com"}, 2},
        {{.email = "SHOPPER-1@example.com"}, 0},
        {{.email = "shopper-1@example.com", .metric = "Preorder Completed"}, 1},
        {{.email = "shopper-1@example.com", .status = "sent"}, 0},
        {{.error = "bad thing"}, 1},
        {{.error = "UNAVAIL"}, 1},
        {{.error = "%"}, 0},
        {{.error = "bad thing", .status = "pending"}, 0},
        {{.created_before_ms = FIXTURE_NOW_MS + 3}, 4}, /* 0, 1, 2 and the other, made at + 2 */
        {{.created_after_ms = FIXTURE_NOW_MS + 5}, 2},
        {{.created_after_ms = FIXTURE_NOW_MS, .created_before_ms = FIXTURE_NOW_MS + 2}, 1},
        {{.ids = &ids[3], .id_count = 2}, 2},
        {{.ids = &ids[3], .id_count = 2, .status = "due"}, 1},
        {{.ids = &other, .id_count = 1, .email = "shopper-2@example.com"}, 0},
        {{.limit = 3}, 3},
        {{.status = "dead", .limit = 1}, 1},
        {{.limit = 100}, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(count(fixture, &cases[i].filter), cases[i].count);
    }
}

static void a_limit_keeps_the_newest(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[5];
    fixture_store_samples(fixture, 5, ids);
    fixture_run(fixture, "UPDATE outbox SET status = 'dead', next_attempt_at = NULL");
    const char *const statuses[] = {NULL, "dead"};
    for (size_t i = 0; i < 2; i++) {
        struct event_filter filter = {.status = statuses[i], .limit = 2};
        struct event_list events = list(fixture, &filter);
        assert_int_equal(events.event_count, 2);
        assert_string_equal(events.events[0].id.text, ids[4].text);
        assert_string_equal(events.events[1].id.text, ids[3].text);
        event_list_release(&events);
    }
}

/* A read that was left half-way would keep its snapshot and never see what comes later. */
static void a_list_cut_short_keeps_no_snapshot(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    struct event_filter filter = {.limit = 1};
    assert_int_equal(count(fixture, &filter), 1);
    fixture_run(fixture, "UPDATE outbox SET metric = 'Renamed'");
    filter = (struct event_filter){.metric = "Renamed"};
    assert_int_equal(count(fixture, &filter), 5);
    assert_int_equal(fixture_number(fixture, "PRAGMA wal_checkpoint(TRUNCATE)"), 0); /* not busy */
}

/* ---- Journal and payload ---------------------------------------------------------------------- */

static void the_journal_is_listed_oldest_first_with_whole_bodies(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    for (int i = 0; i < 3; i++) {
        struct claim claim = fixture_claim_one(fixture, LATER_MS + i);
        struct settlement settlement =
            fixture_settlement(&claim, i == 2 ? OUTCOME_SENT : OUTCOME_RETRY, LATER_MS + i);
        settlement.response_body = "{\"errors\":[]}";
        settlement.response_body_bytes = strlen(settlement.response_body);
        (void)fixture_settle(fixture, &settlement, LATER_MS + i);
    }
    struct attempt_list attempts;
    struct err err = {0};
    ASSERT_OK(store_list_attempts(fixture->store, &id, &attempts, &err));
    assert_int_equal(attempts.attempt_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct attempt_view *attempt = &attempts.attempts[i];
        assert_int_equal(attempt->started_at_ms, LATER_MS + (int64_t)i);
        assert_string_equal(attempt->outcome, i == 2 ? "sent" : "retry");
        assert_string_equal(attempt->worker, "worker-a");
        assert_true(attempt->is_burnt);
        assert_int_equal(attempt->http_status, i == 2 ? 202 : 503);
        assert_string_equal(attempt->response_body, "{\"errors\":[]}");
        assert_int_equal(attempt->response_body_bytes, 13);
    }
    attempt_list_release(&attempts);
}

static void an_event_without_attempts_has_an_empty_journal(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    struct attempt_list attempts;
    struct err err = {0};
    ASSERT_OK(store_list_attempts(fixture->store, &id, &attempts, &err));
    assert_int_equal(attempts.attempt_count, 0);
    attempt_list_release(&attempts);
}

static void the_payload_is_given_byte_for_byte(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    char *payload = NULL;
    size_t payload_bytes = 0;
    struct err err = {0};
    ASSERT_OK(store_event_payload(fixture->store, &id, &payload, &payload_bytes, &err));
    assert_string_equal(payload, fixture_text(fixture, "SELECT payload FROM outbox"));
    assert_int_equal(payload_bytes, strlen(payload));
    free(payload);
}

static void an_empty_payload_is_given_as_such(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    fixture_store_samples(fixture, 1, &id);
    fixture_run(fixture, "UPDATE outbox SET payload = ''");
    char *payload = NULL;
    size_t payload_bytes = 1;
    struct err err = {0};
    ASSERT_OK(store_event_payload(fixture->store, &id, &payload, &payload_bytes, &err));
    assert_string_equal(payload, "");
    assert_int_equal(payload_bytes, 0);
    free(payload);
}

/* Somebody wrote it with another program. */
static void a_text_beyond_its_room_is_cut(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    fixture_run(fixture, "UPDATE preorders SET flag = hex(zeroblob(1000))");
    struct preorder_list list;
    struct err err = {0};
    ASSERT_OK(store_list_flagged(fixture->store, 0, &list, &err));
    assert_int_equal(list.preorder_count, 1);
    assert_int_equal(strlen(list.preorders[0].flag), sizeof list.preorders[0].flag - 1);
    preorder_list_release(&list);
}

static void a_limit_holds_for_named_events_too(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[3];
    fixture_store_samples(fixture, 3, ids);
    struct event_filter filter = {.ids = ids, .id_count = 3, .limit = 2};
    struct event_list list;
    struct err err = {0};
    ASSERT_OK(store_list_events(fixture->store, &filter, FIXTURE_NOW_MS, &list, &err));
    assert_int_equal(list.event_count, 2);
    event_list_release(&list);
}

static void an_unknown_event_has_neither_journal_nor_payload(void **state) {
    struct fixture *fixture = *state;
    struct ident id = ident_make(1, &fixture->random);
    struct attempt_list attempts;
    char *payload = NULL;
    size_t payload_bytes = 0;
    struct err err = {0};
    ASSERT_CODE(ERR_NOT_FOUND, store_list_attempts(fixture->store, &id, &attempts, &err));
    ASSERT_CODE(ERR_NOT_FOUND,
                store_event_payload(fixture->store, &id, &payload, &payload_bytes, &err));
    assert_null(payload);
}

/* ---- Plans ------------------------------------------------------------------------------------ */

/* SQLite's plan of a statement, one step a line. */
static void read_plan(struct fixture *fixture, enum sql_statement statement, char *plan,
                      size_t plan_bytes) {
    char text[8192];
    sqlite3 *db = NULL;
    sqlite3_stmt *explain = NULL;
    int length =
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sql_statements[statement].text);
    assert_in_range(length, 1, sizeof text - 1);
    assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &explain, NULL), SQLITE_OK);
    size_t plan_length = 0;
    while (sqlite3_step(explain) == SQLITE_ROW) {
        plan_length += (size_t)snprintf(plan + plan_length, plan_bytes - plan_length, "%s\n",
                                        (const char *)sqlite3_column_text(explain, 3));
        assert_true(plan_length < plan_bytes);
    }
    (void)sqlite3_finalize(explain);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static bool reads_whole_table(const char *line) {
    return strncmp(line, "SCAN", 4) == 0 && strstr(line, "INDEX") == NULL &&
           strstr(line, "CONSTANT ROW") == NULL;
}

static void what_support_looks_for_goes_through_an_index(void **state) {
    struct fixture *fixture = *state;
    static const enum sql_statement statements[] = {
        SQL_FIND_PREORDER,
        SQL_SEARCH_PREORDERS_BY_ID,
        SQL_SEARCH_PREORDERS_BY_NUMBER,
        SQL_MATCH_EVENT,
        SQL_LIST_ATTEMPTS,
        SQL_SEARCH_PREORDERS_BY_EMAIL,
        SQL_EVENT_PAYLOAD,
        SQL_CANDIDATES_OF_EMAIL,
        SQL_CANDIDATES_DEAD,
        SQL_CANDIDATES_PENDING,
        SQL_CANDIDATES_CANCELLED,
        SQL_CANDIDATES_UNFINISHED,
        SQL_CANDIDATES_NEWEST,
        SQL_RETRY_EVENT,
        SQL_CANCEL_EVENT,
        SQL_HOLD_LATER_EVENTS,
        SQL_JOURNAL_LOST_CLAIM,
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        char plan[2048] = "";
        read_plan(fixture, statements[i], plan, sizeof plan);
        char *rest = plan;
        for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
            if (reads_whole_table(line)) {
                print_error("%s: %s\n", sql_statements[statements[i]].name, line);
            }
            assert_false(reads_whole_table(line));
        }
    }
}

static void the_newest_and_the_dead_come_out_sorted_without_sorting(void **state) {
    struct fixture *fixture = *state;
    const enum sql_statement statements[] = {SQL_CANDIDATES_NEWEST, SQL_CANDIDATES_DEAD};
    for (size_t i = 0; i < 2; i++) {
        char plan[2048] = "";
        read_plan(fixture, statements[i], plan, sizeof plan);
        assert_null(strstr(plan, "TEMP B-TREE"));
    }
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_preorder_comes_with_its_events_in_their_order),
        WITH_DATABASE(a_preorder_without_events_is_found),
        WITH_DATABASE(an_unknown_preorder_is_not_found),
        WITH_DATABASE(a_live_claim_shows_and_an_expired_one_does_not),
        WITH_DATABASE(preorders_are_found_by_each_of_their_names),
        WITH_DATABASE(a_search_without_result_is_no_error),
        WITH_DATABASE(a_search_by_email_is_newest_first_and_bounded),
        WITH_DATABASE(every_status_lists_exactly_its_own),
        WITH_DATABASE(every_part_of_a_filter_must_hold),
        WITH_DATABASE(a_limit_keeps_the_newest),
        WITH_DATABASE(a_list_cut_short_keeps_no_snapshot),
        WITH_DATABASE(the_journal_is_listed_oldest_first_with_whole_bodies),
        WITH_DATABASE(an_event_without_attempts_has_an_empty_journal),
        WITH_DATABASE(the_payload_is_given_byte_for_byte),
        WITH_DATABASE(an_empty_payload_is_given_as_such),
        WITH_DATABASE(a_text_beyond_its_room_is_cut),
        WITH_DATABASE(a_limit_holds_for_named_events_too),
        WITH_DATABASE(an_unknown_event_has_neither_journal_nor_payload),
        WITH_DATABASE(what_support_looks_for_goes_through_an_index),
        WITH_DATABASE(the_newest_and_the_dead_come_out_sorted_without_sorting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
