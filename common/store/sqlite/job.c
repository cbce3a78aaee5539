/*
 * Bulk jobs: one request for many events, which are settled and claimed in slices.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/store/sqlite/claim.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/settle.h"
#include "common/store/sqlite/transaction.h"

enum {
    /* Due events of one sort that a slice looks at beyond those it wants: some may have to go alone. */
    LOOK_FURTHER = 256,
};

enum err_code sqlite_count_due(struct store *store, int64_t now_ms, int64_t limit,
                               int64_t *count_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_COUNT);
    sqlite_bind_integer(statement, ":now", now_ms);
    sqlite_bind_integer(statement, ":limit", limit);
    bool has_row = false;
    code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* an aggregate always gives one */
    *count_out = code == ERR_OK ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    sqlite_end_read(self);
    return code;
}

/* Adds due rows of one sort to the batch, as far as there is room. */
static CHECKED enum err_code read_sort(struct sqlite_store *self,
                                       const struct claim_request *request, bool is_repeated,
                                       struct claim_batch *batch, struct due_row *rows,
                                       struct err *err) {
    size_t left_count = request->count_max - batch->claim_count;
    sqlite3_stmt *statement = sqlite_use(self, SQL_DUE_MEMBERS);
    sqlite_bind_integer(statement, ":now", request->now_ms);
    sqlite_bind_integer(statement, ":is_repeated", is_repeated ? 1 : 0);
    sqlite_bind_integer(statement, ":look_limit", (int64_t)left_count + LOOK_FURTHER);
    sqlite_bind_integer(statement, ":limit", (int64_t)left_count);
    for (;;) {
        bool has_row = false;
        enum err_code code = sqlite_next(self, statement, &has_row, err);
        if (code != ERR_OK || !has_row) {
            return code;
        }
        assert(batch->claim_count < request->count_max);
        size_t index = batch->claim_count++;
        code = claim_read(statement, request->backfill_before_ms, &batch->claims[index],
                          &rows[index], err);
        if (code != ERR_OK) {
            (void)sqlite3_reset(statement);
            return code;
        }
    }
}

static CHECKED enum err_code claim_rows(struct sqlite_store *self,
                                        const struct claim_request *request, int64_t held_ms,
                                        struct claim_batch *batch, struct due_row *rows,
                                        struct err *err) {
    enum err_code code = read_sort(self, request, false, batch, rows, err);
    if (code == ERR_OK && batch->claim_count < request->count_max) {
        code = read_sort(self, request, true, batch, rows, err);
    }
    for (size_t i = 0; i < batch->claim_count && code == ERR_OK; i++) {
        struct claim *claim = &batch->claims[i];
        code = claim_row(self, &rows[i], request, err);
        claim->held_ms = claim->first_attempt_at_ms > 0 ? held_ms - rows[i].held_before_ms : 0;
    }
    return code;
}

static CHECKED enum err_code claim_members(struct sqlite_store *self,
                                           const struct claim_request *request, int64_t held_ms,
                                           struct claim_batch *batch, struct err *err) {
    enum err_code code = claim_reserve(batch, request->count_max, err);
    if (code != ERR_OK) {
        return code;
    }
    struct due_row *rows = calloc(request->count_max, sizeof *rows);
    if (rows == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    code = claim_rows(self, request, held_ms, batch, rows, err);
    free(rows);
    return code;
}

/* Whether a job may go out, as far as the account goes. */
static bool may_go(const struct account_allowance *allowance) {
    return allowance->count_max > 0 && !allowance->is_probe;
}

static bool is_held(const struct account_allowance *allowance) {
    return allowance->is_probe || allowance->reason == ACCOUNT_REASON_THROTTLED ||
           allowance->reason == ACCOUNT_REASON_PAUSED ||
           allowance->reason == ACCOUNT_REASON_BREAKER;
}

static void fill_reply(const struct account_desk *desk, const struct account_allowance *allowance,
                       struct job_reply *reply_out, struct claim_batch *batch) {
    reply_out->is_held = is_held(allowance);
    batch->reason = allowance->reason;
    batch->refused_count = (int32_t)desk->account.refused_count;
    batch->next_due_at_ms =
        allowance->count_max > 0 ? desk->moment.now_ms : allowance->not_before_ms;
}

/* A job that only wants to start and may not needs no gate. */
static CHECKED enum err_code look_whether_it_may(struct sqlite_store *self,
                                                 const struct claim_request *claim,
                                                 struct job_reply *reply_out,
                                                 struct claim_batch *batch, bool *may_out,
                                                 struct err *err) {
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    struct account_desk desk;
    code = account_desk_open(self, RATE_JOBS, claim, &desk, err);
    sqlite_end_read(self);
    if (code != ERR_OK) {
        return code;
    }
    account_desk_settle(&desk, (int64_t)claim->held_count);
    struct account_allowance allowance = account_desk_allow(&desk, 1);
    fill_reply(&desk, &allowance, reply_out, batch);
    *may_out = may_go(&allowance);
    return ERR_OK;
}

static CHECKED enum err_code work(struct sqlite_store *self, const struct settlement_list *list,
                                  const struct job_request *request, struct job_reply *reply_out,
                                  struct claim_batch *batch, struct err *err) {
    const struct claim_request *claim = &request->claim;
    struct account_desk desk;
    enum err_code code = account_desk_open(self, RATE_JOBS, claim, &desk, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t held_ms = account_held_ms(&desk.account, claim->now_ms);
    code = sqlite_settle_events(self, list, claim, &desk, &reply_out->settled, err);
    if (code != ERR_OK) {
        return code;
    }
    if (request->answered != NULL) {
        account_desk_note(&desk, request->answered);
    }
    account_desk_settle(&desk, (int64_t)claim->held_count);
    struct account_allowance allowance = account_desk_allow(&desk, 1);
    bool may_start = request->wants_start && may_go(&allowance);
    fill_reply(&desk, &allowance, reply_out, batch);
    if (claim->count_max > 0 && (request->wants_start ? may_start : !reply_out->is_held)) {
        code = claim_members(self, claim, held_ms, batch, err);
    }
    reply_out->has_company = self->gate.is_shared;
    reply_out->may_start = may_start && (claim->count_max == 0 || batch->claim_count > 0);
    account_desk_start(&desk, reply_out->may_start ? 1 : 0);
    int64_t jobs_count = (int64_t)claim->held_count + (reply_out->may_start ? 1 : 0);
    return code == ERR_OK ? account_desk_close(self, &desk, claim, jobs_count, err) : code;
}

enum err_code sqlite_settle_and_claim_members(struct store *store,
                                              const struct settlement *settlements,
                                              size_t settlement_count,
                                              const struct job_request *request,
                                              struct job_reply *reply_out,
                                              struct claim_batch *batch, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    if (settlement_count == 0 && request->answered == NULL && request->wants_start) {
        bool may = false;
        enum err_code code =
            look_whether_it_may(self, &request->claim, reply_out, batch, &may, err);
        if (code != ERR_OK || !may) {
            return code;
        }
    }
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct settlement_list list = {.settlements = settlements, .count = settlement_count};
    code = work(self, &list, request, reply_out, batch, err);
    code = sqlite_end(self, code, err);
    if (code != ERR_OK) {
        claim_batch_release(batch);
        *reply_out = (struct job_reply){0};
    }
    return code;
}
