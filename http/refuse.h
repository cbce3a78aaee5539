#pragma once
/*
 * Refusals of the server's own (400, 408, 413 …): what no handler sees or answers.
 */
#include "http/head.h"
#include "http/server_options.h"

/* The reply in the owner's words (render_error), else problem+json; it closes the connection. */
struct reply refuse_render(const struct server_options *options, const struct request *request,
                           const struct refusal *refusal);

/*
 * Answers past libmicrohttpd, over plain HTTP only: nothing else was sent for this request, and nothing
 * will be. True: something was sent, and bytes of the client may be left unread (linger.h).
 */
bool refuse_by_hand(const struct server_options *options, int fd, const struct request *request,
                    const struct refusal *refusal);
