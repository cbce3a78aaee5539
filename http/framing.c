#include "http/framing.h"

#include <string.h>
#include <strings.h>

enum {
    RECORD_BYTES = 64, /* libmicrohttpd's struct MHD_HTTP_Header, rounded up as it does */
    /* Half is what it reads into, full of the body or of the next requests, and the head of the reply
       has to fit in, too. */
    MEMORY_BYTES_MAX = HEAD_MEMORY_BYTES / 2 - 4 * 1024,
};

static struct refusal bad(const char *detail) {
    return (struct refusal){400, "bad-request-head", detail};
}

/* How long the head is, 0 while its end has not come. An empty line ends it, however the line itself
   ends: that is judged later. */
static size_t find_end(struct framing *framing, const char *bytes, size_t byte_count) {
    for (;;) {
        const char *feed =
            memchr(bytes + framing->checked_bytes, '\n', byte_count - framing->checked_bytes);
        if (feed == NULL) {
            framing->checked_bytes = byte_count;
            return 0;
        }
        const char *line = bytes + framing->line_at;
        framing->line_at = (size_t)(feed - bytes) + 1;
        framing->checked_bytes = framing->line_at;
        if (feed == line || (feed == line + 1 && *line == '\r')) {
            return framing->line_at;
        }
    }
}

static struct refusal judge_part(const struct framing *framing, const char *bytes,
                                 size_t byte_count, size_t line_was_at,
                                 struct parsed_head *scratch) {
    struct refusal refusal = {0};
    if (framing->line_at > line_was_at) {
        refusal = head_parse(bytes, framing->line_at, scratch);
    }
    if (refusal.status == 0 &&
        memchr(bytes + framing->line_at, '\0', byte_count - framing->line_at)) {
        refusal = bad("The head has a NUL.");
    }
    if (refusal.status == 0 && framing->line_at == 0 && byte_count > REQUEST_LINE_BYTES_MAX) {
        refusal = (struct refusal){414, "uri-too-long", "The request target is too long."};
    }
    if (refusal.status == 0 && byte_count > HEAD_BYTES_MAX) {
        refusal = (struct refusal){431, "header-fields-too-large", "The head is too long."};
    }
    return refusal;
}

static size_t count_parts(const char *text, const char *borders) {
    size_t count = 1;
    for (text = strpbrk(text, borders); text != NULL; text = strpbrk(text + 1, borders)) {
        count++;
    }
    return count;
}

/* What libmicrohttpd makes of a head beside what it reads: a record for each header, parameter and
   cookie, and the cookies once more, to cut them up. */
static size_t memory_bytes(const struct request *request) {
    size_t record_count = request->header_count;
    size_t copied_bytes = 0;
    if (request->query != NULL) {
        record_count += count_parts(request->query, "&");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const char *value = request->headers[i].value;
        if (strcasecmp(request->headers[i].name, "Cookie") == 0) {
            record_count += count_parts(value, ",;");
            copied_bytes += strlen(value) + 1;
        }
    }
    return copied_bytes + record_count * RECORD_BYTES;
}

static struct refusal judge_whole(const struct head_limits *limits, const char *bytes,
                                  size_t head_bytes, struct parsed_head *scratch) {
    struct refusal refusal = head_parse(bytes, head_bytes, scratch);
    if (refusal.status == 0 && head_bytes > HEAD_BYTES_MAX) {
        refusal = (struct refusal){431, "header-fields-too-large", "The head is too long."};
    }
    if (refusal.status == 0 && memory_bytes(&scratch->request) > MEMORY_BYTES_MAX) {
        refusal = (struct refusal){431, "header-fields-too-large",
                                   "The head has too many query parameters or cookies."};
    }
    if (refusal.status == 0) {
        refusal = head_check(&scratch->request, limits);
    }
    return refusal;
}

/* Returns the length of the head, or of an empty line before it, if that may pass, else 0. */
static size_t scan_head(struct framing *framing, const struct head_limits *limits,
                        const char *bytes, size_t byte_count, struct parsed_head *scratch) {
    /* RFC 9112, 2.2: some clients send an empty line behind a body. */
    if (byte_count >= 2 && bytes[0] == '\r' && bytes[1] == '\n') {
        framing->checked_bytes = 0;
        return 2;
    }
    size_t line_was_at = framing->line_at;
    size_t head_bytes = find_end(framing, bytes, byte_count);
    if (head_bytes == 0) {
        framing->refusal = judge_part(framing, bytes, byte_count, line_was_at, scratch);
        return 0;
    }
    framing->refusal = judge_whole(limits, bytes, head_bytes, scratch);
    if (framing->refusal.status != 0) {
        return 0;
    }
    int64_t length = scratch->request.content_length;
    framing->body_bytes_left = length > 0 ? length : 0;
    framing->head_count++;
    framing->checked_bytes = 0;
    framing->line_at = 0;
    return head_bytes;
}

size_t framing_scan(struct framing *framing, const struct head_limits *limits, const char *bytes,
                    size_t byte_count, struct parsed_head *scratch) {
    size_t passed_bytes = 0;
    while (passed_bytes < byte_count && framing->refusal.status == 0) {
        size_t left_bytes = byte_count - passed_bytes;
        size_t pass_bytes = left_bytes;
        if (framing->body_bytes_left == 0) {
            pass_bytes = scan_head(framing, limits, bytes + passed_bytes, left_bytes, scratch);
        } else {
            if ((uint64_t)framing->body_bytes_left < left_bytes) {
                pass_bytes = (size_t)framing->body_bytes_left;
            }
            framing->body_bytes_left -= (int64_t)pass_bytes;
        }
        if (pass_bytes == 0) {
            break;
        }
        passed_bytes += pass_bytes;
    }
    return passed_bytes;
}
