#pragma once
/*
 * What Klaviyo's file or its documented limits refuse, and how. Pure: time is handed in, nothing is
 * counted or stored.
 *
 * Order, as at the real thing (rate limits come before all of it, windows.h): credentials (401),
 * revision (400, 410), content type (415), path and method (404, 405), body (413, 400). Within one
 * step every fault is reported, each with its pointer.
 */
#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"
#include "sandbox/endpoint.h"
#include "sandbox/reading.h"
#include "sandbox/refusal.h"

/* The endpoint if path and method are one of Klaviyo's: false otherwise. */
bool contract_find_endpoint(const struct request *request, enum endpoint *endpoint_out);

/* Both leave refusal->status 0 if there is nothing to refuse. */
void contract_check_head(const struct request *request, struct refusal *refusal);
void contract_check_body(enum endpoint endpoint, const struct reading *reading, size_t body_bytes,
                         int64_t now_ms, struct refusal *refusal);
