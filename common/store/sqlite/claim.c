/*
 * Claiming: taking due events into a worker's hands, in the transaction that settles what it had.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/settle.h"

/* What the account allows right now. */
struct allowance {
    size_t count_max;
    bool is_probe;
    int64_t not_before_ms; /* 0: nothing holds it back */
};

static CHECKED enum err_code read_allowance(struct sqlite_store *self,
                                            const struct claim_request *request,
                                            struct allowance *allowance_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_ACCOUNT_READ);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* the schema inserts it */
    int64_t not_before_ms = sqlite3_column_int64(statement, 0);
    bool is_paused = sqlite3_column_type(statement, 1) != SQLITE_NULL;
    (void)sqlite3_reset(statement);
    struct allowance allowance = {.count_max = request->count_max, .is_probe = is_paused};
    if (not_before_ms > request->now_ms) {
        allowance.count_max = 0;
        allowance.not_before_ms = not_before_ms;
    } else if (is_paused && allowance.count_max > 1) {
        allowance.count_max = 1;
    }
    *allowance_out = allowance;
    return ERR_OK;
}

static CHECKED enum err_code read_next_due(struct sqlite_store *self, int64_t *due_at_ms_out,
                                           struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_NEXT);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* an aggregate always gives one */
    *due_at_ms_out = sqlite3_column_type(statement, 0) == SQLITE_NULL
                         ? INT64_MAX
                         : sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return ERR_OK;
}

static CHECKED enum err_code reserve(struct claim_batch *batch, size_t count, struct err *err) {
    if (batch->claim_capacity >= count) {
        return ERR_OK;
    }
    struct claim *claims = realloc(batch->claims, count * sizeof *claims);
    if (claims == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    batch->claims = claims;
    batch->claim_capacity = count;
    return ERR_OK;
}

/* A due row as it was before the claim. */
struct due_row {
    int64_t rowid;
    bool had_holder;
};

static CHECKED enum err_code read_due_row(sqlite3_stmt *statement, struct claim *claim,
                                          struct due_row *row_out, struct err *err) {
    *claim = (struct claim){
        .token = sqlite3_column_int64(statement, 3) + 1,
        .attempts = sqlite3_column_int(statement, 4) + 1,
        .created_at_ms = sqlite3_column_int64(statement, 9),
        .first_attempt_at_ms = sqlite3_column_int64(statement, 10),
    };
    sqlite_column_copy(statement, 1, claim->event_id.text, sizeof claim->event_id.text);
    sqlite_column_copy(statement, 2, claim->preorder_id.text, sizeof claim->preorder_id.text);
    sqlite_column_copy(statement, 5, claim->metric, sizeof claim->metric);
    sqlite_column_copy(statement, 7, claim->request_id, sizeof claim->request_id);
    sqlite_column_copy(statement, 8, claim->traceparent, sizeof claim->traceparent);
    row_out->rowid = sqlite3_column_int64(statement, 0);
    row_out->had_holder = sqlite3_column_int(statement, 11) != 0;
    return sqlite_column_take(statement, 6, &claim->payload, &claim->payload_bytes, err);
}

/* Reads all due rows before it changes any: an update moves rows within the index that is read. */
static CHECKED enum err_code read_due(struct sqlite_store *self, int64_t now_ms, size_t count_max,
                                      struct claim_batch *batch, struct due_row *rows,
                                      struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_LIST);
    sqlite_bind_integer(statement, ":now", now_ms);
    sqlite_bind_integer(statement, ":limit", (int64_t)count_max);
    for (;;) {
        bool has_row = false;
        enum err_code code = sqlite_next(self, statement, &has_row, err);
        if (code != ERR_OK || !has_row) {
            return code;
        }
        assert(batch->claim_count < count_max);
        size_t index = batch->claim_count++;
        code = read_due_row(statement, &batch->claims[index], &rows[index], err);
        if (code != ERR_OK) {
            (void)sqlite3_reset(statement);
            return code;
        }
    }
}

static void forget(struct claim_batch *batch) {
    for (size_t i = 0; i < batch->claim_count; i++) {
        free(batch->claims[i].payload);
    }
    batch->claim_count = 0;
}

static CHECKED enum err_code claim_row(struct sqlite_store *self, const struct due_row *row,
                                       const struct claim_request *request, struct err *err) {
    enum err_code code = ERR_OK;
    if (row->had_holder) {
        sqlite3_stmt *statement = sqlite_use(self, SQL_JOURNAL_VANISHED);
        sqlite_bind_integer(statement, ":rowid", row->rowid);
        code = sqlite_run(self, statement, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_CLAIM_EVENT);
    sqlite_bind_integer(statement, ":rowid", row->rowid);
    sqlite_bind_text(statement, ":worker", request->worker);
    sqlite_bind_integer(statement, ":now", request->now_ms);
    sqlite_bind_integer(statement, ":expires", request->now_ms + request->lease_ms);
    return sqlite_run(self, statement, err);
}

/* Due rows that had a holder may be in the hands of one that is only slow: those are left to it. */
static CHECKED enum err_code read_takeable(struct sqlite_store *self,
                                           const struct claim_request *request, size_t count_max,
                                           struct claim_batch *batch, struct due_row *rows,
                                           struct err *err) {
    enum err_code code = read_due(self, request->now_ms, count_max, batch, rows, err);
    bool any_held = false;
    for (size_t i = 0; i < batch->claim_count && code == ERR_OK; i++) {
        any_held = any_held || rows[i].had_holder;
    }
    if (code != ERR_OK || !any_held) {
        return code;
    }
    size_t renewed_count = 0;
    code = sqlite_renew_lapsed(self, request->now_ms, request->lease_ms, &renewed_count, err);
    if (code != ERR_OK || renewed_count == 0) {
        return code;
    }
    forget(batch);
    return read_due(self, request->now_ms, count_max, batch, rows, err);
}

static CHECKED enum err_code claim_due(struct sqlite_store *self,
                                       const struct claim_request *request,
                                       const struct allowance *allowance, struct claim_batch *batch,
                                       struct err *err) {
    enum err_code code = reserve(batch, allowance->count_max, err);
    if (code != ERR_OK) {
        return code;
    }
    struct due_row *rows = calloc(allowance->count_max, sizeof *rows);
    if (rows == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    code = read_takeable(self, request, allowance->count_max, batch, rows, err);
    for (size_t i = 0; i < batch->claim_count && code == ERR_OK; i++) {
        code = claim_row(self, &rows[i], request, err);
        batch->rescued_count += rows[i].had_holder ? 1 : 0;
    }
    free(rows);
    if (code == ERR_OK && allowance->is_probe && batch->claim_count > 0) {
        batch->is_probe = true;
        sqlite3_stmt *statement = sqlite_use(self, SQL_ACCOUNT_PROBE);
        sqlite_bind_integer(statement, ":not_before", request->now_ms + request->probe_interval_ms);
        code = sqlite_run(self, statement, err);
    }
    return code;
}

/* When it is worth asking again. */
static CHECKED enum err_code fill_next_due(struct sqlite_store *self,
                                           const struct claim_request *request,
                                           struct claim_batch *batch, struct err *err) {
    struct allowance allowance;
    int64_t due_at_ms = INT64_MAX;
    enum err_code code = read_allowance(self, request, &allowance, err);
    if (code == ERR_OK) {
        code = read_next_due(self, &due_at_ms, err);
    }
    if (code == ERR_OK) {
        batch->next_due_at_ms =
            due_at_ms > allowance.not_before_ms ? due_at_ms : allowance.not_before_ms;
    }
    return code;
}

/* Nothing to settle and nothing to claim needs no gate: an idle worker only looks. */
static CHECKED enum err_code is_anything_due(struct sqlite_store *self,
                                             const struct claim_request *request,
                                             struct claim_batch *batch, bool *is_due_out,
                                             struct err *err) {
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = fill_next_due(self, request, batch, err);
    sqlite_end_read(self);
    *is_due_out = request->count_max > 0 && batch->next_due_at_ms <= request->now_ms;
    return code;
}

static CHECKED enum err_code
settle_and_claim(struct sqlite_store *self, const struct settlement *settlements,
                 size_t settlement_count, struct settle_report *report_out,
                 const struct claim_request *request, struct claim_batch *batch, struct err *err) {
    struct allowance allowance = {0};
    enum err_code code =
        sqlite_settle(self, settlements, settlement_count, report_out, request, err);
    if (code == ERR_OK) {
        code = read_allowance(self, request, &allowance, err);
    }
    if (code == ERR_OK && allowance.count_max > 0) {
        code = claim_due(self, request, &allowance, batch, err);
    }
    return code == ERR_OK ? fill_next_due(self, request, batch, err) : code;
}

enum err_code sqlite_settle_and_claim(struct store *store, const struct settlement *settlements,
                                      size_t settlement_count, struct settle_report *report_out,
                                      const struct claim_request *request,
                                      struct claim_batch *batch, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    if (settlement_count == 0) {
        bool is_due = false;
        enum err_code code = is_anything_due(self, request, batch, &is_due, err);
        if (code != ERR_OK || !is_due) {
            return code;
        }
    }
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = settle_and_claim(self, settlements, settlement_count, report_out, request, batch, err);
    if (code == ERR_OK) {
        code = sqlite_commit(self, err);
    } else {
        sqlite_rollback(self);
    }
    if (code != ERR_OK) {
        claim_batch_release(batch);
        *report_out = (struct settle_report){0};
    }
    return code;
}
