#pragma once
/*
 * Taking due events into a worker's hands: what claims of single events and of a job's members have
 * in common. Runs within the caller's write transaction.
 */
#include "common/store/sqlite/engine.h"

/* A due row as it was before the claim. */
struct due_row {
    int64_t rowid;
    bool had_holder;
    int64_t held_before_ms; /* what the account had been held when its age began */
};

/* Room for `count` claims. ERR_FATAL: out of memory. */
CHECKED enum err_code claim_reserve(struct claim_batch *batch, size_t count, struct err *err);

/* From the row that a statement with the columns of due_list stands on. */
CHECKED enum err_code claim_read(sqlite3_stmt *statement, int64_t backfill_before_ms,
                                 struct claim *claim, struct due_row *row_out, struct err *err);

/* Writes the claim down, and `unknown` for the holder that vanished, if there was one. */
CHECKED enum err_code claim_row(struct sqlite_store *self, const struct due_row *row,
                                const struct claim_request *request, struct err *err);
