/*
 * Counting: how things stand, and whether the two ends of the ledger agree.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/store/sqlite/account.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

enum { WAL_HEADER_BYTES = 32, WAL_FRAME_HEADER_BYTES = 24 };

/* Pages that the log's file has room for, from its size alone: the file itself is never opened
   outside SQLite, because closing it would drop SQLite's locks. */
static int32_t log_file_pages(const struct sqlite_store *self, int64_t page_bytes) {
    char path[sizeof self->gate.path];
    int length = snprintf(path, sizeof path, "%s-wal", self->path);
    assert(length > 0 && (size_t)length < sizeof path); /* shorter than the gate's */
    struct stat status;
    if (stat(path, &status) != 0 || status.st_size <= WAL_HEADER_BYTES) {
        return 0;
    }
    return (int32_t)((status.st_size - WAL_HEADER_BYTES) / (page_bytes + WAL_FRAME_HEADER_BYTES));
}

/* One row, or the reason why there is none. */
static CHECKED enum err_code only_row(struct sqlite_store *self, sqlite3_stmt *statement,
                                      const char *what, struct err *err) {
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code == ERR_OK && !has_row) {
        code = err_set(err, ERR_FATAL, "the database %s %s: restore it", self->path, what);
    }
    return code;
}

enum err_code sqlite_read_backlog(struct store *store, int64_t now_ms,
                                  struct store_status *status_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    sqlite3_stmt *statement = sqlite_use(self, SQL_READ_BACKLOG);
    sqlite_bind_integer(statement, ":now_ms", now_ms);
    enum err_code code = only_row(self, statement, "has no row in its table account", err);
    if (code != ERR_OK) {
        return code;
    }
    struct store_status status = {
        .schema_version = sqlite3_column_int(statement, 0),
        .dead_count = sqlite3_column_int64(statement, 2),
        .claimed_count = sqlite3_column_int64(statement, 3),
        .due_count = sqlite3_column_int64(statement, 4),
        .oldest_due_at_ms = sqlite3_column_int64(statement, 5),
        .account_not_before_ms = sqlite3_column_int64(statement, 6),
        .account_paused_since_ms = sqlite3_column_int64(statement, 8),
        .last_sent_at_ms = sqlite3_column_int64(statement, 9),
    };
    sqlite_column_copy(statement, 7, status.account_pause_reason,
                       sizeof status.account_pause_reason);
    status.waiting_count =
        sqlite3_column_int64(statement, 1) - status.claimed_count - status.due_count;
    int64_t page_bytes = sqlite3_column_int64(statement, 10);
    status.wal_pages = log_file_pages(self, page_bytes);
    status.flagged_count = sqlite3_column_int64(statement, 12);
    status.database_bytes = page_bytes * sqlite3_column_int64(statement, 11);
    (void)sqlite3_reset(statement);
    code = account_fill_status(self, now_ms, &status, err);
    if (code == ERR_OK) {
        *status_out = status;
    }
    return code;
}

static CHECKED enum err_code read_totals(struct sqlite_store *self, struct store_status *status,
                                         struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_READ_TOTALS);
    enum err_code code = only_row(self, statement, "gave no counts", err);
    if (code != ERR_OK) {
        return code;
    }
    status->preorder_count = sqlite3_column_int64(statement, 0);
    status->cancelled_count = sqlite3_column_int64(statement, 2);
    status->sent_count = sqlite3_column_int64(statement, 1) - status->cancelled_count -
                         status->dead_count - status->due_count - status->waiting_count -
                         status->claimed_count;
    (void)sqlite3_reset(statement);
    return ERR_OK;
}

enum err_code sqlite_read_status(struct store *store, int64_t now_ms,
                                 struct store_status *status_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store_status status;
    code = sqlite_read_backlog(store, now_ms, &status, err);
    if (code == ERR_OK) {
        code = read_totals(self, &status, err);
    }
    sqlite_end_read(self);
    if (code == ERR_OK) {
        *status_out = status;
    }
    return code;
}

static CHECKED enum err_code audit_within(struct sqlite_store *self, struct store_audit *audit,
                                          struct err *err) {
    sqlite3_stmt *counts = sqlite_use(self, SQL_AUDIT_COUNTS);
    enum err_code code = only_row(self, counts, "gave no counts", err);
    if (code != ERR_OK) {
        return code;
    }
    audit->preorder_count = sqlite3_column_int64(counts, 0);
    audit->sent_count = sqlite3_column_int64(counts, 1);
    audit->dead_count = sqlite3_column_int64(counts, 2);
    audit->cancelled_count = sqlite3_column_int64(counts, 3);
    audit->pending_count = sqlite3_column_int64(counts, 4);
    audit->pruned_count = sqlite3_column_int64(counts, 5);
    audit->payment_event_count = sqlite3_column_int64(counts, 6);
    (void)sqlite3_reset(counts);

    sqlite3_stmt *loners = sqlite_use(self, SQL_AUDIT_LONERS);
    code = only_row(self, loners, "gave no counts", err);
    if (code != ERR_OK) {
        return code;
    }
    audit->preorders_without_event = sqlite3_column_int64(loners, 0);
    audit->events_without_preorder = sqlite3_column_int64(loners, 1);
    audit->sent_without_attempt = sqlite3_column_int64(loners, 2);
    audit->payments_without_event = sqlite3_column_int64(loners, 3);
    audit->events_without_payment = sqlite3_column_int64(loners, 4);
    (void)sqlite3_reset(loners);
    return ERR_OK;
}

/* Takes from `count` what `pruned_count` may explain, and that from `pruned_count`. */
static void forgive(int64_t *count, int64_t *pruned_count) {
    int64_t explained = *count < *pruned_count ? *count : *pruned_count;
    *count -= explained;
    *pruned_count -= explained;
}

enum err_code sqlite_audit(struct store *store, struct store_audit *audit_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct store_audit audit = {0};
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = audit_within(self, &audit, err);
    sqlite_end_read(self);
    if (code != ERR_OK) {
        return code;
    }
    /* Pruned events leave only their number; the sums below still catch one that went missing. */
    int64_t pruned_count = audit.pruned_count;
    forgive(&audit.preorders_without_event, &pruned_count);
    forgive(&audit.payments_without_event, &pruned_count);
    int64_t owed_count = audit.preorder_count + audit.payment_event_count;
    int64_t held_count = audit.sent_count + audit.dead_count + audit.cancelled_count +
                         audit.pending_count + audit.pruned_count;
    audit.agrees = owed_count == held_count && audit.preorders_without_event == 0 &&
                   audit.events_without_preorder == 0 && audit.sent_without_attempt == 0 &&
                   audit.payments_without_event == 0 && audit.events_without_payment == 0;
    *audit_out = audit;
    return ERR_OK;
}
