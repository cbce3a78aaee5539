#pragma once
/* Which trace a request belongs to: its traceparent header, or a new one. */
#include "common/domain/trace.h"
#include "http/message.h"

/* trace_accept of the request's traceparent; several are as none. */
void trace_adopt(const struct request *request, const struct random *random,
                 char traceparent_out[TRACEPARENT_BYTES]);
