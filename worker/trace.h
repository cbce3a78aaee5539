#pragma once
/*
 * W3C Trace Context, version 00: "00-" trace id (32 hex) "-" parent id (16 hex) "-" flags (2 hex).
 * Pure.
 */
#include <stdbool.h>

#include "common/domain/event.h"
#include "common/random.h"

enum { TRACE_ID_BYTES = 33 };

/* The trace id of a well-formed traceparent, else "". */
void trace_extract_id(const char *traceparent, char id_out[TRACE_ID_BYTES]);

/* The same trace and flags with a new parent id: each attempt is a span of its own. "" if
   `traceparent` is not well-formed. */
void trace_continue(const char *traceparent, const struct random *random,
                    char traceparent_out[TRACEPARENT_BYTES]);
