#include "api/trace.h"

#include <stddef.h>

void trace_adopt(const struct request *request, const struct random *random,
                 char traceparent_out[TRACEPARENT_BYTES]) {
    bool is_one = request_header_count(request, "traceparent") == 1;
    trace_accept(is_one ? request_header(request, "traceparent") : NULL, random, traceparent_out);
}
