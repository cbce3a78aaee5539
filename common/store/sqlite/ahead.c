/*
 * The clock was set back: what was due in a few minutes by the old time would be due in years.
 */
#include <assert.h>

#include "common/store/sqlite/account.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

enum { AHEAD_BATCH_MAX = 512 }; /* events in one transaction: a few ms in the gate */

/* The times that one call holds against each other. */
struct ahead {
    int64_t now_ms, lease_ms;
    int64_t latest_ms; /* what lies beyond it was written by another clock */
};

static CHECKED enum err_code is_any_ahead(struct sqlite_store *self, const struct ahead *ahead,
                                          bool *is_any_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_AHEAD_LAST);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* an aggregate always gives one */
    *is_any_out = code == ERR_OK && sqlite3_column_int64(statement, 0) > ahead->latest_ms;
    (void)sqlite3_reset(statement);
    return code;
}

static CHECKED enum err_code bring_events(struct sqlite_store *self, const struct ahead *ahead,
                                          bool is_repeated, int64_t *count_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_AHEAD_EVENTS);
    sqlite_bind_integer(statement, ":now", ahead->now_ms);
    sqlite_bind_integer(statement, ":lease", ahead->lease_ms);
    sqlite_bind_integer(statement, ":latest", ahead->latest_ms);
    sqlite_bind_integer(statement, ":is_repeated", is_repeated ? 1 : 0);
    sqlite_bind_integer(statement, ":limit", AHEAD_BATCH_MAX);
    enum err_code code = sqlite_run(self, statement, err);
    *count_out += code == ERR_OK ? sqlite3_changes(self->db) : 0;
    return code;
}

static CHECKED enum err_code bring_flights(struct sqlite_store *self, const struct ahead *ahead,
                                           struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_AHEAD_FLIGHTS);
    sqlite_bind_integer(statement, ":now", ahead->now_ms);
    sqlite_bind_integer(statement, ":lease", ahead->lease_ms);
    sqlite_bind_integer(statement, ":latest", ahead->latest_ms);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code bring_workers(struct sqlite_store *self, const struct ahead *ahead,
                                           struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_AHEAD_WORKERS);
    sqlite_bind_integer(statement, ":now", ahead->now_ms);
    sqlite_bind_integer(statement, ":latest", ahead->latest_ms);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code bring(struct sqlite_store *self, const struct ahead *ahead,
                                   int64_t *count_out, struct err *err) {
    enum err_code code = bring_events(self, ahead, false, count_out, err);
    if (code == ERR_OK) {
        code = bring_events(self, ahead, true, count_out, err);
    }
    if (code == ERR_OK) {
        code = bring_flights(self, ahead, err);
    }
    return code == ERR_OK ? bring_workers(self, ahead, err) : code;
}

enum err_code sqlite_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                                int64_t wait_max_ms, int64_t *count_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    const struct ahead ahead = {
        .now_ms = now_ms,
        .lease_ms = lease_ms,
        .latest_ms = now_ms + (wait_max_ms > lease_ms ? wait_max_ms : lease_ms),
    };
    bool is_any = false;
    enum err_code code = is_any_ahead(self, &ahead, &is_any, err);
    if (code != ERR_OK || !is_any) {
        return code;
    }
    code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = sqlite_end(self, bring(self, &ahead, count_out, err), err);
    *count_out = code == ERR_OK ? *count_out : 0;
    return code;
}
