#pragma once
/*
 * A request as libmicrohttpd shows it, piece by piece, in memory of its own.
 */
#include <microhttpd.h>

#include "common/err.h"
#include "http/message.h"

struct request_copy {
    struct request request;
    char *target; /* request.path and request.query point into it */
    char *text;   /* the method and the headers' names and values */
    char *body;
    struct header headers[HEADERS_MAX]; /* last: not set before they are read */
};

/* Begins with all that is known before the first byte; the rest is "", NULL and 0. */
void request_copy_init(struct request_copy *copy, const char peer[PEER_BYTES],
                       int64_t started_mono_us);
void request_copy_release(struct request_copy *copy);

enum request_copy_result {
    REQUEST_COPY_FINE,
    REQUEST_COPY_TOO_LARGE, /* over HEADERS_MAX or HEAD_BYTES_MAX */
    REQUEST_COPY_OUT_OF_MEMORY,
};

/* False: out of memory. */
CHECKED bool request_copy_target(struct request_copy *copy, const char *target);
CHECKED enum request_copy_result request_copy_head(struct request_copy *copy,
                                                   struct MHD_Connection *mhd, const char *method);
/* A part of the body, whose whole length is known. False: out of memory, or it is longer. */
CHECKED bool request_copy_body(struct request_copy *copy, const char *bytes, size_t byte_count);
