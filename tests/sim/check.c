#include "tests/sim/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static sqlite3_stmt *query(sqlite3 *db, const char *sql, const char *parameter) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        return NULL;
    }
    if (parameter != NULL) {
        (void)sqlite3_bind_text(statement, 1, parameter, -1, SQLITE_TRANSIENT);
    }
    return statement;
}

/* The number that a query gives; -1 if it gives none. */
static int64_t number(sqlite3 *db, const char *sql, const char *parameter) {
    sqlite3_stmt *statement = query(db, sql, parameter);
    int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    (void)sqlite3_finalize(statement);
    return value;
}

/* Complains if the query gives any row; its first column says which. */
static void expect_none(struct world *world, sqlite3 *db, const char *promise, const char *sql) {
    sqlite3_stmt *statement = query(db, sql, NULL);
    if (statement == NULL) {
        world_complain(world, "cannot ask: %s", promise);
        return;
    }
    if (sqlite3_step(statement) == SQLITE_ROW) {
        world_complain(world, "%s: %s", promise, (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_finalize(statement);
}

/* ---- Clients ---------------------------------------------------------------------------------- */

static void check_ids(struct world *world, sqlite3 *db, const struct browser *browser) {
    int32_t count = browser->created_count < POSTS_MAX ? browser->created_count : POSTS_MAX;
    for (int32_t i = 0; i < count; i++) {
        sqlite3_stmt *statement =
            query(db, "SELECT email FROM preorders WHERE id = ?", browser->ids[i]);
        if (sqlite3_step(statement) != SQLITE_ROW) {
            world_complain(world, "browser %zu was answered 201 for %s, which is lost",
                           browser->index, browser->ids[i]);
        } else if (strcmp((const char *)sqlite3_column_text(statement, 0), browser->email) != 0) {
            world_complain(world, "browser %zu was given another's preorder %s", browser->index,
                           browser->ids[i]);
        }
        (void)sqlite3_finalize(statement);
    }
}

static void check_browser(struct world *world, sqlite3 *db, const struct browser *browser) {
    int64_t rows = number(db, "SELECT count(*) FROM preorders WHERE email = ?", browser->email);
    int64_t rows_max = browser->sent_count;
    if (browser->habit == HABIT_KEY || browser->habit == HABIT_THIEF) {
        rows_max = 1;
    } else if (browser->habit == HABIT_INVALID) {
        rows_max = 0;
    }
    if (rows > rows_max) {
        world_complain(world, "browser %zu (habit %d) has %lld preorders instead of %lld at most",
                       browser->index, (int)browser->habit, (long long)rows, (long long)rows_max);
    }
    check_ids(world, db, browser);
}

/* A key is one preorder's, whoever used it. */
static void check_thief(struct world *world, sqlite3 *db, const struct browsers *browsers,
                        const struct browser *thief) {
    const struct browser *victim = &browsers->browsers[thief->victim];
    bool share = victim->habit == HABIT_KEY && victim != thief;
    if (share && thief->created_count > 0 && victim->created_count > 0) {
        world_complain(world, "one key, two preorders: browsers %zu and %zu", thief->index,
                       victim->index);
    }
    (void)db;
}

/* ---- Klaviyo ---------------------------------------------------------------------------------- */

static void check_received(struct world *world, sqlite3 *db, const struct received *received) {
    sqlite3_stmt *statement =
        query(db,
              "SELECT status, payload, (SELECT count(*) FROM outbox_attempts WHERE outbox_id ="
              " o.id) FROM outbox AS o WHERE id = ?",
              received->id.text);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        world_complain(world, "Klaviyo got %s, which is not in the database", received->id.text);
        (void)sqlite3_finalize(statement);
        return;
    }
    const char *payload = (const char *)sqlite3_column_text(statement, 1);
    uint64_t hash = klaviyo_hash(payload, (size_t)sqlite3_column_bytes(statement, 1));
    if (received->payload_hash != 0 && received->payload_hash != hash) {
        world_complain(world, "event %s was sent with other bytes than stored", received->id.text);
    }
    if (sqlite3_column_int(statement, 2) < received->sends) {
        world_complain(world, "event %s: %d requests on the wire, %d attempts in the journal",
                       received->id.text, received->sends, sqlite3_column_int(statement, 2));
    }
    (void)sqlite3_finalize(statement);
}

/* Equal where no process was killed and nothing was unknown. */
static void check_journal(struct world *world, sqlite3 *db, const struct klaviyo *klaviyo) {
    int64_t sends = 0;
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        sends += klaviyo->received[i].sends;
    }
    int64_t lines = number(db, "SELECT count(*) FROM outbox_attempts", NULL);
    if (sends != lines) {
        world_complain(world, "%lld requests on the wire, %lld attempts in the journal",
                       (long long)sends, (long long)lines);
    }
}

static void check_events(struct world *world, sqlite3 *db, const struct klaviyo *klaviyo) {
    sqlite3_stmt *statement = query(db, "SELECT id, status FROM outbox", NULL);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct ident id;
        const char *status = (const char *)sqlite3_column_text(statement, 1);
        (void)snprintf(id.text, sizeof id.text, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        const struct received *received = klaviyo_find(klaviyo, &id);
        bool is_accepted = received != NULL && received->accepted > 0;
        bool is_poison = klaviyo_is_poison(klaviyo, &id);
        if (strcmp(status, "sent") == 0 && !is_accepted) {
            world_complain(world, "event %s is sent, but Klaviyo never took it", id.text);
        } else if (strcmp(status, "dead") == 0 && !is_poison) {
            world_complain(world, "event %s is dead, though Klaviyo would take it", id.text);
        } else if (strcmp(status, "pending") == 0) {
            world_complain(world, "event %s is still pending", id.text);
        }
    }
    (void)sqlite3_finalize(statement);
}

/* The events of one preorder reach Klaviyo in their order; what a person cancelled may come late. */
static void check_order(struct world *world, sqlite3 *db, const struct klaviyo *klaviyo) {
    sqlite3_stmt *statement =
        query(db,
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
            world_complain(world, "event %s overtook an earlier one of its preorder", id.text);
        }
        (void)snprintf(preorder_id, sizeof preorder_id, "%s", owner);
        before_us = at_us;
    }
    (void)sqlite3_finalize(statement);
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

static void check_payments(struct world *world, sqlite3 *db, const struct stripe *stripe,
                           const char *preorder_id) {
    sqlite3_stmt *statement =
        query(db,
              "SELECT status, (SELECT count(*) FROM outbox WHERE preorder_id = p.id AND metric ="
              " 'Preorder Completed') FROM preorders AS p WHERE id = ?",
              preorder_id);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *expected = expected_status(stripe, preorder_id);
        const char *status = (const char *)sqlite3_column_text(statement, 0);
        int completed_count = sqlite3_column_int(statement, 1);
        if (strcmp(status, expected) != 0) {
            world_complain(world, "preorder %s is %s, not %s", preorder_id, status, expected);
        }
        if (completed_count != (strcmp(expected, "completed") == 0 ? 1 : 0)) {
            world_complain(world, "preorder %s is %s and has %d events of its completion",
                           preorder_id, status, completed_count);
        }
    }
    (void)sqlite3_finalize(statement);
}

/* ---- The database ----------------------------------------------------------------------------- */

static void check_rows(struct world *world, sqlite3 *db) {
    expect_none(world, db, "a preorder without its event",
                "SELECT id FROM preorders WHERE (SELECT count(*) FROM outbox WHERE preorder_id ="
                " preorders.id AND metric = 'Preorder Started') <> 1");
    expect_none(world, db, "a metric twice for one preorder",
                "SELECT preorder_id FROM outbox GROUP BY preorder_id, metric HAVING count(*) > 1");
    expect_none(world, db, "a payment that does not match, and no flag",
                "SELECT id FROM preorders WHERE flag IS NULL AND id IN (SELECT preorder_id FROM"
                " payment_events WHERE amount_subtotal = 1)");
    expect_none(world, db, "an event without its preorder",
                "SELECT id FROM outbox WHERE preorder_id NOT IN (SELECT id FROM preorders)");
    expect_none(world, db, "sent without an attempt that says so",
                "SELECT id FROM outbox WHERE status = 'sent' AND NOT EXISTS (SELECT 1 FROM"
                " outbox_attempts WHERE outbox_id = outbox.id AND outcome = 'sent')");
    expect_none(world, db, "a token in the journal that was never given",
                "SELECT outbox_id FROM outbox_attempts AS a WHERE token > (SELECT token FROM outbox"
                " WHERE id = a.outbox_id)");
    expect_none(world, db, "a claim that outlived everybody",
                "SELECT id FROM outbox WHERE claimed_by IS NOT NULL");
    expect_none(world, db, "an event whose preorder has another address",
                "SELECT outbox.id FROM outbox JOIN preorders ON preorders.id = preorder_id WHERE"
                " instr(payload, '\"email\":\"' || email || '\"') = 0");
    sqlite3_stmt *statement = query(db, "PRAGMA integrity_check", NULL);
    if (sqlite3_step(statement) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        world_complain(world, "the file is damaged");
    }
    (void)sqlite3_finalize(statement);
}

void check_promises(struct world *world, const struct browsers *browsers,
                    const struct klaviyo *klaviyo, const struct stripe *stripe) {
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(world->path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        world_complain(world, "the database cannot be opened");
        (void)sqlite3_close(db);
        return;
    }
    check_rows(world, db);
    for (size_t i = 0; i < browsers->count; i++) {
        check_browser(world, db, &browsers->browsers[i]);
        if (browsers->browsers[i].habit == HABIT_THIEF) {
            check_thief(world, db, browsers, &browsers->browsers[i]);
        }
    }
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        check_received(world, db, &klaviyo->received[i]);
    }
    check_events(world, db, klaviyo);
    check_order(world, db, klaviyo);
    for (size_t i = 0; i < stripe->session_count; i++) {
        check_payments(world, db, stripe, stripe->sessions[i].preorder_id);
    }
    if (!world->has_lost) {
        check_journal(world, db, klaviyo);
    }
    (void)sqlite3_close(db);
}
