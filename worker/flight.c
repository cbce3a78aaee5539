#include "worker/flight.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/clean.h"

void flight_take(struct flight *flight, struct claim *claim, bool is_probe) {
    assert(flight->state == FLIGHT_FREE);
    *flight = (struct flight){.state = FLIGHT_HELD, .claim = *claim, .is_probe = is_probe};
    claim->payload = NULL;
}

void flight_keep_answer(struct flight *flight, const struct transport_answer *answer) {
    flight->transport_code = answer->code;
    flight->http_status = answer->http_status;
    flight->rate_remaining_count = answer->rate_remaining_count;
    flight->rate_reset_s = answer->rate_reset_s;
    if (answer->http_status == 0 || answer->body_bytes == 0) {
        return;
    }
    flight->body = malloc(answer->body_bytes);
    if (flight->body != NULL) {
        flight->body_bytes = clean_body(answer->body, answer->body_bytes, flight->body);
    }
}

void flight_give_back(struct flight *flight, int64_t now_ms) {
    assert(flight->state == FLIGHT_HELD);
    flight->state = FLIGHT_LANDED;
    flight->started_at_ms = now_ms;
    flight->finished_at_ms = now_ms;
    flight->verdict = (struct verdict){.outcome = OUTCOME_UNSENT, .next_attempt_at_ms = now_ms};
}

struct settlement flight_settlement(const struct flight *flight) {
    assert(flight->state == FLIGHT_LANDED);
    const struct verdict *verdict = &flight->verdict;
    return (struct settlement){
        .event_id = flight->claim.event_id,
        .token = flight->claim.token,
        .outcome = verdict->outcome,
        .is_burnt = verdict->is_burnt,
        .http_status = flight->http_status,
        .error = verdict->error,
        .response_body = flight->body,
        .response_body_bytes = flight->body_bytes,
        .started_at_ms = flight->started_at_ms,
        .finished_at_ms = flight->finished_at_ms,
        .next_attempt_at_ms = verdict->next_attempt_at_ms,
        .account_not_before_ms = verdict->account_not_before_ms,
        .is_single_only = verdict->is_unsure,
        .is_failure = verdict->is_failure,
        .is_refused = verdict->is_refused,
        .rate_remaining_count = flight->rate_remaining_count,
        .rate_reset_s = flight->rate_reset_s,
        .pause_reason = verdict->outcome == OUTCOME_PAUSED ? verdict->pause_reason : NULL,
    };
}

void flight_clear(struct flight *flight) {
    free(flight->claim.payload);
    free(flight->body);
    *flight = (struct flight){.state = FLIGHT_FREE};
}
