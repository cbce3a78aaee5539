#include "tests/torture/state.h"

#include <stdio.h>
#include <string.h>

enum { TABLES_MAX = 32, TABLE_NAME_BYTES = 64 };

static bool blame(sqlite3 *db, const char *what, char why[STATE_TEXT_BYTES]) {
    (void)snprintf(why, STATE_TEXT_BYTES, "%s: %s", what, sqlite3_errmsg(db));
    return false;
}

/* Multiply and rotate over words of eight bytes: fast, and nobody is out to deceive it. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t byte_count) {
    const uint64_t prime = UINT64_C(0x9E3779B97F4A7C15);
    const char *at = bytes;
    sum = (sum ^ byte_count) * prime;
    while (byte_count > 0) {
        uint64_t word = 0;
        size_t part = byte_count < sizeof word ? byte_count : sizeof word;
        memcpy(&word, at, part);
        sum = (sum ^ word) * prime;
        sum ^= sum >> 29;
        at += part;
        byte_count -= part;
    }
    return sum;
}

static uint64_t mix_row(uint64_t sum, sqlite3_stmt *statement) {
    int column_count = sqlite3_column_count(statement);
    for (int i = 0; i < column_count; i++) {
        int type = sqlite3_column_type(statement, i);
        sum = mix(sum, &type, sizeof type);
        if (type == SQLITE_INTEGER) {
            int64_t value = sqlite3_column_int64(statement, i);
            sum = mix(sum, &value, sizeof value);
        } else if (type != SQLITE_NULL) {
            const void *bytes = sqlite3_column_blob(statement, i);
            sum = mix(sum, bytes, (size_t)sqlite3_column_bytes(statement, i));
        }
    }
    return sum;
}

/* Adds each row's own number, so that the order does not matter. */
static bool add_rows(sqlite3 *db, const char *query, uint64_t *number, char why[STATE_TEXT_BYTES]) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) != SQLITE_OK) {
        return blame(db, query, why);
    }
    uint64_t origin = mix(0, query, strlen(query));
    int result = sqlite3_step(statement);
    for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
        *number += mix_row(origin, statement);
    }
    (void)sqlite3_finalize(statement);
    return result == SQLITE_DONE || blame(db, query, why);
}

static bool list_tables(sqlite3 *db, char names[TABLES_MAX][TABLE_NAME_BYTES], int *count_out,
                        char why[STATE_TEXT_BYTES]) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1,
                           &statement, NULL) != SQLITE_OK) {
        return blame(db, "the schema", why);
    }
    int result = sqlite3_step(statement);
    for (; result == SQLITE_ROW && *count_out < TABLES_MAX; result = sqlite3_step(statement)) {
        (void)snprintf(names[(*count_out)++], TABLE_NAME_BYTES, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_finalize(statement);
    return result == SQLITE_DONE || blame(db, "the schema", why);
}

bool state_number(sqlite3 *db, uint64_t *number_out, char why[STATE_TEXT_BYTES]) {
    char names[TABLES_MAX][TABLE_NAME_BYTES];
    int count = 0;
    uint64_t number = 0;
    bool is_read = list_tables(db, names, &count, why) &&
                   add_rows(db, "PRAGMA user_version", &number, why) &&
                   add_rows(db, "SELECT type, name, sql FROM sqlite_schema", &number, why);
    for (int i = 0; i < count && is_read; i++) {
        char query[TABLE_NAME_BYTES + 32];
        /* NOT INDEXED: the rows themselves, never an index that may know better. */
        (void)snprintf(query, sizeof query, "SELECT * FROM \"%.63s\" NOT INDEXED", names[i]);
        is_read = add_rows(db, query, &number, why);
    }
    *number_out = number;
    return is_read;
}

/* True if the query gives no row; else its first column says what is wrong. */
static bool is_empty(sqlite3 *db, const char *query, char why[STATE_TEXT_BYTES]) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) != SQLITE_OK) {
        return blame(db, query, why);
    }
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        (void)snprintf(why, STATE_TEXT_BYTES, "%.160s: %.80s", query,
                       (const char *)sqlite3_column_text(statement, 0));
    } else if (result != SQLITE_DONE) {
        (void)blame(db, query, why);
    }
    (void)sqlite3_finalize(statement);
    return result == SQLITE_DONE;
}

bool state_is_whole(sqlite3 *db, char why[STATE_TEXT_BYTES]) {
    return is_empty(db, "SELECT * FROM pragma_integrity_check(1) WHERE integrity_check <> 'ok'",
                    why);
}

bool state_is_sound(sqlite3 *db, char why[STATE_TEXT_BYTES]) {
    static const char *const queries[] = {
        "SELECT * FROM pragma_foreign_key_check",
        "SELECT id FROM preorders AS p NOT INDEXED WHERE NOT EXISTS"
        " (SELECT 1 FROM outbox AS o WHERE o.preorder_id = p.id AND o.sequence = 1)",
        "SELECT id FROM outbox AS o NOT INDEXED WHERE NOT EXISTS"
        " (SELECT 1 FROM preorders AS p WHERE p.id = o.preorder_id)",
        "SELECT preorder_id FROM outbox NOT INDEXED WHERE sequence = 1"
        " GROUP BY preorder_id HAVING count(*) > 1",
        "SELECT o.id FROM outbox AS o NOT INDEXED JOIN preorders AS p ON p.id = o.preorder_id"
        " WHERE instr(o.payload, o.id) = 0 OR instr(o.payload, p.id) = 0"
        " OR instr(o.payload, p.email) = 0 OR instr(o.payload, p.number) = 0",
        "SELECT id FROM outbox AS o NOT INDEXED WHERE status = 'sent' AND NOT EXISTS"
        " (SELECT 1 FROM outbox_attempts AS a WHERE a.outbox_id = o.id AND a.outcome = 'sent')",
        "SELECT a.outbox_id FROM outbox_attempts AS a JOIN outbox AS o ON o.id = a.outbox_id"
        " WHERE a.token > o.token",
    };
    bool is_sound = state_is_whole(db, why);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0] && is_sound; i++) {
        is_sound = is_empty(db, queries[i], why);
    }
    return is_sound;
}
