#pragma once
/*
 * Which events a person means: the filter that list, retry and cancel share.
 *
 * Ownership: texts are borrowed from the options; the struct itself must stay where it is, because
 * `events` points into it; `ids` are owned.
 */
#include "common/store.h"
#include "ctl/options.h"

enum { FILTER_LIMIT_MAX = 100000 };

struct filter {
    struct event_filter events;
    char email[EMAIL_BYTES];
    struct ident *ids; /* owned; filled in by filter_find_ids */
};

/* Reads the flags, not the words. `limit_default` is used when there is no --limit; 0: all.
   ERR_INVALID: the text names the flag. */
CHECKED enum err_code filter_parse(struct filter *filter, const struct options *options,
                                   int64_t limit_default, int64_t now_ms, struct err *err);

/* Turns the words into the ids of events, each once: an event's id stands for itself, a preorder's id
   or number for all its events. ERR_NOT_FOUND: the text names the word. */
CHECKED enum err_code filter_find_ids(struct filter *filter, const struct options *options,
                                      struct store *store, int64_t now_ms, struct err *err);
void filter_release(struct filter *filter); /* also right for a zeroed struct */
