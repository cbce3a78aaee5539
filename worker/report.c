#include "worker/report.h"

#include "common/clock.h"
#include "common/domain/trace.h"
#include "common/log.h"
#include "worker/metrics.h"

static void report_line(const struct flight *flight) {
    const struct verdict *verdict = &flight->verdict;
    char trace[TRACE_ID_BYTES];
    char next[CLOCK_RFC3339_BYTES] = "";
    trace_id(flight->claim.traceparent, trace);
    if (verdict->next_attempt_at_ms > 0) {
        clock_format_rfc3339(verdict->next_attempt_at_ms, next);
    }
    int64_t duration_ms = (flight->finished_mono_us - flight->started_mono_us) / US_PER_MS;
    log_info(LOG_MSG("attempt"), LOG_TEXT("event_id", flight->claim.event_id.text),
             LOG_TEXT("preorder_id", flight->claim.preorder_id.text),
             LOG_TEXT("request_id", flight->claim.request_id), LOG_TEXT("trace_id", trace),
             LOG_TEXT("metric", flight->claim.metric), LOG_INT("attempt", flight->claim.attempts),
             LOG_INT("token", flight->claim.token),
             LOG_TEXT("outcome", outcome_name(verdict->outcome)),
             LOG_INT("http_status", flight->http_status), LOG_INT("duration_ms", duration_ms),
             LOG_INT("lag_ms", flight->finished_at_ms - flight->claim.created_at_ms),
             LOG_TEXT("next_attempt_at", next), LOG_TEXT("error", verdict->error));
}

/* None is shorter than nothing, whatever the wall clock did meanwhile. */
static double seconds(int64_t ms) {
    return ms > 0 ? (double)ms / (double)MS_PER_S : 0;
}

static void count_attempt(struct metrics *metrics, const struct flight *flight) {
    enum outcome outcome = flight->verdict.outcome;
    metrics_add(
        metrics, WORKER_ATTEMPTS,
        METRIC_LABELS(flight->claim.metric, outcome_name(outcome), worker_metrics_code(flight)), 1);
    if (flight->finished_mono_us != 0) {
        int64_t duration_us = flight->finished_mono_us - flight->started_mono_us;
        metrics_observe(metrics, WORKER_ATTEMPT_DURATION, NULL,
                        (double)duration_us / (double)(MS_PER_S * US_PER_MS));
    }
    if (outcome == OUTCOME_SENT) {
        metrics_observe(metrics, WORKER_DELIVERY_LAG, NULL,
                        seconds(flight->finished_at_ms - flight->claim.created_at_ms));
    }
    if (outcome == OUTCOME_SENT || outcome == OUTCOME_DEAD) {
        metrics_observe(metrics, WORKER_ATTEMPTS_PER_EVENT, NULL, flight->claim.attempts);
    }
}

static void report_pause(struct report *report, const struct flight *flight) {
    if (!report->is_paused) {
        log_warning(LOG_MSG("account paused: nothing is sent but slow probes"),
                    LOG_TEXT("reason", flight->verdict.pause_reason));
    }
    report->is_paused = true;
    report->paused_at_ms = flight->finished_at_ms;
}

static void report_throttle(struct report *report, const struct flight *flight) {
    int64_t until_ms = flight->verdict.account_not_before_ms;
    if (flight->finished_at_ms >= report->throttled_until_ms) {
        log_warning(LOG_MSG("account throttled: nothing is sent for a while"),
                    LOG_INT("wait_ms", until_ms - flight->finished_at_ms));
    }
    if (until_ms > report->throttled_until_ms) {
        int64_t known_until_ms = report->throttled_until_ms > flight->finished_at_ms
                                     ? report->throttled_until_ms
                                     : flight->finished_at_ms;
        metrics_add(report->metrics, WORKER_THROTTLE_WAIT, NULL,
                    seconds(until_ms - known_until_ms));
        report->throttled_until_ms = until_ms;
    }
}

void report_attempt(struct report *report, const struct flight *flight) {
    report_line(flight);
    count_attempt(report->metrics, flight);
    switch (flight->verdict.outcome) {
    case OUTCOME_SENT:
        /* What was on its way before the pause proves nothing. */
        if (report->is_paused && flight->started_at_ms >= report->paused_at_ms) {
            log_warning(LOG_MSG("account resumed: events are sent again"));
            report->is_paused = false;
        }
        break;
    case OUTCOME_PAUSED:
        report_pause(report, flight);
        break;
    case OUTCOME_THROTTLED:
        report_throttle(report, flight);
        break;
    case OUTCOME_RETRY:
    case OUTCOME_DEAD:
    case OUTCOME_UNKNOWN:
    case OUTCOME_UNSENT:
        break;
    }
}

static void report_breaker(struct report *report, enum account_reason reason, bool is_flowing) {
    if (reason == ACCOUNT_REASON_BREAKER && !report->is_open) {
        log_warning(LOG_MSG("breaker open: Klaviyo fails, one event at a time tries"));
        report->is_open = true;
    } else if (is_flowing && report->is_open) {
        log_warning(LOG_MSG("breaker closed: events are sent again"));
        report->is_open = false;
    }
}

void report_claims(struct report *report, const struct claim_batch *batch, int64_t now_ms) {
    if (batch->rescued_count > 0) {
        metrics_add(report->metrics, WORKER_CLAIMS_RESCUED, NULL, (double)batch->rescued_count);
        log_warning(LOG_MSG("took over events whose worker vanished"),
                    LOG_INT("count", (int64_t)batch->rescued_count));
    }
    report_breaker(report, batch->reason, batch->claim_count > 0 && !batch->is_probe);
    bool is_pauses_probe = batch->is_probe && batch->reason == ACCOUNT_REASON_PAUSED;
    if (is_pauses_probe && !report->is_paused) {
        log_warning(LOG_MSG("account is paused: probing with one event"));
        report->is_paused = true;
        report->paused_at_ms = now_ms;
    } else if (!batch->is_probe && batch->claim_count > 0 && report->is_paused) {
        log_warning(LOG_MSG("account resumed: events are sent again"));
        report->is_paused = false;
    }
}

void report_stale(const struct report *report, size_t stale_count) {
    if (stale_count > 0) {
        metrics_add(report->metrics, WORKER_STALE_SETTLEMENTS, NULL, (double)stale_count);
        log_warning(LOG_MSG("settled too late: others had taken the events over"),
                    LOG_INT("count", (int64_t)stale_count));
    }
}

void report_ahead(int64_t count) {
    if (count > 0) {
        log_warning(LOG_MSG("the clock was set back: events that were due far ahead are due now"),
                    LOG_INT("count", count));
    }
}

void report_tended(const struct tend_report *tended) {
    if (tended->dead_name[0] != '\0') {
        log_warning(LOG_MSG("a worker died or is cut off: what it had in hand is due now"),
                    LOG_TEXT("dead_worker", tended->dead_name),
                    LOG_INT("count", tended->due_count));
    }
}

void report_store(struct report *report, enum err_code code, const struct err *err) {
    if (code != ERR_OK && !report->is_store_failing) {
        log_warning(LOG_MSG("database does not take writes now, trying again"),
                    LOG_TEXT("code", err_name(code)), LOG_TEXT("error", err->text));
    } else if (code == ERR_OK && report->is_store_failing) {
        log_warning(LOG_MSG("database takes writes again"));
    }
    report->is_store_failing = code != ERR_OK;
}

void report_unsent(const struct flight *flight, const char *why) {
    log_warning(LOG_MSG("event given back unsent"),
                LOG_TEXT("event_id", flight->claim.event_id.text),
                LOG_TEXT("preorder_id", flight->claim.preorder_id.text), LOG_TEXT("error", why));
}
