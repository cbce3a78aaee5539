#pragma once
/*
 * Refusals in a row: different events that Klaviyo refused with 400, nothing sent between, whichever
 * worker sent them, singly or in jobs. What the store knows of all workers as of this one's last
 * transaction, and what this one has judged since. What others judged meanwhile is not in it: at most
 * what is on the wire.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store.h"

struct streak {
    int32_t account_count; /* the store's, or 0 since something was sent */
    int32_t unsettled_count;
};

int32_t streak_count(const struct streak *streak);

/* Judged here, and not settled yet. */
void streak_note_refused(struct streak *streak);
void streak_note_sent(struct streak *streak);

/* The store wrote these, and says what it knows of all workers now. */
void streak_settled(struct streak *streak, const struct settlement *settlements,
                    size_t settlement_count, int32_t account_count);
