#include "api/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "00-" trace id (32) "-" parent id (16) "-" flags (2) */
enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, FIELDS_CHARS = 55 };

static bool is_hex(const char *text, size_t length) {
    return strspn(text, "0123456789abcdef") >= length;
}

static bool is_zero(const char *text, size_t length) {
    return strspn(text, "0") >= length;
}

static bool is_valid(const char *text) {
    size_t length = strlen(text);
    if (length < FIELDS_CHARS || text[2] != '-' || text[TRACE_AT + 32] != '-' ||
        text[PARENT_AT + 16] != '-') {
        return false;
    }
    bool is_version_00 = strncmp(text, "00", 2) == 0;
    bool ends_right = is_version_00 ? length == FIELDS_CHARS
                                    : length == FIELDS_CHARS || text[FIELDS_CHARS] == '-';
    return ends_right && is_hex(text, 2) && strncmp(text, "ff", 2) != 0 &&
           is_hex(text + TRACE_AT, 32) && !is_zero(text + TRACE_AT, 32) &&
           is_hex(text + PARENT_AT, 16) && !is_zero(text + PARENT_AT, 16) &&
           is_hex(text + FLAGS_AT, 2);
}

static void start_trace(const struct random *random, char traceparent_out[TRACEPARENT_BYTES]) {
    uint64_t numbers[3];
    random_fill(random, numbers, sizeof numbers);
    /* All-zero ids are invalid; a set bit rules them out. */
    int length = snprintf(traceparent_out, TRACEPARENT_BYTES,
                          "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-00", numbers[0],
                          numbers[1] | 1, numbers[2] | 1);
    assert(length == FIELDS_CHARS);
}

void trace_adopt(const struct request *request, const struct random *random,
                 char traceparent_out[TRACEPARENT_BYTES]) {
    const char *given = request_header(request, "traceparent");
    if (request_header_count(request, "traceparent") != 1 || !is_valid(given)) {
        start_trace(random, traceparent_out);
        return;
    }
    memcpy(traceparent_out, given, FIELDS_CHARS);
    memcpy(traceparent_out, "00", 2);
    traceparent_out[FIELDS_CHARS] = '\0';
}

void trace_id(const char traceparent[TRACEPARENT_BYTES], char id_out[TRACE_ID_BYTES]) {
    memcpy(id_out, traceparent + TRACE_AT, TRACE_ID_BYTES - 1);
    id_out[TRACE_ID_BYTES - 1] = '\0';
}
