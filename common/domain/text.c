#include "common/domain/text.h"

#include <stdbool.h>

#include "common/utf8.h"

enum { NOT_UTF8 = 0xFFFD };

size_t text_count_chars(const char *bytes, size_t byte_count) {
    size_t count = 0;
    for (size_t i = 0; i < byte_count; i++) {
        if (((unsigned char)bytes[i] & 0xC0) != 0x80) {
            count++;
        }
    }
    return count;
}

static bool is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

static bool is_line_break(uint32_t c) {
    return c == 0x2028 || c == 0x2029;
}

static bool is_noncharacter(uint32_t c) {
    return (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static bool forces_direction(uint32_t c) {
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_allowed(uint32_t c, enum text_kind kind) {
    if (kind == TEXT_LINES && (c == '\t' || c == '\n' || c == '\r')) {
        return true;
    }
    if (kind == TEXT_LINE && is_line_break(c)) {
        return false;
    }
    return !is_control(c) && !is_noncharacter(c) && !forces_direction(c);
}

int32_t text_find_forbidden(const char *bytes, size_t byte_count, enum text_kind kind) {
    size_t length;
    for (size_t i = 0; i < byte_count; i += length) {
        uint32_t c;
        length = utf8_decode(bytes + i, byte_count - i, &c);
        if (length == 0) {
            return NOT_UTF8;
        }
        if (!is_allowed(c, kind)) {
            return (int32_t)c;
        }
    }
    return -1;
}
