#include "common/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t length_max) {
    *buf = (struct buf){.length_max = length_max};
}

void buf_release(struct buf *buf) {
    free(buf->bytes);
    buf_init(buf, buf->length_max);
}

void buf_clear(struct buf *buf) {
    buf->length = 0;
    buf->failed = false;
    if (buf->bytes != NULL) {
        buf->bytes[0] = '\0';
    }
}

/* Makes room for `byte_count` more and the NUL. */
static bool buf_reserve(struct buf *buf, size_t byte_count) {
    if (buf->failed || byte_count > buf->length_max - buf->length) {
        buf->failed = true;
        return false;
    }
    size_t needed = buf->length + byte_count + 1;
    if (needed <= buf->capacity) {
        return true;
    }
    size_t doubled = buf->capacity * 2; /* no piece of memory is half as large as SIZE_MAX */
    size_t capacity = doubled < CAPACITY_FIRST_BYTES ? CAPACITY_FIRST_BYTES : doubled;
    /* Never more than the maximum needs: a large buf must not cost twice its limit. */
    if (buf->length_max < SIZE_MAX && capacity > buf->length_max + 1) {
        capacity = buf->length_max + 1;
    }
    if (capacity < needed) {
        capacity = needed;
    }
    char *bytes = realloc(buf->bytes, capacity);
    if (bytes == NULL) {
        buf->failed = true;
        return false;
    }
    buf->bytes = bytes;
    buf->capacity = capacity;
    return true;
}

void buf_append(struct buf *buf, const void *bytes, size_t byte_count) {
    if (!buf_reserve(buf, byte_count)) {
        return;
    }
    if (byte_count > 0) {
        memcpy(buf->bytes + buf->length, bytes, byte_count);
    }
    buf->length += byte_count;
    buf->bytes[buf->length] = '\0';
}

void buf_append_text(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_append_format(struct buf *buf, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (needed < 0) {
        buf->failed = true;
        return;
    }
    if (!buf_reserve(buf, (size_t)needed)) {
        return;
    }
    va_start(arguments, format);
    int written = vsnprintf(buf->bytes + buf->length, (size_t)needed + 1, format, arguments);
    va_end(arguments);
    assert(written == needed);
    buf->length += (size_t)needed;
}

bool buf_failed(const struct buf *buf) {
    return buf->failed;
}

const char *buf_text(const struct buf *buf) {
    return buf->bytes != NULL ? buf->bytes : "";
}

char *buf_take(struct buf *buf, size_t *length_out) {
    buf_append(buf, "", 0); /* an empty buf has bytes to hand over, too */
    if (buf->failed) {
        buf_release(buf);
        return NULL;
    }
    char *bytes = buf->bytes;
    if (length_out != NULL) {
        *length_out = buf->length;
    }
    buf_init(buf, buf->length_max);
    return bytes;
}
