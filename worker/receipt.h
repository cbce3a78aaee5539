#pragma once
/*
 * An answer as it comes in, line by line and piece by piece. Knows HTTP's head, not the library that
 * reads it. The bytes are hostile: any order, any number, any content.
 *
 * There may be several heads (1xx): the last one counts, once its empty line has come.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store.h"
#include "worker/transport.h"

enum { RECEIPT_VALUE_BYTES = 192, RECEIPT_HEAD_BYTES_MAX = 64 * 1024 };

struct receipt {
    size_t head_bytes;
    int32_t head_status; /* of the head being read */
    int32_t http_status; /* once that head was complete and final; else 0 */
    char content_type[RECEIPT_VALUE_BYTES];
    char retry_after[RECEIPT_VALUE_BYTES];
    char rate_remaining[RECEIPT_VALUE_BYTES];
    char rate_reset[RECEIPT_VALUE_BYTES];
    bool is_mitigated;
    char body[RESPONSE_BODY_BYTES_MAX];
    size_t body_bytes;
};

/* Before each request. */
void receipt_begin(struct receipt *receipt);

/* Takes a line of a head, its end included. False: the head is longer than anybody needs. */
CHECKED bool receipt_take_line(struct receipt *receipt, const char *line, size_t line_bytes);

/* Takes a piece of the body. False: more came than is kept. */
CHECKED bool receipt_take_body(struct receipt *receipt, const char *bytes, size_t byte_count);

/* What came, as far as it came; points into the receipt. */
struct transport_answer receipt_answer(const struct receipt *receipt, enum transport_code code,
                                       const char *error);
