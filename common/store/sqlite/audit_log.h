#pragma once
/*
 * What people did by hand: who, what, why, to how many events.
 */
#include "common/store/sqlite/engine.h"

struct audit_line {
    int64_t at_ms;
    const char *actor, *action, *target, *reason;
    int64_t count; /* of events or preorders that it changed */
};

/* Within the write transaction of what it tells. */
CHECKED enum err_code sqlite_write_audit_log(struct sqlite_store *self,
                                             const struct audit_line *line, struct err *err);
