#pragma once
/*
 * PREORDER_RATE_LIMIT on the checkout side: who is counted, and what they are told.
 *
 * Every request counts, whatever becomes of it, but for two: OPTIONS, because a page can do nothing
 * about the preflights of its browser, and the webhook, because a payment service
 * calls from few addresses and never for itself. What the HTTP server refuses for its head is not
 * counted either: it costs the client its connection.
 */
#include "common/clock.h"
#include "common/random.h"
#include "common/settings.h"
#include "http/message.h"

struct limits;

/* With settings that were loaded, so their texts are in order. ERR_FATAL: out of memory. */
CHECKED enum err_code limits_open(const struct settings *settings, const struct clock *clock,
                                  const struct random *random, struct limits **limits_out,
                                  struct err *err);
void limits_close(struct limits *limits); /* NULL is fine */

/* Counts the request. True: it is refused, with *reply_out. */
CHECKED bool limits_refuse(struct limits *limits, const struct request *request,
                           struct reply *reply_out);

/* RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11) for a counted request:
   the quota, what is left of it and in how many seconds there is more. */
void limits_add_headers(const struct limits *limits, const struct request *request,
                        struct reply *reply);
