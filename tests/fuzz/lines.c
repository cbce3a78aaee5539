#include "tests/fuzz/lines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

char *lines_text(const void *bytes, size_t length) {
    size_t kept = length > 0 ? strnlen(bytes, length) : 0;
    char *text = malloc(kept + 1);
    assert(text != NULL);
    if (kept > 0) {
        memcpy(text, bytes, kept);
    }
    text[kept] = '\0';
    return text;
}

void lines_cut(struct lines *lines, const void *bytes, size_t byte_count) {
    const char *rest = bytes;
    *lines = (struct lines){0};
    while (byte_count > 0 && lines->count < LINES_MAX) {
        const char *feed = memchr(rest, '\n', byte_count);
        size_t length = feed != NULL ? (size_t)(feed - rest) : byte_count;
        lines->texts[lines->count++] = lines_text(rest, length);
        length += feed != NULL ? 1 : 0;
        rest += length;
        byte_count -= length;
    }
}

void lines_release(struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->texts[i]);
    }
    lines->count = 0;
}

void lines_check_message(const char *text) {
    assert(text[0] != '\0');
    for (const char *at = text; *at != '\0'; at++) {
        assert((unsigned char)*at >= ' ' && *at != 0x7F);
    }
}
