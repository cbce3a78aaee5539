#pragma once
/*
 * A request's body as the sandbox reads it: the JSON and the events in it.
 *
 * Reading is lenient (a missing member is NULL), because a script may match a request that the
 * contract would refuse. The contract judges apart from it.
 *
 * Ownership: a reading owns its JSON until reading_release; texts point into it. The body must
 * outlive the reading.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "sandbox/dedup.h"
#include "sandbox/endpoint.h"
#include "sandbox/pointer.h"
#include "sandbox/span.h"

struct event {
    const json_t *attributes;   /* of the event */
    const json_t *profile_data; /* the profile that it belongs to */
    const char *unique_id, *email, *metric;
    struct span bytes; /* as received: the body, or the element of the bulk job's list */
    size_t group_index, entry_index; /* bulk: data[group] … events.data[entry] */
};

struct reading {
    json_t *root;                       /* NULL: not JSON */
    char fault[JSON_ERROR_TEXT_LENGTH]; /* why not */
    struct event *events;
    size_t event_count;
    size_t group_count;
};

/* ERR_FATAL: out of memory. */
CHECKED enum err_code reading_init(struct reading *reading, enum endpoint endpoint,
                                   const char *body, size_t body_bytes, struct err *err);
void reading_release(struct reading *reading); /* also right for a zeroed struct */

/*
 * What Klaviyo takes for the same event: profile, metric and unique_id. Without a unique_id it is
 * the time to the second (`unique_id_out`, of at least READING_ID_BYTES, then holds that number).
 * The event has passed the contract.
 */
enum { READING_ID_BYTES = 255 * 4 + 1 };
struct dedup_key reading_key(const struct event *event, int64_t now_ms,
                             char unique_id_out[READING_ID_BYTES]);

/* The key of an event that is known by its ledger line only. */
struct dedup_key reading_key_of_email(const char *email, const char *metric, const char *unique_id);

/* The pointer to the events's attributes, or to its profile's data. */
void reading_point_at_event(const struct event *event, enum endpoint endpoint, struct pointer *at);
void reading_point_at_profile(const struct event *event, enum endpoint endpoint,
                              struct pointer *at);
