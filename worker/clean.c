#include "worker/clean.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/domain/email.h"
#include "common/utf8.h"

enum { MASKED_BYTES_MAX = 4096 };

static bool is_control(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x2028 ||
           code_point == 0x2029;
}

/* Copies the character at `bytes` or what stands for it; returns how many bytes were read. */
static size_t copy_character(const char *bytes, size_t byte_count, bool keeps_lines, char *out,
                             size_t *written_out) {
    uint32_t code_point = 0;
    size_t length = utf8_decode(bytes, byte_count, &code_point);
    *written_out = 1;
    if (length == 0) {
        *out = '?';
        return 1;
    }
    bool is_kept =
        keeps_lines && length == 1 && strchr("\n\r\t", bytes[0]) != NULL && bytes[0] != '\0';
    if (is_control(code_point) && !is_kept) {
        *out = ' ';
        return length;
    }
    memcpy(out, bytes, length);
    *written_out = length;
    return length;
}

void clean_line(const char *text, char *line_out, size_t line_bytes) {
    assert(line_bytes >= 1);
    char masked[MASKED_BYTES_MAX];
    email_mask(text, masked, sizeof masked);
    size_t read = 0;
    size_t length = 0;
    size_t masked_bytes = strlen(masked);
    while (read < masked_bytes) {
        char character[4];
        size_t written = 0;
        read += copy_character(masked + read, masked_bytes - read, false, character, &written);
        if (length + written >= line_bytes) {
            break;
        }
        memcpy(line_out + length, character, written);
        length += written;
    }
    line_out[length] = '\0';
}

size_t clean_body(const char *bytes, size_t byte_count, char *body_out) {
    size_t read = 0;
    size_t length = 0;
    while (read < byte_count) {
        size_t written = 0;
        read += copy_character(bytes + read, byte_count - read, true, body_out + length, &written);
        length += written;
    }
    return length;
}
