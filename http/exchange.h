#pragma once
/*
 * A request and its reply to come. It belongs to the server and is valid until exchange_reply,
 * exchange_reply_stream or exchange_end_hijack. The client may have gone meanwhile: the reply is then
 * dropped silently.
 *
 * Threads: the server's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"

struct exchange;

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
