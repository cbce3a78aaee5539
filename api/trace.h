#pragma once
/*
 * W3C Trace Context (level 1): which trace a request belongs to.
 */
#include "common/domain/event.h"
#include "http/message.h"

enum { TRACE_ID_BYTES = 33 }; /* 32 hex digits and NUL */

/* The request's traceparent if it is valid, else a new trace that starts here. A higher version is
   read by its first four fields and passed on as version 00. */
void trace_adopt(const struct request *request, const struct random *random,
                 char traceparent_out[TRACEPARENT_BYTES]);

/* The trace id within a traceparent, for the log. */
void trace_id(const char traceparent[TRACEPARENT_BYTES], char id_out[TRACE_ID_BYTES]);
