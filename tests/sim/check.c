#include "tests/sim/check.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

bool check_open(struct check *check, struct world *world) {
    *check = (struct check){.world = world};
    if (sqlite3_open_v2(world->path, &check->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        world_complain(check->world, "the database cannot be opened");
        return false;
    }
    return true;
}

void check_close(struct check *check) {
    for (size_t i = 0; i < check->query_count; i++) {
        (void)sqlite3_finalize(check->queries[i].statement);
    }
    (void)sqlite3_close(check->db);
    *check = (struct check){0};
}

/* The statement of this text, prepared once; whoever is done with it resets it. */
static sqlite3_stmt *query(struct check *check, const char *sql, const char *parameter) {
    size_t i = 0;
    while (i < check->query_count && check->queries[i].sql != sql) {
        i++;
    }
    if (i == check->query_count) {
        assert(i < CHECK_QUERIES_MAX);
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(check->db, sql, -1, &statement, NULL) != SQLITE_OK) {
            world_complain(check->world, "%s: %s", sql, sqlite3_errmsg(check->db));
            return NULL;
        }
        check->queries[i] = (struct check_query){.sql = sql, .statement = statement};
        check->query_count++;
    }
    sqlite3_stmt *statement = check->queries[i].statement;
    if (parameter != NULL) {
        (void)sqlite3_bind_text(statement, 1, parameter, -1, SQLITE_TRANSIENT);
    }
    return statement;
}

/* The number that a query gives; -1 if it gives none. */
static int64_t number(struct check *check, const char *sql, const char *parameter) {
    sqlite3_stmt *statement = query(check, sql, parameter);
    int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    (void)sqlite3_reset(statement);
    return value;
}

/* Complains if the query gives any row; its first column says which. */
static void expect_none(struct check *check, const char *promise, const char *sql) {
    sqlite3_stmt *statement = query(check, sql, NULL);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        world_complain(check->world, "%s: %s", promise,
                       (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_reset(statement);
}

/* ---- Clients ---------------------------------------------------------------------------------- */

static void check_ids(struct check *check, const struct browser *browser) {
    int32_t count = browser->created_count < POSTS_MAX ? browser->created_count : POSTS_MAX;
    for (int32_t i = 0; i < count; i++) {
        sqlite3_stmt *statement =
            query(check, "SELECT email FROM preorders WHERE id = ?", browser->ids[i]);
        if (sqlite3_step(statement) != SQLITE_ROW) {
            world_complain(check->world, "browser %zu was answered 201 for %s, which is lost",
                           browser->index, browser->ids[i]);
        } else if (strcmp((const char *)sqlite3_column_text(statement, 0), browser->email) != 0) {
            world_complain(check->world, "browser %zu was given another's preorder %s",
                           browser->index, browser->ids[i]);
        }
        (void)sqlite3_reset(statement);
    }
}

static void check_browser(struct check *check, const struct browser *browser) {
    int64_t rows = number(check, "SELECT count(*) FROM preorders WHERE email = ?", browser->email);
    int64_t rows_max = browser->sent_count;
    if (browser->habit == HABIT_KEY || browser->habit == HABIT_THIEF) {
        rows_max = 1;
    } else if (browser->habit == HABIT_INVALID) {
        rows_max = 0;
    }
    if (rows > rows_max) {
        world_complain(check->world,
                       "browser %zu (habit %d) has %lld preorders instead of %lld at most",
                       browser->index, (int)browser->habit, (long long)rows, (long long)rows_max);
    }
    check_ids(check, browser);
}

/* A key is one preorder's, whoever used it. */
static void check_thief(struct check *check, const struct browsers *browsers,
                        const struct browser *thief) {
    const struct browser *victim = &browsers->browsers[thief->victim];
    bool share = victim->habit == HABIT_KEY && victim != thief;
    if (share && thief->created_count > 0 && victim->created_count > 0) {
        world_complain(check->world, "one key, two preorders: browsers %zu and %zu", thief->index,
                       victim->index);
    }
}

/* ---- Klaviyo ---------------------------------------------------------------------------------- */

static void check_received(struct check *check, const struct received *received) {
    sqlite3_stmt *statement =
        query(check,
              "SELECT status, payload, (SELECT count(*) FROM outbox_attempts WHERE outbox_id ="
              " o.id) FROM outbox AS o WHERE id = ?",
              received->id.text);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        world_complain(check->world, "Klaviyo got %s, which is not in the database",
                       received->id.text);
        (void)sqlite3_reset(statement);
        return;
    }
    const char *payload = (const char *)sqlite3_column_text(statement, 1);
    uint64_t hash = klaviyo_hash(payload, (size_t)sqlite3_column_bytes(statement, 1));
    if (received->payload_hash != 0 && received->payload_hash != hash) {
        world_complain(check->world, "event %s was sent with other bytes than stored",
                       received->id.text);
    }
    if (sqlite3_column_int(statement, 2) < received->sends) {
        world_complain(check->world,
                       "event %s: %d requests on the wire, %d attempts in the journal",
                       received->id.text, received->sends, sqlite3_column_int(statement, 2));
    }
    (void)sqlite3_reset(statement);
}

/* Equal where no process was killed and nothing was unknown. */
static void check_journal(struct check *check, const struct klaviyo *klaviyo) {
    int64_t sends = 0;
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        sends += klaviyo->received[i].sends;
    }
    int64_t lines = number(check, "SELECT count(*) FROM outbox_attempts", NULL);
    if (sends != lines) {
        world_complain(check->world, "%lld requests on the wire, %lld attempts in the journal",
                       (long long)sends, (long long)lines);
    }
}

static void check_events(struct check *check, const struct klaviyo *klaviyo) {
    sqlite3_stmt *statement = query(check, "SELECT id, status FROM outbox", NULL);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct ident id;
        const char *status = (const char *)sqlite3_column_text(statement, 1);
        (void)snprintf(id.text, sizeof id.text, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        const struct received *received = klaviyo_find(klaviyo, &id);
        bool is_accepted = received != NULL && received->accepted > 0;
        bool is_poison = klaviyo_is_poison(klaviyo, &id);
        if (strcmp(status, "sent") == 0 && !is_accepted) {
            world_complain(check->world, "event %s is sent, but Klaviyo never took it", id.text);
        } else if (strcmp(status, "dead") == 0 && !is_poison) {
            world_complain(check->world, "event %s is dead, though Klaviyo would take it", id.text);
        } else if (strcmp(status, "pending") == 0) {
            world_complain(check->world, "event %s is still pending", id.text);
        }
    }
    (void)sqlite3_reset(statement);
}

/* The events of one preorder reach Klaviyo in their order; what a person cancelled may come late. */
static void check_order(struct check *check, const struct klaviyo *klaviyo) {
    sqlite3_stmt *statement =
        query(check,
              "SELECT id, preorder_id FROM outbox WHERE status = 'sent' ORDER BY preorder_id,"
              " sequence",
              NULL);
    char preorder_id[64] = "";
    int64_t before_us = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct ident id;
        (void)snprintf(id.text, sizeof id.text, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        const char *owner = (const char *)sqlite3_column_text(statement, 1);
        const struct received *received = klaviyo_find(klaviyo, &id);
        int64_t at_us = received == NULL ? 0 : received->first_accepted_us;
        if (strcmp(owner, preorder_id) == 0 && at_us < before_us) {
            world_complain(check->world, "event %s overtook an earlier one of its preorder",
                           id.text);
        }
        (void)snprintf(preorder_id, sizeof preorder_id, "%s", owner);
        before_us = at_us;
    }
    (void)sqlite3_reset(statement);
}

/* ---- Stripe ----------------------------------------------------------------------------------- */

/* What the sessions of a preorder come to, whatever the order in which the shop heard of them. */
static const char *expected_status(const struct stripe *stripe, const char *preorder_id) {
    bool is_paid = false;
    bool is_lost = false;
    for (size_t i = 0; i < stripe->session_count; i++) {
        const struct session *session = &stripe->sessions[i];
        if (strcmp(session->preorder_id, preorder_id) != 0) {
            continue;
        }
        is_paid = is_paid || session->ending == ENDING_PAID || session->ending == ENDING_FREE ||
                  session->ending == ENDING_PAID_LATE;
        is_lost =
            is_lost || session->ending == ENDING_EXPIRED || session->ending == ENDING_FAILED_LATE;
    }
    return is_paid ? "completed" : is_lost ? "cancelled" : "initiated";
}

static void check_payments(struct check *check, const struct stripe *stripe,
                           const char *preorder_id) {
    sqlite3_stmt *statement =
        query(check,
              "SELECT status, (SELECT count(*) FROM outbox WHERE preorder_id = p.id AND metric ="
              " 'Preorder Completed') FROM preorders AS p WHERE id = ?",
              preorder_id);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *expected = expected_status(stripe, preorder_id);
        const char *status = (const char *)sqlite3_column_text(statement, 0);
        int completed_count = sqlite3_column_int(statement, 1);
        if (strcmp(status, expected) != 0) {
            world_complain(check->world, "preorder %s is %s, not %s", preorder_id, status,
                           expected);
        }
        if (completed_count != (strcmp(expected, "completed") == 0 ? 1 : 0)) {
            world_complain(check->world, "preorder %s is %s and has %d events of its completion",
                           preorder_id, status, completed_count);
        }
    }
    (void)sqlite3_reset(statement);
}

/* ---- The database ----------------------------------------------------------------------------- */

static void check_rows(struct check *check) {
    expect_none(check, "a preorder without its event",
                "SELECT id FROM preorders WHERE (SELECT count(*) FROM outbox WHERE preorder_id ="
                " preorders.id AND metric = 'Preorder Started') <> 1");
    expect_none(check, "a metric twice for one preorder",
                "SELECT preorder_id FROM outbox GROUP BY preorder_id, metric HAVING count(*) > 1");
    expect_none(check, "a payment that does not match, and no flag",
                "SELECT id FROM preorders WHERE flag IS NULL AND id IN (SELECT preorder_id FROM"
                " payment_events WHERE amount_subtotal = 1)");
    expect_none(check, "an event without its preorder",
                "SELECT id FROM outbox WHERE preorder_id NOT IN (SELECT id FROM preorders)");
    expect_none(check, "sent without an attempt that says so",
                "SELECT id FROM outbox WHERE status = 'sent' AND NOT EXISTS (SELECT 1 FROM"
                " outbox_attempts WHERE outbox_id = outbox.id AND outcome = 'sent')");
    expect_none(check, "a token in the journal that was never given",
                "SELECT outbox_id FROM outbox_attempts AS a WHERE token > (SELECT token FROM outbox"
                " WHERE id = a.outbox_id)");
    expect_none(check, "a claim that outlived everybody",
                "SELECT id FROM outbox WHERE claimed_by IS NOT NULL");
    expect_none(check, "an event whose preorder has another address",
                "SELECT outbox.id FROM outbox JOIN preorders ON preorders.id = preorder_id WHERE"
                " instr(payload, '\"email\":\"' || email || '\"') = 0");
    sqlite3_stmt *statement = query(check, "PRAGMA integrity_check", NULL);
    if (sqlite3_step(statement) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        world_complain(check->world, "the file is damaged");
    }
    (void)sqlite3_reset(statement);
}

bool check_is_at_rest(struct check *check) {
    static const char sql[] = "SELECT count(*) FROM outbox WHERE status = 'pending'";
    return number(check, sql, NULL) == 0;
}

void check_promises(struct check *check, const struct browsers *browsers,
                    const struct klaviyo *klaviyo, const struct stripe *stripe) {
    check_rows(check);
    for (size_t i = 0; i < browsers->count; i++) {
        check_browser(check, &browsers->browsers[i]);
        if (browsers->browsers[i].habit == HABIT_THIEF) {
            check_thief(check, browsers, &browsers->browsers[i]);
        }
    }
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        check_received(check, &klaviyo->received[i]);
    }
    check_events(check, klaviyo);
    check_order(check, klaviyo);
    for (size_t i = 0; i < stripe->session_count; i++) {
        check_payments(check, stripe, stripe->sessions[i].preorder_id);
    }
    if (!check->world->has_lost) {
        check_journal(check, klaviyo);
    }
}
