#pragma once
/*
 * A row of the outbox, new: written in the transaction of what it tells.
 */
#include "common/store/sqlite/engine.h"

/* Within a write transaction: a new event, pending; due at `due_at_ms`, or 0: it waits. */
CHECKED enum err_code sqlite_insert_event(struct sqlite_store *self, const struct event *event,
                                          const struct ident *preorder_id, int64_t sequence,
                                          int64_t due_at_ms, struct err *err);
