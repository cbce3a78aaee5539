#include "common/utf8.h"

/* How many bytes a character with this first byte takes, 0 if none begins so. */
static size_t length_from_lead(unsigned char lead) {
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        return 4;
    }
    return 0;
}

size_t utf8_decode(const char *bytes, size_t byte_count, uint32_t *code_point_out) {
    static const uint32_t lead_masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (byte_count == 0) {
        return 0;
    }
    size_t length = length_from_lead((unsigned char)bytes[0]);
    if (length == 0 || length > byte_count) {
        return 0;
    }
    uint32_t code_point = (unsigned char)bytes[0] & lead_masks[length];
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)bytes[i];
        if ((next & 0xC0) != 0x80) {
            return 0;
        }
        code_point = code_point << 6 | (next & 0x3Fu);
    }
    if (code_point < smallest[length] || code_point > 0x10FFFF ||
        (code_point >= 0xD800 && code_point <= 0xDFFF)) {
        return 0;
    }
    *code_point_out = code_point;
    return length;
}
