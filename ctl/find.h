#pragma once
/*
 * Finding what a word on the command line means: an event's id, a preorder's id, a preorder's number
 * (in either case) or an e-mail address.
 */
#include "common/store.h"

/* A preorder, its events, the journal of each, and what Stripe said. */
struct story {
    struct preorder_view preorder;
    struct event_list events;
    struct attempt_list *attempts; /* events.event_count of them; owned */
    struct payment_list payments;
};
CHECKED enum err_code story_load(struct store *store, const struct ident *preorder_id,
                                 int64_t now_ms, struct story *story_out, struct err *err);
void story_release(struct story *story); /* also right for a zeroed struct */

/* The preorders meant, newest first. ERR_NOT_FOUND: none; ERR_INVALID: neither id, number nor
   address. Release the list in every case. */
CHECKED enum err_code find_preorders(struct store *store, const char *word,
                                     struct preorder_list *list_out, struct err *err);

/* The event with this id, or all events of the preorder with this id or number. */
CHECKED enum err_code find_events(struct store *store, const char *word, int64_t now_ms,
                                  struct event_list *list_out, struct err *err);

/* True if `word` is the id of one of the story's events: *index_out says which. */
bool story_find_event(const struct story *story, const char *word, size_t *index_out);
