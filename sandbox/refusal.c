#include "sandbox/refusal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "sandbox/escape.h"

struct phrase {
    int status;
    const char *code, *title;
};

static const struct phrase phrases[] = {
    {400, "invalid", "Invalid input."},
    {401, "not_authenticated", "Authentication credentials were not provided."},
    {403, "permission_denied", "You do not have permission to perform this action."},
    {404, "not_found", "Not found."},
    {405, "method_not_allowed", "Method not allowed."},
    {408, "request_timeout", "The request did not arrive in time."},
    {410, "gone", "This revision is retired."},
    {411, "length_required", "A Content-Length is required."},
    {413, "payload_too_large", "The request is too large."},
    {415, "unsupported_media_type", "Unsupported media type."},
    {429, "throttled", "Request was throttled."},
    {431, "header_fields_too_large", "The head of the request is too large."},
    {500, "error", "A server error occurred."},
    {503, "service_unavailable", "Service temporarily unavailable."},
};

static const struct phrase *phrase_of(int status) {
    static const struct phrase other = {0, "error", "The request was refused."};
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return &phrases[i];
        }
    }
    return &other;
}

void refusal_add(struct refusal *refusal, int status, const char *pointer, const char *format,
                 ...) {
    assert(status >= 400 && status <= 599);
    if (refusal->status == 0) {
        const struct phrase *phrase = phrase_of(status);
        refusal->status = status;
        refusal->code = phrase->code;
        refusal->title = phrase->title;
    }
    size_t i = refusal->fault_count++;
    if (i >= REFUSAL_FAULTS_MAX) {
        return;
    }
    struct refusal_fault *fault = &refusal->faults[i];
    (void)snprintf(fault->pointer, sizeof(fault->pointer), "%s", pointer == NULL ? "" : pointer);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), format, arguments);
    va_end(arguments);
}

static void append_id(struct buf *body, const struct random *random) {
    unsigned char r[16];
    random_fill(random, r, sizeof(r));
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* version 4 */
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80); /* variant 1 */
    buf_append_format(body, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                      r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11],
                      r[12], r[13], r[14], r[15]);
}

static void append_fault(struct buf *body, const struct refusal *refusal,
                         const struct refusal_fault *fault, const struct random *random) {
    buf_append_text(body, "{\"id\":\"");
    append_id(body, random);
    buf_append_format(body, "\",\"status\":%d,\"code\":\"%s\",\"title\":\"%s\",\"detail\":",
                      refusal->status, refusal->code, refusal->title);
    escape_append_quoted(body, fault->detail);
    buf_append_text(body, ",\"source\":{");
    if (fault->pointer[0] != '\0') {
        buf_append_text(body, "\"pointer\":");
        escape_append_quoted(body, fault->pointer);
    }
    buf_append_text(body, "},\"links\":{},\"meta\":{}}");
}

void refusal_render(const struct refusal *refusal, const struct random *random, struct buf *body) {
    assert(refusal->status != 0 && refusal->fault_count >= 1);
    buf_append_text(body, "{\"errors\":[");
    for (size_t i = 0; i < refusal->fault_count && i < REFUSAL_FAULTS_MAX; i++) {
        if (i > 0) {
            buf_append_text(body, ",");
        }
        append_fault(body, refusal, &refusal->faults[i], random);
    }
    buf_append_text(body, "]}");
}
