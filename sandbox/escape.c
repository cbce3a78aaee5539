#include "sandbox/escape.h"

#include <assert.h>
#include <string.h>

#include "common/utf8.h"

static bool stands_for_itself(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Appends what does not stand for itself; returns how many bytes of the text it took. */
static size_t append_escaped(struct buf *buf, const char *text, size_t byte_count) {
    unsigned char c = (unsigned char)text[0];
    if (c < 0x80) {
        buf_append_format(buf, "\\u%04x", c);
        return 1;
    }
    uint32_t code_point;
    size_t length = utf8_decode(text, byte_count, &code_point);
    if (length == 0) {
        buf_append_text(buf, "?");
        return 1;
    }
    buf_append(buf, text, length);
    return length;
}

void escape_append_quoted(struct buf *buf, const char *text) {
    assert(text != NULL);
    size_t byte_count = strlen(text);
    buf_append_text(buf, "\"");
    for (size_t i = 0; i < byte_count;) {
        size_t plain = 0;
        while (i + plain < byte_count && stands_for_itself((unsigned char)text[i + plain])) {
            plain++;
        }
        buf_append(buf, text + i, plain);
        i += plain;
        if (i < byte_count) {
            i += append_escaped(buf, text + i, byte_count - i);
        }
    }
    buf_append_text(buf, "\"");
}

void escape_append_quoted_or_null(struct buf *buf, const char *text) {
    if (text == NULL) {
        buf_append_text(buf, "null");
    } else {
        escape_append_quoted(buf, text);
    }
}
