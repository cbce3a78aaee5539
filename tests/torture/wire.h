#pragma once
/*
 * A worker's transport with a Klaviyo behind it that answers as the dice fall; counts what it was
 * sent.
 */
#include "common/domain/ident.h"
#include "common/random.h"
#include "worker/transport.h"

enum { WIRE_SLOTS = 16, WIRE_EVENTS_MAX = 2048 };

struct wire_slot {
    bool is_up, is_finished;
    struct transport_answer answer;
};

/* How often each event was on the wire, in requests of any worker. */
struct wire_log {
    struct ident ids[WIRE_EVENTS_MAX];
    int counts[WIRE_EVENTS_MAX];
    int event_count;
};

struct wire {
    struct transport transport; /* hand this in */
    struct wire_slot slots[WIRE_SLOTS];
    struct wire_log *log; /* borrowed; shared by all workers */
    void (*on_send)(void *context);
    void *context;
};

void wire_init(struct wire *wire, struct wire_log *log, void (*on_send)(void *context),
               void *context);
/* Klaviyo answers some of what is in flight; `is_kind`: all of it, with 202. */
void wire_answer(struct wire *wire, const struct random *random, bool is_kind);
size_t wire_up_count(const struct wire *wire);
