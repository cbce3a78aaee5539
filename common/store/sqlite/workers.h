#pragma once
/*
 * What claiming asks of the register of workers.
 */
#include "common/store/sqlite/engine.h"

/* Within a write transaction: renews every claim whose lease ran out though its holder lives on this
   host. *renewed_count_out: how many. */
CHECKED enum err_code sqlite_renew_lapsed(struct sqlite_store *self, int64_t now_ms,
                                          int64_t lease_ms, size_t *renewed_count_out,
                                          struct err *err);
