/*
 * The bytes of a connection, cut anywhere: the same heads pass, and what passes is plain.
 *
 * The first byte of the input says how it is cut up.
 */
#include "http/framing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"

enum { BODY_BYTES_MAX = 65536 };

static const struct head_limits LIMITS = {.body_bytes_max = BODY_BYTES_MAX};
static struct parsed_head scratch;

/* Reads what has come again from a block of exactly its size, as the guard does. */
static size_t feed(struct framing *framing, const char *bytes, size_t byte_count, size_t step) {
    size_t passed = 0;
    size_t seen = 0;
    while (seen < byte_count && framing->refusal.status == 0) {
        seen = seen + step < byte_count ? seen + step : byte_count;
        char *part = malloc(seen - passed);
        assert(part != NULL);
        memcpy(part, bytes + passed, seen - passed);
        size_t more = framing_scan(framing, &LIMITS, part, seen - passed, &scratch);
        assert(more <= seen - passed);
        free(part);
        passed += more;
    }
    return passed;
}

/* By other means: what a head must not have, as any parser sees it. */
static void check_plain(const char *head, size_t head_bytes) {
    assert(memchr(head, '\0', head_bytes) == NULL);
    assert(head_bytes >= 4 && head_bytes <= HEAD_BYTES_MAX);
    for (size_t i = 0; i < head_bytes; i++) {
        unsigned char byte = (unsigned char)head[i];
        bool is_feed = byte == '\n' && i > 0 && head[i - 1] == '\r';
        bool is_return = byte == '\r' && i + 1 < head_bytes && head[i + 1] == '\n';
        assert(byte == '\t' || (byte >= 0x20 && byte != 0x7f) || is_feed || is_return);
        bool begins_line = is_feed && i + 1 < head_bytes;
        assert(!begins_line || (head[i + 1] != ' ' && head[i + 1] != '\t' && head[i + 1] != ':'));
    }
}

/* Walks through what passed, by the lengths that a parser of its own finds. */
static void walk(const char *bytes, size_t byte_count) {
    while (byte_count >= 2 && memcmp(bytes, "\r\n", 2) == 0) {
        bytes += 2;
        byte_count -= 2;
    }
    const char *end = byte_count > 0 ? memmem(bytes, byte_count, "\r\n\r\n", 4) : NULL;
    while (end != NULL) {
        size_t head_bytes = (size_t)(end - bytes) + 4;
        check_plain(bytes, head_bytes);
        assert(head_parse(bytes, head_bytes, &scratch).status == 0);
        int64_t length = scratch.request.content_length;
        size_t skipped = head_bytes + (length > 0 ? (size_t)length : 0);
        if (skipped >= byte_count) {
            return;
        }
        bytes += skipped;
        byte_count -= skipped;
        while (byte_count >= 2 && memcmp(bytes, "\r\n", 2) == 0) {
            bytes += 2;
            byte_count -= 2;
        }
        end = byte_count > 0 ? memmem(bytes, byte_count, "\r\n\r\n", 4) : NULL;
    }
    assert(byte_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) {
        return 0;
    }
    const char *text = (const char *)bytes + 1;
    size_t text_bytes = byte_count - 1;
    struct framing whole = {0};
    struct framing parts = {0};
    size_t passed = feed(&whole, text, text_bytes, text_bytes > 0 ? text_bytes : 1);
    size_t step = text_bytes / 64 + 1 + bytes[0];
    assert(feed(&parts, text, text_bytes, step) == passed);
    assert(parts.head_count == whole.head_count);
    assert((parts.refusal.status == 0) == (whole.refusal.status == 0));
    if (passed > 0) {
        walk(text, passed);
    }
    return 0;
}
