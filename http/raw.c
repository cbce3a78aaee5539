#include "http/raw.h"

#include <string.h>

enum { CRLF_BYTES = 2 };

void raw_begin(struct raw *raw, const char *method, const char *target, size_t target_bytes,
               const char *version) {
    raw->head = method;
    raw->is_plain = target == method + strlen(method) + 1 && version == target + target_bytes + 1;
    raw->cursor = version + strlen(version) + CRLF_BYTES;
}

void raw_add(struct raw *raw, const char *name, size_t name_bytes, const char *value,
             size_t value_bytes) {
    if (!raw->is_plain) {
        return;
    }
    const char *begin = name + name_bytes + 1;
    if (name != raw->cursor || value < begin) {
        raw->is_plain = false;
        return;
    }
    size_t blank_bytes = (size_t)(value - begin);
    raw->is_plain = strspn(begin, " \t") == blank_bytes;
    raw->cursor = value + value_bytes + CRLF_BYTES;
}

bool raw_end(const struct raw *raw, size_t head_bytes) {
    return raw->is_plain && raw->cursor + CRLF_BYTES == raw->head + head_bytes;
}
