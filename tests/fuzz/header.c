/* Header values: whatever they are, they are judged, and what passes is what it claims to be. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "api/trace.h"
#include "common/random.h"
#include "http/head.h"
#include "tests/fuzz/target.h"

enum { TEXT_BYTES = 4096, LINES_MAX = 16, BODY_BYTES_MAX = 65536 };

/* Cuts "method path\nname:value\n…" into a request; what is missing stays empty. */
static void cut(char *text, struct request *request, struct header *headers) {
    char *line = text;
    char *next = strchr(line, '\n');
    if (next != NULL) {
        *next++ = '\0';
    }
    char *path = strchr(line, ' ');
    if (path != NULL) {
        *path++ = '\0';
    }
    request->method = line;
    request->path = path != NULL ? path : "";
    request->headers = headers;
    while (next != NULL && request->header_count < LINES_MAX) {
        line = next;
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *value = strchr(line, ':');
        if (value != NULL) {
            *value++ = '\0';
        }
        headers[request->header_count++] = (struct header){line, value != NULL ? value : ""};
    }
}

static void judge(const struct request *request) {
    const struct head_limits limits = {.body_bytes_max = BODY_BYTES_MAX};
    struct refusal refusal = head_check(request, &limits);
    if (refusal.status != 0) {
        assert(refusal.status >= 400 && refusal.status < 600);
        assert(refusal.name != NULL && refusal.detail != NULL);
        return;
    }
    assert(request_header_count(request, "Host") == 1);
    assert(request_header_count(request, "Transfer-Encoding") == 0);
    assert(request_header_count(request, "Content-Length") <= 1);
    assert(request->content_length <= BODY_BYTES_MAX);
    assert(strpbrk(request->path, " \r\n\t\\") == NULL);
}

/* A traceparent is lower-case hex and hyphens, wherever it came from. */
static void trace(const struct request *request) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    char traceparent[TRACEPARENT_BYTES];
    char id[TRACE_ID_BYTES];
    trace_adopt(request, &random, traceparent);
    trace_id(traceparent, id);
    assert(strlen(traceparent) == TRACEPARENT_BYTES - 1);
    assert(strspn(traceparent, "0123456789abcdef-") == TRACEPARENT_BYTES - 1);
    assert(strspn(id, "0123456789abcdef") == TRACE_ID_BYTES - 1);
    /* What goes on to Klaviyo is the same trace, seen from another place. Whoever foresees these dice can
       name one place, but not two. */
    char further[TRACEPARENT_BYTES];
    char again[TRACEPARENT_BYTES];
    char same_id[TRACE_ID_BYTES];
    trace_continue(traceparent, &random, further);
    trace_continue(traceparent, &random, again);
    trace_id(further, same_id);
    assert(strcmp(same_id, id) == 0 && strcmp(further, again) != 0);
    assert(strcmp(further, traceparent) != 0 || strcmp(again, traceparent) != 0);
    const char *given = request_header(request, "traceparent");
    if (given != NULL) {
        trace_continue(given, &random, further);
        assert(further[0] == '\0' || strncmp(further, given, strlen("00-") + strlen(id)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    char text[TEXT_BYTES];
    if (byte_count >= sizeof text) {
        return 0;
    }
    memcpy(text, bytes, byte_count);
    text[byte_count] = '\0';

    struct header headers[LINES_MAX];
    struct request request = {.body = ""};
    cut(text, &request, headers);
    request.content_length = head_content_length(&request);
    judge(&request);
    trace(&request);
    for (size_t i = 0; i < request.header_count; i++) {
        const char *value = headers[i].value;
        if (head_request_id_is_valid(value)) {
            assert(strlen(value) < MESSAGE_ID_BYTES && strpbrk(value, " \"\r\n<>") == NULL);
        }
    }
    return 0;
}
