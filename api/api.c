#include "api/api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/context.h"
#include "api/cors.h"
#include "api/form.h"
#include "api/metrics.h"
#include "api/payment_commit.h"
#include "api/preorder_commit.h"
#include "api/refusal.h"
#include "api/router.h"
#include "http/media_type.h"

/* A refusal without reading the body costs the connection, and a new one more than to read so little. */
enum { SMALL_BODY_BYTES = 4096 };

enum err_code api_open(const struct api_options *options, struct api **api_out, struct err *err) {
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    api->options = *options;
    intake_init(&api->intake);
    payments_init(&api->payments);
    api_set_catalog(api, options->catalog);
    enum err_code code =
        limits_open(options->settings, options->clock, options->random, &api->limits, err);
    if (code != ERR_OK) {
        free(api);
        return code;
    }
    *api_out = api;
    return ERR_OK;
}

void api_close(struct api *api) {
    if (api != NULL) {
        intake_release(&api->intake);
        payments_release(&api->payments);
        limits_close(api->limits);
        free(api);
    }
}

void api_set_catalog(struct api *api, const struct catalog *catalog) {
    api->options.catalog = catalog;
    api->stripe_mode = stripe_mode_find(api->options.settings->stripe_mode, catalog);
}

size_t api_queued_count(const struct api *api) {
    return api->intake.count + api->payments.count;
}

/* A shop without the secret has no webhook, by no method. */
static const struct route *find_route(const struct api *api, const struct request *request,
                                      struct reply *reply_out) {
    if (api->options.settings->stripe_webhook_secret == NULL && router_is_webhook(request)) {
        *reply_out = router_refuse_path(request);
        return NULL;
    }
    return router_find(request, reply_out);
}

static bool is_type_taken(const struct request *request, enum body_kind kind) {
    if (request_header_count(request, "Content-Type") != 1) {
        return false;
    }
    const char *type = request_header(request, "Content-Type");
    return media_type_is_utf8(type, "application/json") ||
           (kind == BODY_JSON_OR_FORM && media_type_is_utf8(type, FORM_TYPE));
}

static struct reply refuse_type(const struct request *request, enum body_kind kind) {
    const char *detail =
        kind == BODY_JSON_OR_FORM
            ? "Send the body as application/json or application/x-www-form-urlencoded, in UTF-8."
            : "Send the body as application/json in UTF-8.";
    struct reply reply = problem_reply(request, 415, "unsupported-media-type",
                                       "Unsupported media type", detail, NULL, 0);
    reply_add_header(&reply, "Accept", router_body_types(kind));
    return reply;
}

bool api_is_overloaded(const struct api *api) {
    return api->overload.is_on;
}

void api_tend(struct api *api) {
    overload_tend(&api->overload, clock_mono_us(api->options.clock));
}

/* Stripe would come back hours later, and is not who overloads us. */
static bool is_too_much(struct api *api, const struct request *request) {
    const struct intake_item *oldest = api->intake.first;
    bool refuses = oldest != NULL && !router_is_webhook(request) &&
                   overload_refuses(&api->overload, api->intake.count, oldest->queued_mono_us,
                                    clock_mono_us(api->options.clock));
    if (refuses) {
        metrics_add(api->options.metrics, API_REFUSED, METRIC_LABELS("overload"), 1);
    }
    return refuses;
}

bool api_refuse_head(struct api *api, const struct request *request, struct reply *reply_out) {
    if (limits_refuse(api->limits, request, reply_out)) {
        metrics_add(api->options.metrics, API_REFUSED, METRIC_LABELS("rate_limit"), 1);
        return true;
    }
    const struct route *route = find_route(api, request, reply_out);
    if (route == NULL) {
        return true;
    }
    if (route->body == BODY_NONE) {
        return false;
    }
    if (request->content_length > SMALL_BODY_BYTES && is_too_much(api, request)) {
        *reply_out = refusal_overloaded(request);
        return true;
    }
    const char *encoding = request_header(request, "Content-Encoding");
    if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        *reply_out = problem_reply(request, 415, "unsupported-encoding", "Unsupported encoding",
                                   "Send the body without Content-Encoding.", NULL, 0);
        reply_add_header(reply_out, "Accept-Encoding", "identity");
        return true;
    }
    if (!is_type_taken(request, route->body)) {
        *reply_out = refuse_type(request, route->body);
        return true;
    }
    return false;
}

void api_add_headers(const struct api *api, const struct request *request, struct reply *reply) {
    if (!router_is_webhook(request)) {
        cors_add_headers(api->options.settings->allowed_origins, request, reply);
        limits_add_headers(api->limits, request, reply);
    }
}

void api_take(struct api *api, const struct request *request, void *ticket) {
    struct reply reply = {0};
    const struct route *route = find_route(api, request, &reply);
    if (route == NULL) {
        api->options.on_reply(api->options.context, ticket, &reply);
        return;
    }
    if (is_too_much(api, request)) {
        reply = refusal_overloaded(request);
        api->options.on_reply(api->options.context, ticket, &reply);
        return;
    }
    route->handle(api, request, router_parameter(route, request), ticket);
}

enum err_code api_commit(struct api *api, struct err *err) {
    enum err_code code = preorder_commit(api, err);
    if (code == ERR_OK) {
        code = payment_commit(api, err);
    }
    if (code != ERR_OK) {
        /* Whoever queues behind them has waited as long: not another time out for each batch. */
        api_refuse_queued(api);
    }
    return code == ERR_FATAL ? ERR_FATAL : ERR_OK;
}

void api_refuse_queued(struct api *api) {
    preorder_commit_refuse(api);
    payment_commit_refuse(api);
}
