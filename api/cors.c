#include "api/cors.h"

#include <string.h>

/* Byte for byte: browsers send lower case, and never the scheme's own port. */
static bool is_allowed(const char *origins, const char *origin) {
    size_t origin_length = strlen(origin);
    const char *next = origins;
    while (*next != '\0') {
        size_t length = strcspn(next, ",");
        if (length > 0 && length == origin_length && memcmp(next, origin, length) == 0) {
            return true;
        }
        next += length;
        next += *next == ',';
    }
    return false;
}

static bool is_preflight(const struct request *request) {
    return strcmp(request->method, "OPTIONS") == 0 &&
           request_header(request, "Access-Control-Request-Method") != NULL;
}

void cors_add_headers(const char *origins, const struct request *request, struct reply *reply) {
    if (origins[0] == '\0') {
        return;
    }
    reply_add_header(reply, "Vary", "Origin");
    const char *origin = request_header(request, "Origin");
    if (origin == NULL || request_header_count(request, "Origin") != 1 ||
        !is_allowed(origins, origin)) {
        return;
    }
    reply_add_header(reply, "Access-Control-Allow-Origin", origin);
    if (!is_preflight(request)) {
        reply_add_header(reply, "Access-Control-Expose-Headers",
                         "Location, X-Request-Id, Idempotent-Replayed, Retry-After, RateLimit, "
                         "RateLimit-Policy");
        return;
    }
    reply_add_header(reply, "Access-Control-Allow-Methods", "POST, GET");
    reply_add_header(reply, "Access-Control-Allow-Headers",
                     "content-type, idempotency-key, traceparent, tracestate, x-request-id");
    /* Chromium takes no more than two hours. */
    reply_add_header(reply, "Access-Control-Max-Age", "7200");
}
