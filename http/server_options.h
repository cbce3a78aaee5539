#pragma once
/*
 * What the owner of a server decides, and what it wants to be asked and told.
 *
 * Threads: the callbacks run in the server's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/random.h"
#include "http/message.h"

struct exchange; /* exchange.h */

struct server_options {
    int listen_fd; /* taken over: closed by server_close or a drain; also if server_open fails */
    int64_t body_bytes_max;
    /* The same for one request, by its method and path, where not all have the same limit; NULL: all
       have. */
    int64_t (*body_limit)(void *context, const struct request *request);
    int64_t request_deadline_ms;
    int32_t connections_max; /* or what RLIMIT_NOFILE leaves; server_open raises the soft limit */
    const char *tls_certificate_pem, *tls_key_pem; /* NULL: plain HTTP (text, not paths) */
    const struct clock *clock;
    const struct random *random; /* request ids */
    /* Head complete, body not read yet. May answer at once (405, 413, 415 …): the body is then not
       read and the connection closes. NULL: everything is let through. */
    void (*on_head)(void *context, struct exchange *exchange);
    void (*on_request)(void *context, struct exchange *exchange);
    /* A reply is about to leave, also one of the server's own (400, 408, 413 …): may add headers.
       `request` may lack its body, and its headers if they could not be read. NULL: not wanted. */
    void (*on_reply)(void *context, const struct request *request, struct reply *reply);
    /* The end of every request, answered or refused by the server itself: for the log line and the
       counters. `request` may lack its body, and what is not known yet of its head ("", NULL, 0).
       `status` is 408 if the deadline cut it, 0 if the client left before it was answered or the
       exchange was hijacked. Not called for what server_close ends. NULL: not wanted. */
    void (*on_done)(void *context, const struct request *request, int status, int64_t duration_us);
    /* A connection was accepted (before TLS and before any byte): `number` counts from 1. Returning
       false closes it at once. For `fd` see server_take_socket. NULL: all are taken. */
    bool (*on_connect)(void *context, int64_t number, int fd);
    /* Turns an error of ours that no handler sees (bad head, body too large) into a reply;
       NULL: problem+json. The sandbox answers as Klaviyo does. */
    struct reply (*render_error)(void *context, const struct request *request, int status,
                                 const char *name, const char *detail);
    void *context;
};
