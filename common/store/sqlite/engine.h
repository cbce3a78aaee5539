#pragma once
/*
 * The SQLite engine: one connection, its prepared statements and its gate, for one thread. Known to this folder
 * only. Upon it stand, each on those before: statement.h (binds, runs, reads), transaction.h (from begin to end,
 * within the gate), a file for each noun with its operations, operations.h (all of them, in a table), open.c.
 */
#include <sqlite3.h>

#include "common/store/ops.h"
#include "common/store/sqlite/gate.h"
#include "common/store/sqlite/place.h"
#include "common/store/sqlite/roster.h"
#include "common/store/sqlite/wake.h"
#include "schema/sqlite.h" /* enum sql_statement, made from schema/sqlite/ by schema/embed.py */

enum { SQLITE_FILE_COUNT = 3 }; /* the database, its log and the log's index */

struct sqlite_store {
    struct store base; /* first: a struct store * is a struct sqlite_store * */
    struct store_options options;
    char *path;
    struct place_file files[SQLITE_FILE_COUNT]; /* as they were when the database was opened */
    sqlite3 *db;
    struct gate gate;
    struct wake wake;
    struct roster roster;
    struct worker_view worker; /* as it was registered; its name is "" if it was not */
    int32_t wal_pages;         /* as of this connection's last commit */
    sqlite3_stmt *statements[SQL_STATEMENT_COUNT];
};

static inline struct sqlite_store *sqlite_of(struct store *store) {
    return (struct sqlite_store *)store;
}

/* What an SQLite result code means for the caller of the store; fills err with `what` and SQLite's
   words. The only place where that is decided. */
enum err_code sqlite_fail(struct sqlite_store *self, int result, const char *what, struct err *err);

/* Closes what is open and frees it. Takes a half-opened engine, too. */
void sqlite_release(struct sqlite_store *self);
