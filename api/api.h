#pragma once
/*
 * The api's step: parsed requests in, one commit, replies out. No socket and no libmicrohttpd
 * here, so that a test can run it against a simulated clock, store and client.
 *
 * Each turn of the loop hands over the requests that arrived (api_take), then commits all creates
 * among them in one transaction, and all payment events in another (api_commit): the batch grows by
 * itself under load. A 201 is given only after that commit, and so is a payment event's 200.
 *
 * Ownership: a request stays valid until its reply was given; `ticket` is the caller's name for
 * it. Threads: one.
 */
#include <stdbool.h>
#include <stddef.h>

#include "api/options.h"
#include "common/err.h"

struct api;

/* ERR_FATAL: out of memory. */
CHECKED enum err_code api_open(const struct api_options *options, struct api **api_out,
                               struct err *err);
void api_close(struct api *api); /* queued requests are forgotten; NULL is fine */

/* Head complete, body not read: true if it is refused now (404, 405, 415 …) with *reply_out. */
CHECKED bool api_refuse_head(struct api *api, const struct request *request,
                             struct reply *reply_out);

/* For every reply to be, also one that the server makes by itself: adds the headers that all of them
   have, CORS and RateLimit. */
void api_add_headers(const struct api *api, const struct request *request, struct reply *reply);

/* A complete request whose head was not refused: answers at once or queues it for api_commit. */
void api_take(struct api *api, const struct request *request, void *ticket);

/* More comes in than gets done, and what comes next is refused: see overload.h. */
bool api_is_overloaded(const struct api *api);
/* From time to time: notices that it is over. */
void api_tend(struct api *api);

size_t api_queued_count(const struct api *api);

/*
 * Commits queued creates, as many as one transaction takes, and answers them (preorder_commit.h); then
 * the payment events (payment_commit.h). When the database could not take them, they and all others in
 * the queue get 503. ERR_FATAL: so they did, stop serving and exit; anything else is dealt with.
 */
CHECKED enum err_code api_commit(struct api *api, struct err *err);

/* Answers everything queued with 503 and leaves the store alone: after ERR_FATAL nothing it says
   can be trusted. */
void api_refuse_queued(struct api *api);

void api_set_catalog(struct api *api, const struct catalog *catalog);
