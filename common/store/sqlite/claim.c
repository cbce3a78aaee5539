/*
 * Claiming: taking due events into a worker's hands, in the transaction that settles what it had.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/account.h"
#include "common/store/sqlite/claim.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/settle.h"
#include "common/store/sqlite/transaction.h"
#include "common/store/sqlite/workers.h"

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

enum err_code claim_reserve(struct claim_batch *batch, size_t count, struct err *err) {
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

enum err_code claim_read(sqlite3_stmt *statement, int64_t backfill_before_ms, struct claim *claim,
                         struct due_row *row_out, struct err *err) {
    *claim = (struct claim){
        .token = sqlite3_column_int64(statement, 3) + 1,
        .attempts = sqlite3_column_int(statement, 4) + 1,
        .created_at_ms = sqlite3_column_int64(statement, 9),
        .first_attempt_at_ms = sqlite3_column_int64(statement, 10),
    };
    claim->is_backfill =
        sqlite3_column_int(statement, 13) != 0 || claim->created_at_ms < backfill_before_ms;
    sqlite_column_copy(statement, 1, claim->event_id.text, sizeof claim->event_id.text);
    sqlite_column_copy(statement, 2, claim->preorder_id.text, sizeof claim->preorder_id.text);
    sqlite_column_copy(statement, 5, claim->metric, sizeof claim->metric);
    sqlite_column_copy(statement, 7, claim->request_id, sizeof claim->request_id);
    sqlite_column_copy(statement, 8, claim->traceparent, sizeof claim->traceparent);
    row_out->rowid = sqlite3_column_int64(statement, 0);
    row_out->had_holder = sqlite3_column_int(statement, 11) != 0;
    row_out->held_before_ms = sqlite3_column_int64(statement, 12);
    return sqlite_column_take(statement, 6, &claim->payload, &claim->payload_bytes, err);
}

/* What is asked of the rows that are due. */
struct wish {
    int64_t now_ms;
    int64_t backfill_before_ms;
    size_t count_max;
    size_t repeated_count_max; /* of them repeated attempts, if there are enough first ones */
};

/* Adds due rows of one sort until the batch holds `until_count`. */
static CHECKED enum err_code read_sort(struct sqlite_store *self, const struct wish *wish,
                                       bool is_repeated, size_t until_count,
                                       struct claim_batch *batch, struct due_row *rows,
                                       struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_LIST);
    sqlite_bind_integer(statement, ":now", wish->now_ms);
    sqlite_bind_integer(statement, ":is_repeated", is_repeated ? 1 : 0);
    sqlite_bind_integer(statement, ":limit", (int64_t)(until_count - batch->claim_count));
    for (;;) {
        bool has_row = false;
        enum err_code code = sqlite_next(self, statement, &has_row, err);
        if (code != ERR_OK || !has_row) {
            return code;
        }
        assert(batch->claim_count < until_count);
        size_t index = batch->claim_count++;
        code = claim_read(statement, wish->backfill_before_ms, &batch->claims[index], &rows[index],
                          err);
        if (code != ERR_OK) {
            (void)sqlite3_reset(statement);
            return code;
        }
    }
}

static CHECKED enum err_code count_repeated(struct sqlite_store *self, const struct wish *wish,
                                            size_t *count_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_REPEATED_COUNT);
    sqlite_bind_integer(statement, ":now", wish->now_ms);
    sqlite_bind_integer(statement, ":limit", (int64_t)wish->repeated_count_max);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* an aggregate always gives one */
    *count_out = code == ERR_OK ? (size_t)sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    return code;
}

/* Reads all due rows before it changes any: an update moves rows within the index that is read. */
static CHECKED enum err_code read_due(struct sqlite_store *self, const struct wish *wish,
                                      struct claim_batch *batch, struct due_row *rows,
                                      struct err *err) {
    size_t repeated_count = 0;
    enum err_code code = count_repeated(self, wish, &repeated_count, err);
    if (code == ERR_OK) {
        code = read_sort(self, wish, false, wish->count_max - repeated_count, batch, rows, err);
    }
    if (code == ERR_OK && batch->claim_count < wish->count_max) {
        code = read_sort(self, wish, true, wish->count_max, batch, rows, err);
    }
    return code;
}

static void forget(struct claim_batch *batch) {
    for (size_t i = 0; i < batch->claim_count; i++) {
        free(batch->claims[i].payload);
    }
    batch->claim_count = 0;
}

enum err_code claim_row(struct sqlite_store *self, const struct due_row *row,
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
    sqlite_bind_integer(statement, ":backfill_before", request->backfill_before_ms);
    return sqlite_run(self, statement, err);
}

/* Due rows that had a holder may be in the hands of one that is only slow: those are left to it. */
static CHECKED enum err_code read_takeable(struct sqlite_store *self,
                                           const struct claim_request *request,
                                           const struct wish *wish, struct claim_batch *batch,
                                           struct due_row *rows, struct err *err) {
    enum err_code code = read_due(self, wish, batch, rows, err);
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
    return read_due(self, wish, batch, rows, err);
}

static CHECKED enum err_code claim_rows(struct sqlite_store *self,
                                        const struct claim_request *request,
                                        struct account_desk *desk, struct claim_batch *batch,
                                        const struct due_row *rows, struct err *err) {
    int64_t held_ms = account_held_ms(&desk->account, request->now_ms);
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < batch->claim_count && code == ERR_OK; i++) {
        struct claim *claim = &batch->claims[i];
        code = claim_row(self, &rows[i], request, err);
        claim->held_ms = claim->first_attempt_at_ms > 0 ? held_ms - rows[i].held_before_ms : 0;
        batch->rescued_count += rows[i].had_holder ? 1 : 0;
        if (rows[i].had_holder) {
            account_desk_vanish(desk, &claim->event_id, claim->token - 1);
        }
    }
    return code;
}

static CHECKED enum err_code claim_due(struct sqlite_store *self,
                                       const struct claim_request *request,
                                       const struct account_allowance *allowance,
                                       struct account_desk *desk, struct claim_batch *batch,
                                       struct err *err) {
    size_t count_max = (size_t)allowance->count_max;
    enum err_code code = claim_reserve(batch, count_max, err);
    if (code != ERR_OK) {
        return code;
    }
    struct due_row *rows = calloc(count_max, sizeof *rows);
    if (rows == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    const struct wish wish = {.now_ms = request->now_ms,
                              .backfill_before_ms = request->backfill_before_ms,
                              .count_max = count_max,
                              .repeated_count_max = (count_max + (request->dice & 1)) / 2};
    code = read_takeable(self, request, &wish, batch, rows, err);
    if (code == ERR_OK) {
        code = claim_rows(self, request, desk, batch, rows, err);
    }
    free(rows);
    batch->is_probe = allowance->is_probe && batch->claim_count > 0;
    account_desk_claim(desk, batch);
    return code;
}

/* When it is worth asking again. */
static CHECKED enum err_code fill_next_due(struct sqlite_store *self,
                                           const struct account_desk *desk,
                                           struct claim_batch *batch, struct err *err) {
    struct account_allowance allowance = account_desk_allow(desk, 1);
    int64_t due_at_ms = INT64_MAX;
    enum err_code code = read_next_due(self, &due_at_ms, err);
    if (allowance.count_max == 0) {
        batch->reason = allowance.reason;
        due_at_ms = due_at_ms > allowance.not_before_ms ? due_at_ms : allowance.not_before_ms;
    }
    batch->next_due_at_ms = due_at_ms;
    batch->refused_count = (int32_t)desk->account.refused_count;
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
    struct account_desk desk;
    code = account_desk_open(self, RATE_EVENTS, request, &desk, err);
    if (code == ERR_OK) {
        account_desk_settle(&desk, (int64_t)request->held_count);
        code = fill_next_due(self, &desk, batch, err);
    }
    sqlite_end_read(self);
    *is_due_out = request->count_max > 0 && batch->next_due_at_ms <= request->now_ms;
    return code;
}

static CHECKED enum err_code settle_and_claim(struct sqlite_store *self,
                                              const struct settlement_list *list,
                                              const struct claim_request *request,
                                              struct settle_report *report_out,
                                              struct claim_batch *batch, struct err *err) {
    struct account_desk desk;
    enum err_code code = account_desk_open(self, RATE_EVENTS, request, &desk, err);
    if (code == ERR_OK) {
        code = sqlite_settle(self, list, request, &desk, report_out, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    account_desk_settle(&desk, (int64_t)request->held_count);
    struct account_allowance allowance = account_desk_allow(&desk, request->count_max);
    batch->reason = allowance.reason;
    if (allowance.count_max > 0) {
        code = claim_due(self, request, &allowance, &desk, batch, err);
    }
    if (code == ERR_OK) {
        code = account_desk_close(self, &desk, request,
                                  (int64_t)(request->held_count + batch->claim_count), err);
    }
    return code == ERR_OK ? fill_next_due(self, &desk, batch, err) : code;
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
    const struct settlement_list list = {.settlements = settlements, .count = settlement_count};
    code = settle_and_claim(self, &list, request, report_out, batch, err);
    code = sqlite_end(self, code, err);
    if (code != ERR_OK) {
        claim_batch_release(batch);
        *report_out = (struct settle_report){0};
    }
    return code;
}
