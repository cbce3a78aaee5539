#pragma once
/*
 * Finding events: which ones a filter means, and one of them as people see it. Shared by what looks
 * (look.c) and what repairs (repair.c).
 *
 * Everything here reads within the caller's transaction.
 */
#include "common/store/sqlite/engine.h"

/* What a filter's status may be beside what store.h lists. */
#define STATUS_UNCLAIMED   "unclaimed"   /* pending without a live claim */
#define STATUS_CANCELLABLE "cancellable" /* that, or dead */

struct ident_list {
    struct ident *ids; /* owned */
    size_t id_count, id_capacity;
};
void ident_list_release(struct ident_list *list); /* also right for a zeroed struct */

/* The ids of all events that the filter means, newest first (those given by id: as given), at most
   filter->limit. Release the list in every case. ERR_FATAL: out of memory. */
CHECKED enum err_code select_events(struct sqlite_store *self, const struct event_filter *filter,
                                    int64_t now_ms, struct ident_list *list, struct err *err);

/* One event, if it exists and the filter (its ids and limit apart) means it. */
CHECKED enum err_code select_event(struct sqlite_store *self, const struct event_filter *filter,
                                   int64_t now_ms, const struct ident *id, bool *found_out,
                                   struct event_view *event_out, struct err *err);

/* Reads an event from the columns that find_preorder and match_event begin with. */
void select_read_event(sqlite3_stmt *statement, int64_t now_ms, struct event_view *event_out);
