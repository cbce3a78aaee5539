#include "worker/metrics.h"

const struct metric worker_metrics[WORKER_METRIC_COUNT] = {
    [WORKER_ATTEMPTS] = {.name = "preorder_attempts_total",
                         .help = "Attempts to send an event, by the event's metric, the outcome in "
                                 "the journal, and the kind of answer or failure.",
                         .kind = METRIC_COUNTER,
                         .labels = {"event", "outcome", "code"},
                         .series_max = 200},
    [WORKER_ATTEMPT_DURATION] = {.name = "preorder_attempt_duration_seconds",
                                 .help = "How long a request to Klaviyo took, answered or not.",
                                 .kind = METRIC_HISTOGRAM,
                                 .bounds = {.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30}},
    [WORKER_DELIVERY_LAG] = {.name = "preorder_delivery_lag_seconds",
                             .help = "From an event's commit to Klaviyo's acceptance.",
                             .kind = METRIC_HISTOGRAM,
                             .bounds = {.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800,
                                        7200, 43200, 259200}},
    [WORKER_ATTEMPTS_PER_EVENT] = {.name = "preorder_attempts_per_event",
                                   .help = "Attempts that an event had used when it became sent or "
                                           "dead.",
                                   .kind = METRIC_HISTOGRAM,
                                   .bounds = {1, 2, 3, 5, 10, 20, 50, 100, 200}},
    [WORKER_CLAIMS_RESCUED] = {.name = "preorder_claims_rescued_total",
                               .help = "Events taken over from a worker that vanished.",
                               .kind = METRIC_COUNTER},
    [WORKER_STALE_SETTLEMENTS] = {.name = "preorder_stale_settlements_total",
                                  .help = "Outcomes that came too late: another worker had taken "
                                          "the event over. They change nothing.",
                                  .kind = METRIC_COUNTER},
    [WORKER_THROTTLE_WAIT] = {.name = "preorder_throttle_wait_seconds_total",
                              .help = "Time for which Klaviyo (429) told this worker to send "
                                      "nothing.",
                              .kind = METRIC_COUNTER},
    [WORKER_GATE_WAIT] = {.name = "preorder_gate_wait_seconds",
                          .help = "How long a write waited for its turn at the database, won or "
                                  "not.",
                          .kind = METRIC_HISTOGRAM,
                          .bounds = {.0001, .00025, .0005, .001, .002, .003, .004, .005, .0065,
                                     .008, .01, .025, .05, .25, 1, 2}},
    [WORKER_CHECKPOINT] =
        {.name = "preorder_checkpoint_seconds",
         .help = "How long it took to work the log off into the database, within the gate.",
         .kind = METRIC_HISTOGRAM,
         .bounds = {.001, .002, .003, .004, .005, .0065, .008, .01, .015, .02, .03, .05, .1, .25,
                    1}},
};

static const char *const wire_words[TRANSPORT_CODES] = {
    [TRANSPORT_OK] = "none",
    [TRANSPORT_TIMEOUT] = "timeout",
    [TRANSPORT_DNS] = "dns",
    [TRANSPORT_CONNECT] = "connect",
    [TRANSPORT_TLS_HANDSHAKE] = "tls",
    [TRANSPORT_CERTIFICATE] = "certificate",
    [TRANSPORT_RESET] = "reset",
    [TRANSPORT_PROTOCOL] = "protocol",
    [TRANSPORT_TOO_LARGE] = "too_large",
    [TRANSPORT_LOCAL] = "local",
    [TRANSPORT_STOPPED] = "stopped",
    [TRANSPORT_OTHER] = "other",
};

const char *worker_metrics_code(const struct flight *flight) {
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    int32_t status = flight->http_status;
    if (status == 0) {
        return flight->finished_mono_us == 0 ? "none" : wire_words[flight->transport_code];
    }
    if (status == 429) {
        return "429";
    }
    return status >= 100 && status <= 599 ? classes[status / 100 - 1] : "other";
}
