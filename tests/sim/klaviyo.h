#pragma once
/*
 * Klaviyo, played: takes events, forgets nothing, and has its moods. It decides at the start of each
 * request what will become of it; whether the request arrived and whether its answer does are two
 * things.
 */
#include "common/domain/ident.h"
#include "tests/sim/world.h"
#include "worker/transport.h"

enum { KLAVIYO_EVENTS_MAX = 512, KLAVIYO_BODY_BYTES = 64 };

enum weather {
    WEATHER_FINE,
    WEATHER_DOWN,
    WEATHER_FAILING,
    WEATHER_THROTTLING,
    WEATHER_KEY_REFUSED
};

/* What is known of one event, by its unique_id. */
struct received {
    struct ident id;
    uint64_t payload_hash; /* of the single event's body, `backfill` aside; 0: never seen alone */
    int32_t sends;         /* requests on the wire that carried it */
    int32_t accepted;
    int64_t first_accepted_us;
};

struct klaviyo {
    struct world *world;
    enum weather weather;
    int64_t weather_until_us;
    struct received received[KLAVIYO_EVENTS_MAX];
    size_t received_count;
};

void klaviyo_begin(struct klaviyo *klaviyo, struct world *world);

/* What becomes of a request: first it may be accepted, later an answer comes or does not. */
struct fate {
    bool is_accepted;
    int64_t accepted_at_us;
    int64_t ends_at_us; /* when the worker's side knows */
    struct transport_answer answer;
};

/* A request leaves the worker now. */
struct fate klaviyo_receive(struct klaviyo *klaviyo, const struct transport_request *request,
                            int64_t timeout_us);
/* Its moment of being accepted has come, whoever sent it and whether it lives. */
void klaviyo_accept(struct klaviyo *klaviyo, const char *payload, size_t payload_bytes);

/* The events that a body carries, one after the other: *at_inout begins at 0. False: no more. */
bool klaviyo_next_id(const char *payload, size_t payload_bytes, size_t *at_inout,
                     struct ident *id_out);
const struct received *klaviyo_find(const struct klaviyo *klaviyo, const struct ident *id);
/* Whether Klaviyo refuses this event for good. */
bool klaviyo_is_poison(const struct klaviyo *klaviyo, const struct ident *id);
/* A hash of a single event's body that does not see `backfill`. */
uint64_t klaviyo_hash(const char *payload, size_t payload_bytes);
