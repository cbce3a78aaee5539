#pragma once
/*
 * W3C Trace Context (level 1), version 00: "00-" trace id (32 hex digits) "-" parent id (16) "-" flags
 * (2), in lower case, no id all zeros. Pure.
 */
#include "common/domain/event.h"
#include "common/random.h"

enum { TRACE_ID_BYTES = 33 }; /* 32 hex digits and NUL */

/* What came from outside (NULL: nothing did) if it is valid, else a new trace that starts here. A
   higher version is read by its first four fields and passed on as version 00. */
void trace_accept(const char *given, const struct random *random,
                  char traceparent_out[TRACEPARENT_BYTES]);

/* The trace id of a well-formed traceparent of version 00, else "". */
void trace_id(const char *traceparent, char id_out[TRACE_ID_BYTES]);

/* The same trace and flags with a new parent id: each attempt is a span of its own. "" if
   `traceparent` is not well-formed. */
void trace_continue(const char *traceparent, const struct random *random,
                    char traceparent_out[TRACEPARENT_BYTES]);
