#pragma once
/*
 * What the API counts and measures; docs/metrics.md lists it for people.
 */
#include "common/metrics.h"

enum api_metric {
    API_REQUESTS, /* route, method, code */
    API_REQUEST_DURATION,
    API_REQUESTS_IN_FLIGHT,
    API_REFUSED, /* reason */
    API_CREATED,
    API_REPLAYS,        /* result */
    API_PAYMENT_EVENTS, /* type, outcome */
    API_COMMIT_BATCH_SIZE,
    API_GATE_WAIT,
    API_CHECKPOINT,
    API_METRIC_COUNT,
};

extern const struct metric api_metrics[API_METRIC_COUNT];
