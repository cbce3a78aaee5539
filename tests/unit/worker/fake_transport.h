#pragma once
/*
 * A wire that the test plays: requests stay in flight until the test answers them. Counts what each
 * event's receiver got.
 */
#include "tests/unit/worker/fake_store.h"
#include "worker/transport.h"

enum { FAKE_SLOTS_MAX = 128 };

struct fake_slot {
    bool is_up, is_finished;
    size_t event; /* index in the fake store, read from the payload */
    const char *payload;
    char traceparent[TRACEPARENT_BYTES];
    struct transport_answer answer;
};

struct fake_transport {
    struct transport transport; /* hand this in */
    struct fake_slot slots[FAKE_SLOTS_MAX];
    size_t start_count, cancel_count;
    size_t received[FAKE_EVENTS_MAX]; /* requests an event, whatever came of them */
    size_t refusals_left;             /* the next starts fail */
};

void fake_transport_init(struct fake_transport *fake);
size_t fake_transport_up_count(const struct fake_transport *fake);
/* Answers everything in flight with this status; 0 is a reset. */
void fake_transport_answer_all(struct fake_transport *fake, int32_t status);
/* Answers the first request in flight; `retry_after` may be "". */
void fake_transport_answer_one(struct fake_transport *fake, int32_t status,
                               const char *retry_after);
/* Answers an event's request. */
void fake_transport_answer_event(struct fake_transport *fake, size_t event, int32_t status);
