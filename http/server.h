#pragma once
/*
 * An HTTP/1.1 server as a part of somebody's loop; the one home of libmicrohttpd.
 *
 * The owner waits until server_fd is readable or server_wait_ms have passed, then calls
 * server_turn, which runs what is due and hands over each complete request through on_request, at
 * once. The owner answers with exchange_reply: inside the callback or in any later turn; until then
 * the connection is suspended. After replies given outside server_turn, call server_turn again so
 * that they leave.
 *
 * Guards:
 * - every head is judged (framing.h, head.h) and every body limited before it is read;
 * - a request must arrive within request_deadline_ms: the first of a connection counted from the
 *   connection's opening, each later one from its first byte. So long may a connection be idle,
 *   too, and so long may a client take to fetch a reply (a stream: each part of it). Who takes
 *   longer is cut; in the middle of a request and over plain HTTP a 408 is sent first. A request
 *   that was handed over is never cut;
 * - at the connection limit, while somebody waits to be accepted, connections that have been idle
 *   for at least 1 s are closed, longest first; if there are none, those whose request has been
 *   arriving for at least 3 s. So a new client is served within seconds, whatever the others do.
 *
 * Every reply carries X-Request-Id, Content-Length and Date. HEAD gets GET's head.
 *
 * Over plain HTTP no head reaches libmicrohttpd before it was judged to the letter (guard.h), so the
 * library's own error pages never show. Over TLS, which is for the sandbox only, it reads first, as
 * leniently as it does, and what it shows is judged then.
 *
 * Threads: one server belongs to one thread.
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

CHECKED enum err_code server_open(const struct server_options *options, struct server **server_out,
                                  struct err *err);
/* Closes every connection at once; unanswered exchanges become invalid. NULL is fine. */
void server_close(struct server *server);

int server_fd(const struct server *server);
/* How long the owner may sleep: at most 200 ms, because libmicrohttpd at its connection limit has
   no timeout of its own and would otherwise never look again. 0: there is work. */
int32_t server_wait_ms(struct server *server);
void server_turn(struct server *server);

/* From the next turn on nothing new is accepted, but for who is in the backlog by then; replies
   close their connections, and idle ones are closed: at once if they have had a request, else 1 s
   after they were accepted, because the first one may be on its way. The owner goes on turning
   until server_connection_count is 0 or the patience ends. */
void server_drain(struct server *server);

enum { SERVER_BUSY_CONNECTIONS = 256 }; /* enough to keep an owner busy */

/*
 * The owner gets less done than comes in. From SERVER_BUSY_CONNECTIONS on (or the limit, if lower),
 * where others would wait for longer than they care for, the kernel then refuses new ones over TCP at
 * once, and resets those in the backlog; nothing was read of them. Who has a connection keeps it.
 */
void server_set_busy(struct server *server, bool is_busy);

/* Connections that are not closed yet, and requests handed over and not answered yet. */
int32_t server_connection_count(const struct server *server);
int32_t server_unanswered_count(const struct server *server);

/*
 * In on_connect only, which is to return false then: the bare connection, also of a server with
 * TLS, becomes the caller's, as a descriptor of its own that the caller closes. To the server it
 * looks as if the client had left. -1: no descriptor is left, and nothing has changed.
 */
int server_take_socket(int fd);

const struct request *exchange_request(const struct exchange *exchange);

/* Answers and forgets the exchange. Takes reply->body. */
void exchange_reply(struct exchange *exchange, struct reply *reply);

/*
 * Hands the bare socket to the caller, who plays the rest by hand (the sandbox's misbehaviours;
 * plain HTTP only). The server neither reads nor writes it any more; the caller ends it with
 * exchange_end_hijack, which closes it, with a reset if asked. Don't close the fd. Allowed in
 * on_head, too. -1: no descriptor is left; end it all the same.
 */
int exchange_hijack(struct exchange *exchange);
void exchange_end_hijack(struct exchange *exchange, bool with_reset);

/*
 * A body that the caller produces as it goes (slow, endless or cut short), also over TLS. `read` is
 * asked for at most `bytes_max` bytes and returns how many it wrote, 0 for "not now", -1 for the
 * end, -2 for an end in disorder (the connection is cut). After 0 it is asked again at the next
 * turn, for which server_wait_ms leaves at most 10 ms; a client that closes its side in such a
 * pause counts as gone. `content_length` -1: chunked; an end before that length cuts the
 * connection. reply->body is ignored and freed. `free` (may be NULL) is called once at the end,
 * before on_done or after.
 */
void exchange_reply_stream(struct exchange *exchange, struct reply *reply, int64_t content_length,
                           int64_t (*read)(void *context, char *bytes, size_t bytes_max),
                           void (*free)(void *context), void *context);
