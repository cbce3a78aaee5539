#pragma once
/*
 * What a worker counts and measures; docs/metrics.md lists it for people.
 */
#include "common/metrics.h"
#include "worker/flight.h"

enum worker_metric {
    WORKER_ATTEMPTS, /* event, outcome, code */
    WORKER_ATTEMPT_DURATION,
    WORKER_DELIVERY_LAG,
    WORKER_ATTEMPTS_PER_EVENT,
    WORKER_CLAIMS_RESCUED,
    WORKER_STALE_SETTLEMENTS,
    WORKER_THROTTLE_WAIT,
    WORKER_GATE_WAIT,
    WORKER_CHECKPOINT,
    WORKER_METRIC_COUNT,
};

extern const struct metric worker_metrics[WORKER_METRIC_COUNT];

/* The answer as a label: "2xx", "429", "5xx", else how the wire failed ("timeout", "connect" …);
   "none" if there was no request. */
const char *worker_metrics_code(const struct flight *flight);
