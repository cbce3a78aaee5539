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

#include "common/err.h"
#include "http/exchange.h"
#include "http/server_options.h"

struct server;

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
