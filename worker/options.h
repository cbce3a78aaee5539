#pragma once
/*
 * What the worker's step is handed by its caller, and the bounds of it.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/store.h"
#include "worker/transport.h"
#include "worker/verdict.h"

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
