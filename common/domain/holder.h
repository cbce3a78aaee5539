#pragma once
/*
 * Whose claims may be taken: what holds for the worker that made them.
 *
 * Workers of one host share a kernel: it tells for certain who lives. There, death frees the claims
 * at once, and a worker that is only slow or stopped keeps them however long its lease is over. Of
 * another host nothing is known but the lease. Every store follows this rule. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

enum holder {
    HOLDER_ALIVE,     /* on this host, it holds its lock */
    HOLDER_DEAD,      /* on this host, its lock is free */
    HOLDER_ELSEWHERE, /* on another host */
};

enum {
    /* How often a worker renews the time at which it was last seen. */
    HOLDER_SEEN_EVERY_MS = 5000,
    /* A worker elsewhere that was not seen for the lease and this long is gone or cut off. */
    HOLDER_UNSEEN_MS = 4 * HOLDER_SEEN_EVERY_MS,
};

enum holder holder_judge(bool is_same_host, bool has_lock);

/* Its claims are due at once, whatever is left of their lease. */
bool holder_loses_claims(enum holder holder);

/* Its claims stay its own when their lease ran out; whoever finds them renews it. */
bool holder_keeps_lapsed_claims(enum holder holder);

/* It is struck off the register: it died, or it has nothing in hand and was not seen for long. One
   that was only cut off enters itself anew. */
bool holder_is_gone(enum holder holder, bool has_claims, int64_t seen_at_ms, int64_t lease_ms,
                    int64_t now_ms);
