#include "bench/bare.h"

#include "bench/options.h"

enum { BUSY_TIMEOUT_MS = 5000 };

static void check(struct bare *bare, int result, const char *what) {
    if (result != SQLITE_OK) {
        bench_fail("%s: %s", what, sqlite3_errmsg(bare->db));
    }
}

static int on_wal(void *context, sqlite3 *db, const char *schema, int page_count) {
    (void)db;
    (void)schema;
    ((struct bare *)context)->log_pages = page_count;
    return SQLITE_OK;
}

void bare_open(struct bare *bare, const char *path) {
    *bare = (struct bare){0};
    check(bare, sqlite3_open_v2(path, &bare->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL),
          path);
    check(bare, sqlite3_busy_timeout(bare->db, BUSY_TIMEOUT_MS), path);
    bare_run(bare, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL;"
                   "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;");
    (void)sqlite3_wal_hook(bare->db, on_wal, bare);
}

void bare_close(struct bare *bare) {
    check(bare, sqlite3_close(bare->db), "close");
}

void bare_run(struct bare *bare, const char *text) {
    while (text[0] != '\0') {
        sqlite3_stmt *statement = NULL;
        check(bare, sqlite3_prepare_v2(bare->db, text, -1, &statement, &text), text);
        int result = SQLITE_ROW;
        while (result == SQLITE_ROW) {
            result = sqlite3_step(statement);
        }
        check(bare, result == SQLITE_DONE ? SQLITE_OK : result, "statement");
        check(bare, sqlite3_finalize(statement), "statement");
    }
}

sqlite3_stmt *bare_prepare(struct bare *bare, const char *text) {
    sqlite3_stmt *statement = NULL;
    check(bare, sqlite3_prepare_v3(bare->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL),
          text);
    return statement;
}

static int parameter(sqlite3_stmt *statement, const char *name) {
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index == 0) {
        bench_fail("no parameter %s in %s", name, sqlite3_sql(statement));
    }
    return index;
}

void bare_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value) {
    if (sqlite3_bind_int64(statement, parameter(statement, name), value) != SQLITE_OK) {
        bench_fail("cannot bind %s", name);
    }
}

void bare_bind_text(sqlite3_stmt *statement, const char *name, const char *text) {
    if (sqlite3_bind_text(statement, parameter(statement, name), text, -1, SQLITE_STATIC) !=
        SQLITE_OK) {
        bench_fail("cannot bind %s", name);
    }
}

void bare_step(struct bare *bare, sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    check(bare, result == SQLITE_DONE ? SQLITE_OK : result, sqlite3_sql(statement));
    check(bare, sqlite3_reset(statement), sqlite3_sql(statement));
}

void bare_checkpoint(struct bare *bare, int64_t pages_min) {
    if (bare->log_pages < pages_min) {
        return;
    }
    int log_pages = 0;
    int done_pages = 0;
    check(bare,
          sqlite3_wal_checkpoint_v2(bare->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log_pages,
                                    &done_pages),
          "checkpoint");
    bare->log_pages = log_pages - done_pages;
    bare->checkpoint_count++;
}
