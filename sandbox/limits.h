#pragma once
/*
 * What Klaviyo's pages say and its file does not: lengths, counts, ranges, identifiers.
 *
 * Every function takes JSON that has the right shape already (klaviyo.h), the pointer to it, and
 * adds a fault for each limit that is broken.
 */
#include <jansson.h>
#include <stdint.h>

#include "sandbox/pointer.h"
#include "sandbox/refusal.h"

enum {
    LIMITS_METRIC_CHARACTERS_MAX = 127,
    LIMITS_PROPERTIES_MAX = 400,
    LIMITS_STRING_BYTES_MAX = 100 * 1000,
    LIMITS_LIST_ITEMS_MAX = 4000,
    LIMITS_NESTING_MAX = 10, /* `properties` itself is the first level */
    LIMITS_UNIQUE_ID_CHARACTERS_MAX = 255,
    LIMITS_PROFILE_BYTES_MAX = 95 * 1000,
    LIMITS_BULK_EVENTS_MAX = 1000,
    LIMITS_SUBSCRIBERS_MAX = 1000,
};

/* `attributes` of an event: metric name, properties, unique_id, time, currency. */
void limits_check_event(const json_t *attributes, struct pointer *at, int64_t now_ms,
                        struct refusal *refusal);

/* `data` of a profile: at least one identifier, and each of them in order. A bad telephone
   number beside another identifier is let through, as Klaviyo does. */
void limits_check_profile(const json_t *data, struct pointer *at, struct refusal *refusal);

/* `data` of a bulk job without its events: their number. */
void limits_check_event_count(size_t event_count, struct refusal *refusal);

/* `data` of a subscription job. */
void limits_check_subscription(const json_t *data, int64_t now_ms, struct refusal *refusal);

/* `data` of a deletion job: exactly one identifier. */
void limits_check_deletion(const json_t *data, struct refusal *refusal);
