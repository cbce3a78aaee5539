#include "common/domain/ident.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { UUID_BYTES = 16, UUID_CHARS = IDENT_BYTES - 1 };

/* The largest time that 48 bits hold: the year 10889. */
static const int64_t WALL_MS_MAX = (INT64_C(1) << 48) - 1;

static bool is_hyphen_place(size_t place) {
    return place == 8 || place == 13 || place == 18 || place == 23;
}

static void ident_write(const uint8_t bytes[UUID_BYTES], char text[IDENT_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    size_t place = 0;

    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (is_hyphen_place(place)) {
            text[place++] = '-';
        }
        text[place++] = digits[bytes[i] >> 4];
        text[place++] = digits[bytes[i] & 0x0f];
    }
    text[place] = '\0';
}

struct ident ident_make(int64_t wall_ms, const struct random *random) {
    assert(wall_ms >= 0 && wall_ms <= WALL_MS_MAX);
    uint8_t bytes[UUID_BYTES];
    struct ident ident;

    random_fill(random, bytes, sizeof(bytes));
    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)((uint64_t)wall_ms >> (8 * (5 - i)));
    }
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* variant of RFC 9562 */
    ident_write(bytes, ident.text);
    return ident;
}

/* Turns a hexadecimal digit into lower case. False if it is none. */
static bool lower_digit(char *digit) {
    if (*digit >= 'A' && *digit <= 'F') {
        *digit = (char)(*digit - 'A' + 'a');
    }
    return (*digit >= '0' && *digit <= '9') || (*digit >= 'a' && *digit <= 'f');
}

bool ident_parse(const char *text, struct ident *ident_out) {
    struct ident ident;

    if (strnlen(text, IDENT_BYTES) != UUID_CHARS) {
        return false;
    }
    memcpy(ident.text, text, IDENT_BYTES);
    for (size_t i = 0; i < UUID_CHARS; i++) {
        if (is_hyphen_place(i) ? text[i] != '-' : !lower_digit(&ident.text[i])) {
            return false;
        }
    }
    if (ident_out != NULL) {
        *ident_out = ident;
    }
    return true;
}
