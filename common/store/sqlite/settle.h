#pragma once
/*
 * The first half of a worker's step: verdicts into rows. Runs within the caller's write
 * transaction.
 */
#include "common/store/sqlite/account.h"

struct settlement_list {
    const struct settlement *settlements;
    size_t count;
};

/* Writes them; the desk hears what became of the events. */
CHECKED enum err_code sqlite_settle_events(struct sqlite_store *self,
                                           const struct settlement_list *list,
                                           const struct claim_request *request,
                                           struct account_desk *desk,
                                           struct settle_report *report_out, struct err *err);
/* The same for events that each had a request of their own: the desk hears of those, too. */
CHECKED enum err_code sqlite_settle(struct sqlite_store *self, const struct settlement_list *list,
                                    const struct claim_request *request, struct account_desk *desk,
                                    struct settle_report *report_out, struct err *err);
