#pragma once
/*
 * Method and path to handler: the one list of what the checkout side serves.
 *
 * A path it does not know is 404; a known path with another method 405 with Allow; a method that
 * HTTP does not know 501. HEAD goes wherever GET goes; OPTIONS is answered with Allow, and
 * where there is a POST with Accept-Post (W3C Linked Data Platform, 7.1).
 * OPTIONS and 404 carry a Link to the description of all this, api/openapi.json.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"

struct api;

enum body_kind {
    BODY_NONE,
    BODY_JSON,         /* application/json */
    BODY_JSON_OR_FORM, /* or application/x-www-form-urlencoded */
};

struct route {
    const char *method;
    const char *path;   /* as in the log: "/pre-order/{id}" */
    const char *prefix; /* NULL: the path itself; else what stands before the one parameter */
    enum body_kind body;
    void (*handle)(struct api *api, const struct request *request, const char *parameter,
                   void *ticket);
};

#define ROUTER_WEBHOOK_PATH "/webhooks/stripe"

enum {
    BODY_BYTES_MAX = 64 * 1024,
    /* Stripe names no limit of its own. The most there can be in a session is its metadata: 50 values
       of 500 characters, 150 KB if each is written as \uXXXX. */
    WEBHOOK_BODY_BYTES_MAX = 256 * 1024,
};

/* By the path: how long the body may be. */
int64_t router_body_bytes_max(const struct request *request);
bool router_is_webhook(const struct request *request);
/* 404 for a path at which nothing is served. */
struct reply router_refuse_path(const struct request *request);

/* The route, or NULL with *reply_out filled. */
const struct route *router_find(const struct request *request, struct reply *reply_out);

/* The media types that such a body may have, as Accept and Accept-Post want them; "" for none. */
const char *router_body_types(enum body_kind kind);

/* All of them. */
const struct route *router_list(size_t *count_out);

/* What follows the route's prefix; "" if it has none. */
const char *router_parameter(const struct route *route, const struct request *request);

/* The path for logs and counters: the route's, or "other". Never NULL. */
const char *router_label(const struct request *request);
/* The method for counters: one that HTTP knows, or "other". Never NULL. */
const char *router_method_label(const struct request *request);
