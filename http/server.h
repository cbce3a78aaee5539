#pragma once
/*
 * An HTTP/1.1 server as a part of somebody's loop; the one home of libmicrohttpd.
 *
 * The owner waits until server_fd is readable or server_wait_ms have passed, then calls server_turn,
 * which runs what is due and hands over each complete request through on_request, at once. The owner
 * answers with exchange_reply: inside the callback or in any later turn; until then the connection
 * is suspended. After replies given outside server_turn, call server_turn again so that they leave.
 *
 * Guards: head_check on every head; body limit; a whole request must arrive within
 * request_deadline_ms, counted from the connection's opening or the reply before it, so an idle kept-alive
 * connection is closed after the same time; at the connection limit the connections idle longest (at least 1 s) are
 * closed, so that a new client is always served.
 *
 * Every reply carries X-Request-Id, Content-Length and Date. HEAD gets GET's head.
 *
 * Threads: one server belongs to one thread (server_thread.h runs one on its own).
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/random.h"
#include "http/message.h"

struct server;

/* A request and its reply to come. Belongs to the server; valid until exchange_reply or
   exchange_hijack. The client may have gone meanwhile: the reply is then dropped silently. */
struct exchange;

struct server_options {
    int listen_fd; /* taken over: closed by server_close or server_drain */
    int64_t body_bytes_max;
    int64_t request_deadline_ms;
    int32_t
        connections_max; /* at most RLIMIT_NOFILE less a reserve; server_open raises the soft limit */
    const char *tls_certificate_pem, *tls_key_pem; /* NULL: plain HTTP (text, not paths) */
    const struct clock *clock;
    const struct random *random; /* request ids */
    /* Head complete, body not read yet. May answer at once (405, 413, 415 …): the body is then not
       read and the connection closes. NULL: everything is let through. */
    void (*on_head)(void *context, struct exchange *exchange);
    void (*on_request)(void *context, struct exchange *exchange);
    /* The end of every request, answered or refused by the server itself: for the log line and the
       counters. `request` may lack its body. NULL: not wanted. */
    void (*on_done)(void *context, const struct request *request, int status, int64_t duration_us);
    /* A connection was accepted (before TLS and before any byte): `number` counts from 1. Returning
       false closes it at once. NULL: all are taken. */
    bool (*on_connect)(void *context, int64_t number, int fd);
    /* Turns an error of ours that no handler sees (bad head, body too large) into a reply;
       NULL: problem+json. The sandbox answers as Klaviyo does. */
    struct reply (*render_error)(const struct request *request, int status, const char *name,
                                 const char *detail);
    void *context;
};

CHECKED enum err_code server_open(const struct server_options *options, struct server **server_out,
                                  struct err *err);
/* Closes every connection at once; unanswered exchanges become invalid. NULL is fine. */
void server_close(struct server *server);

int server_fd(const struct server *server);
/* How long the owner may sleep: at most 200 ms, because libmicrohttpd at its connection limit has no timeout of its own
   and would otherwise never look again. 0: there is work. */
int32_t server_wait_ms(struct server *server);
void server_turn(struct server *server);

/* Stops accepting; replies from now on close their connections; idle connections are closed. */
void server_drain(struct server *server);
/* Connections that are not closed yet, and requests handed over and not answered yet. */
int32_t server_connection_count(const struct server *server);
int32_t server_unanswered_count(const struct server *server);

const struct request *exchange_request(const struct exchange *exchange);

/* Answers and forgets the exchange. Takes reply->body. */
void exchange_reply(struct exchange *exchange, struct reply *reply);

/*
 * Hands the bare socket to the caller, who plays the rest by hand (the sandbox's misbehaviours; plain
 * HTTP only). The server neither reads nor writes it any more; the caller ends it with exchange_end_hijack, which
 * closes it, with a reset if asked. The fd stays the server's: don't close it.
 */
int exchange_hijack(struct exchange *exchange);
void exchange_end_hijack(struct exchange *exchange, bool with_reset);

/*
 * A body that the caller produces as it goes (slow, endless or cut short), also over TLS: `read` is asked for
 * at most `bytes_max` bytes and returns how many it wrote, 0 for "not now, ask again at the next turn", -1 for
 * the end, -2 for an end in disorder (the connection is cut). `content_length` -1: chunked. reply->body is ignored.
 * `free` (may be NULL) is called once at the end.
 */
void exchange_reply_stream(struct exchange *exchange, struct reply *reply, int64_t content_length,
                           int64_t (*read)(void *context, char *bytes, size_t bytes_max),
                           void (*free)(void *context), void *context);
