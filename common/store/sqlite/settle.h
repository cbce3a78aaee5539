#pragma once
/*
 * The first half of a worker's step: verdicts into rows. Runs within the caller's write
 * transaction.
 */
#include "common/store/sqlite/engine.h"

CHECKED enum err_code sqlite_settle(struct sqlite_store *self, const struct settlement *settlements,
                                    size_t settlement_count, struct settle_report *report_out,
                                    const struct claim_request *request, struct err *err);
