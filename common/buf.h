#pragma once
/*
 * Growable bytes with a maximum given at birth.
 *
 * The first failure (over the maximum, out of memory) sticks: later appends do nothing, so a
 * caller may append many times and ask buf_failed() once. The bytes are always NUL-terminated;
 * `length` does not count that NUL.
 *
 * Ownership: the struct is the caller's, the bytes are the buf's until buf_take or buf_release.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct buf {
    char *bytes;   /* NULL until the first append */
    size_t length; /* without the NUL */
    size_t capacity;
    size_t length_max;
    bool failed;
};

void buf_init(struct buf *buf, size_t length_max);
void buf_release(
    struct buf *buf);            /* also right for a zeroed struct; leaves it empty and reusable */
void buf_clear(struct buf *buf); /* empties it, keeps the memory, forgets a failure */

void buf_append(struct buf *buf, const void *bytes, size_t byte_count);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_format(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

CHECKED bool buf_failed(const struct buf *buf);

/* The bytes as a C string, "" while nothing was appended. Valid until the next append. */
const char *buf_text(const struct buf *buf);

/* Hands the bytes over: the caller frees them; the buf is empty afterwards. NULL if it failed.
   `length_out` may be NULL. */
CHECKED char *buf_take(struct buf *buf, size_t *length_out);
