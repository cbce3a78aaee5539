#pragma once
/*
 * When more comes in than gets done: what has been let in is finished, what comes next is refused
 * at once, so that nobody waits for an answer that comes too late to be of use.
 *
 * What waits is the queue before the commit. As long as it is worked off in time, everything is let in.
 * Once its oldest request has waited for OVERLOAD_WAIT_MS, nothing is, until the commit has taken
 * it. So it needs no figure of what the machine can do: at any speed about as much is let in as gets
 * done in that time, and a pause of the machine or of the database, during which nothing was let
 * in, refuses nobody. A queue of up to OVERLOAD_QUEUE_MIN is never too long.
 *
 * Pure but for the log: a line when it begins and one when it has ended. Threads: one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OVERLOAD_WAIT_MS = 100,
    OVERLOAD_QUEUE_MIN = 64, /* never too many: a tenth of a core commits them in 40 ms */
    OVERLOAD_CALM_MS = 500,  /* so long after the last refusal, or long wait, it is over */
};

struct overload {
    bool is_on;
    int64_t began_us, last_us; /* last_us: of the refusals and the long waits */
    int64_t refused_count;
};

/* Whether the next request is to be refused, and counts it if so. `oldest_us` is when the first of
   the queue was let in; without meaning for an empty one. */
bool overload_refuses(struct overload *overload, size_t queued_count, int64_t oldest_us,
                      int64_t now_us);

/* Before a commit: while long queues still wait half as long, it goes on, though nobody was refused.
   Otherwise new connections would be let in and refused by turns. */
void overload_persist(struct overload *overload, size_t queued_count, int64_t oldest_us,
                      int64_t now_us);

/* From time to time: ends it. */
void overload_tend(struct overload *overload, int64_t now_us);
