#pragma once
/*
 * The body of a bulk job, made from the bodies that its members have as single events. Each member
 * keeps its values byte for byte; only the profile, which Klaviyo wants beside the event, is moved.
 * Pure.
 */
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

enum {
    BULK_MEMBERS_MAX = 1000,       /* Klaviyo: events in a job */
    BULK_BODY_BYTES_MAX = 5000000, /* Klaviyo: 5 MB, in the stricter reading */
};

struct bulk_body {
    struct buf buf;
    size_t member_count;
};

enum bulk_added {
    BULK_ADDED,
    BULK_FULL,  /* as many members or bytes as a job may have; nothing was added */
    BULK_UNFIT, /* not a body that event_render made: it can only be sent by itself */
};

void bulk_body_init(struct bulk_body *body);
void bulk_body_release(struct bulk_body *body); /* also right for a zeroed struct */

/* Adds the event with this body. Pointers in Klaviyo's answer count members in the order of adding. */
enum bulk_added bulk_body_add(struct bulk_body *body, const char *payload, size_t payload_bytes);

/* Hands over the whole, at least one member, and empties it. The caller frees it. ERR_BUSY: out of
   memory, in this call or in an earlier bulk_body_add. */
CHECKED enum err_code bulk_body_finish(struct bulk_body *body, char **payload_out,
                                       size_t *payload_bytes_out, struct err *err);
