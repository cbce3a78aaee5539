#pragma once
/*
 * The worker: claims due events, has them sent, judges the answers, settles.
 *
 * One thread, one loop: worker_step does all that is due, never waits but for the store, and says
 * how long to sleep. What is claimed, on the wire and not yet settled stands in flights; a settlement
 * that the store did not take is kept and tried again, and its flight stays taken, so a database in
 * trouble slows the worker down instead of filling its memory.
 *
 * Threads: all calls from one thread. Not here: HTTP (sender.h), what a failure means (verdict.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/store.h"
#include "worker/transport.h"
#include "worker/verdict.h"

struct worker;

enum {
    WORKER_CONCURRENCY_MAX = 1024,
    /* Bulk jobs at once: what Klaviyo allows a second, if it answers within half of one. */
    WORKER_JOBS_MAX = 4,
    /* Settlements and claims in one transaction: it holds the gate for about a millisecond. */
    WORKER_BATCH_MAX = 64,
    /* Pages in the log from which a worker works it off; the API steps in at 170. */
    WORKER_LOG_PAGES_MIN = 130,
};

struct worker_options {
    const char *id; /* < WORKER_ID_BYTES, unique for each start; the store's registered worker */
    const struct clock *clock;
    const struct random *random; /* jitter, parent ids */
    struct store *store;
    struct metrics *metrics;           /* of worker_metrics; NULL: nothing is counted */
    const struct transport *transport; /* with `concurrency` slots and WORKER_JOBS_MAX more */
    size_t concurrency;                /* 1..WORKER_CONCURRENCY_MAX */
    int64_t lease_ms;                  /* more than request_timeout_ms */
    int64_t request_timeout_ms;        /* the longest that the transport takes for one request */
    int64_t poll_interval_ms;
    struct rate_limits limits; /* single events, for the whole account */
    /* The least time between two transactions unless all that is in hand has landed: one for a single
       event holds the gate, and syncs, as long as one for twenty. An idle worker does not wait. */
    int64_t gather_ms;
    int64_t bulk_threshold;  /* due events above which bulk jobs are sent; 0: none ever */
    int64_t backfill_age_ms; /* events sent later than this say backfill; 0: none ever */
    struct verdict_policy policy;
};

/* Everything in `options` is borrowed until worker_close. ERR_FATAL: out of memory. */
CHECKED enum err_code worker_open(const struct worker_options *options, struct worker **worker_out,
                                  struct err *err);
/* Frees it; what is still in flight is left to the next worker. NULL is fine. */
void worker_close(struct worker *worker);

/*
 * One turn: judges what finished, settles and claims in one transaction, starts what it claimed.
 * *wait_ms_out: when to call again unless the transport has news sooner.
 * Failure: only what a loop cannot go on after; the process has to exit with status 1. The others on
 * its host, or the next one, then take over what it had in hand. ERR_FATAL: the database. ERR_UNKNOWN:
 * a commit of which nobody heard may have given this worker claims.
 */
CHECKED enum err_code worker_step(struct worker *worker, int64_t *wait_ms_out, struct err *err);

/* Something became due: the next step looks, however long it meant to sleep. */
void worker_wake(struct worker *worker);
/* It looks as soon as it can anyway: being woken would only cost it a turn. Holds until the next step. */
bool worker_is_about_to_look(const struct worker *worker);

/*
 * From now on nothing is claimed. What is on the wire may finish within timeout_ms; shortly before its
 * end the rest is ended and settled as a retry. May be called again; the first call's timeout holds.
 */
void worker_drain(struct worker *worker, int64_t timeout_ms);
bool worker_is_draining(const struct worker *worker);

/* After worker_drain: everything is settled, or the time is over. */
bool worker_is_drained(const struct worker *worker);

/* Events in this worker's hands: claimed, and not yet settled. */
size_t worker_held_count(const struct worker *worker);
