#include "worker/trace.h"

#include <stdint.h>
#include <string.h>

enum {
    TRACEPARENT_CHARS = TRACEPARENT_BYTES - 1,
    TRACE_AT = 3,
    PARENT_AT = 36,
    FLAGS_AT = 53,
    TRACE_CHARS = 32,
    PARENT_CHARS = 16,
};

static const char hex_digits[] = "0123456789abcdef";

static bool is_hex(const char *text, size_t length) {
    return strspn(text, hex_digits) >= length;
}

static bool is_zero(const char *text, size_t length) {
    return strspn(text, "0") >= length;
}

static bool is_well_formed(const char *text) {
    return strlen(text) == TRACEPARENT_CHARS && memcmp(text, "00-", 3) == 0 &&
           is_hex(text + TRACE_AT, TRACE_CHARS) && !is_zero(text + TRACE_AT, TRACE_CHARS) &&
           text[PARENT_AT - 1] == '-' && is_hex(text + PARENT_AT, PARENT_CHARS) &&
           text[FLAGS_AT - 1] == '-' && is_hex(text + FLAGS_AT, 2);
}

void trace_extract_id(const char *traceparent, char id_out[TRACE_ID_BYTES]) {
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
