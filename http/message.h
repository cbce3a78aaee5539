#pragma once
/*
 * What a handler sees and gives: a request and a reply, with nothing of libmicrohttpd in them.
 *
 * Ownership: a request and all it points to belong to the server and stay valid until the exchange
 * is answered. A reply is a value; its body and header values are copied or taken as said below.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
    HEADERS_MAX = 64,           /* of a request; more: 431 */
    HEAD_BYTES_MAX = 16 * 1024, /* of a request line with its headers; more: 431 */
    REPLY_HEADERS_MAX = 16,
    REPLY_HEADER_VALUE_BYTES = 512,
    MESSAGE_ID_BYTES = 129, /* of X-Request-Id: ^[A-Za-z0-9._-]{1,128}$ and NUL */
    PEER_BYTES = 46,        /* INET6_ADDRSTRLEN */
};

struct header {
    const char *name;
    const char *value;
};

struct request {
    const char *method; /* as sent: "POST" */
    const char *path;   /* as sent, percent-escapes kept, without the query */
    const char *query;  /* what follows "?", as sent; NULL if there is none */
    const struct header *headers;
    size_t header_count;
    const char *body; /* body_bytes long, then a NUL; "" while the body is not read */
    size_t body_bytes;
    int64_t content_length;    /* -1: no Content-Length */
    char id[MESSAGE_ID_BYTES]; /* the client's X-Request-Id if it is well-formed, else ours */
    int64_t started_mono_us;   /* when its head was complete */
    /* The address at the other end of the connection, a proxy's if there is one: "192.0.2.7", also if
       it came as ::ffff:192.0.2.7, or "2001:db8::7"; "" on a unix socket. */
    char peer[PEER_BYTES];
};

/* The value of the first header of that name (any case), NULL if there is none. */
const char *request_header(const struct request *request, const char *name);
size_t request_header_count(const struct request *request, const char *name);

struct reply {
    int status;
    const char *content_type; /* static text; NULL: no body, no Content-Type */
    char *body;               /* malloc'd, taken by exchange_reply; NULL: empty */
    size_t body_bytes;
    char *location; /* of the header Location, malloc'd, taken as the body is; NULL: none */
    struct {
        const char *name; /* static text */
        char value[REPLY_HEADER_VALUE_BYTES];
    } headers[REPLY_HEADERS_MAX];
    size_t header_count;
    bool closes; /* Connection: close after it */
};

/* Adds a header. The name is static text; the value is copied. Asserts that it fits and holds no
   control character: values are ours, never a client's unchecked bytes. */
void reply_add_header(struct reply *reply, const char *name, const char *value);
void reply_release(struct reply *reply);

/* A reply with a copy of `text` as its body. */
struct reply reply_text(int status, const char *content_type, const char *text);

/* "Not Found" for 404: the status phrases of RFC 9110. Never NULL. */
const char *status_phrase(int status);
