#include "tests/torture/ledger.h"

#include <sqlite3.h>
#include <string.h>

enum { LINE_BYTES = 1 + IDENT_BYTES }; /* the kind, the id, a newline */

bool ledger_add(FILE *ledger, enum ledger_kind kind, const struct ident *id) {
    char line[LINE_BYTES];
    line[0] = (char)kind;
    memcpy(line + 1, id->text, IDENT_BYTES - 1);
    line[LINE_BYTES - 1] = '\n';
    return fwrite(line, sizeof line, 1, ledger) == 1;
}

/* A connection that looks and never works the log off. */
static sqlite3 *look_at(const char *path) {
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        (void)sqlite3_close(db);
        return NULL;
    }
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_wal_autocheckpoint(db, 0);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    return sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK ? statement : NULL;
}

static bool is_kept(sqlite3_stmt *statement, const char *id) {
    bool kept = sqlite3_bind_text(statement, 1, id, IDENT_BYTES - 1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    (void)sqlite3_reset(statement);
    return kept;
}

void ledger_verify(FILE *ledger, const char *path, struct ledger_check *check) {
    sqlite3 *db = look_at(path);
    /* The conditions on the contents make SQLite read the rows: the index alone may remember. */
    sqlite3_stmt *preorder =
        prepare(db, "SELECT 1 FROM preorders AS p JOIN outbox AS o ON o.preorder_id = p.id"
                    " WHERE p.id = ? AND o.sequence = 1 AND p.email <> '' AND o.payload <> ''");
    sqlite3_stmt *sent =
        prepare(db, "SELECT 1 FROM outbox WHERE id = ? AND status = 'sent' AND payload <> ''");
    if (preorder == NULL || sent == NULL) {
        check->is_sound = false; /* and nothing of it can be found */
    }
    char line[LINE_BYTES];
    rewind(ledger);
    while (fread(line, sizeof line, 1, ledger) == 1) {
        sqlite3_stmt *statement = line[0] == LEDGER_PREORDER ? preorder : sent;
        check->promised_count++;
        check->lost_count += statement != NULL && is_kept(statement, line + 1) ? 0 : 1;
    }
    (void)sqlite3_finalize(preorder);
    (void)sqlite3_finalize(sent);
    (void)sqlite3_close(db);
}

void ledger_check_file(const char *path, struct ledger_check *check) {
    sqlite3 *db = look_at(path);
    sqlite3_stmt *statement = prepare(db, "PRAGMA integrity_check(1)");
    check->is_sound = statement != NULL && sqlite3_step(statement) == SQLITE_ROW &&
                      strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}
