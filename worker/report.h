#pragma once
/*
 * What a worker says about its work: one log line an attempt, one a change of state, and the counters
 * that go with them. Never an e-mail address, a payload or a key.
 *
 * Holds what was said last, so that a state which lasts is said once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/metrics.h"
#include "worker/flight.h"

struct report {
    struct metrics *metrics; /* borrowed, of worker_metrics; NULL: nothing is counted */
    bool is_open;            /* the breaker, as far as this worker has seen */
    bool is_paused;          /* the account, likewise */
    int64_t paused_at_ms;    /* since when it knows */
    int64_t throttled_until_ms;
    bool is_store_failing;
};

/* A judged flight: the attempt's line, and whatever it changes for the account. */
void report_attempt(struct report *report, const struct flight *flight);

/* What came with a batch of claims. */
void report_claims(struct report *report, const struct claim_batch *batch, int64_t now_ms);
void report_stale(const struct report *report, size_t stale_count);

/* A look at the other workers: says who died, if anybody did. */
/* So many events were due only by a clock that was set back since. */
void report_ahead(int64_t count);
void report_tended(const struct tend_report *tended);

/* After every call to the store; `err` is looked at if it failed. */
void report_store(struct report *report, enum err_code code, const struct err *err);

/* An event that could not be put on the wire and is given back. */
void report_unsent(const struct flight *flight, const char *why);
