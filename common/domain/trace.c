#include "common/domain/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    FIELDS_CHARS = TRACEPARENT_BYTES - 1,
    TRACE_AT = 3,
    PARENT_AT = 36,
    FLAGS_AT = 53,
    VERSION_CHARS = 2,
    TRACE_CHARS = 32,
    PARENT_CHARS = 16,
    FLAGS_CHARS = 2,
};

static const char hex_digits[] = "0123456789abcdef";

static bool is_hex(const char *text, size_t length) {
    return strspn(text, hex_digits) >= length;
}

static bool is_id(const char *text, size_t length) {
    return is_hex(text, length) && strspn(text, "0") < length;
}

/* The four fields at the beginning of `text`, of any version that there may be. */
static bool has_fields(const char *text) {
    return strlen(text) >= FIELDS_CHARS && is_hex(text, VERSION_CHARS) &&
           strncmp(text, "ff", VERSION_CHARS) != 0 && text[TRACE_AT - 1] == '-' &&
           is_id(text + TRACE_AT, TRACE_CHARS) && text[PARENT_AT - 1] == '-' &&
           is_id(text + PARENT_AT, PARENT_CHARS) && text[FLAGS_AT - 1] == '-' &&
           is_hex(text + FLAGS_AT, FLAGS_CHARS);
}

static bool is_version_00(const char *text) {
    return strncmp(text, "00", VERSION_CHARS) == 0;
}

static bool is_well_formed(const char *text) {
    return has_fields(text) && is_version_00(text) && text[FIELDS_CHARS] == '\0';
}

static bool is_acceptable(const char *text) {
    bool is_newer = has_fields(text) && !is_version_00(text) &&
                    (text[FIELDS_CHARS] == '\0' || text[FIELDS_CHARS] == '-');
    return is_newer || is_well_formed(text);
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

void trace_accept(const char *given, const struct random *random,
                  char traceparent_out[TRACEPARENT_BYTES]) {
    if (given == NULL || !is_acceptable(given)) {
        start_trace(random, traceparent_out);
        return;
    }
    memcpy(traceparent_out, given, FIELDS_CHARS);
    memcpy(traceparent_out, "00", VERSION_CHARS);
    traceparent_out[FIELDS_CHARS] = '\0';
}

void trace_id(const char *traceparent, char id_out[TRACE_ID_BYTES]) {
    id_out[0] = '\0';
    if (is_well_formed(traceparent)) {
        memcpy(id_out, traceparent + TRACE_AT, TRACE_CHARS);
        id_out[TRACE_CHARS] = '\0';
    }
}

void trace_continue(const char *traceparent, const struct random *random,
                    char traceparent_out[TRACEPARENT_BYTES]) {
    traceparent_out[0] = '\0';
    if (!is_well_formed(traceparent)) {
        return;
    }
    memcpy(traceparent_out, traceparent, TRACEPARENT_BYTES);
    uint64_t parent = 1 + random_below(random, UINT64_MAX); /* zero is no parent id */
    for (size_t i = 0; i < PARENT_CHARS; i++) {
        traceparent_out[PARENT_AT + i] = hex_digits[parent >> (60 - 4 * i) & 0xF];
    }
}
