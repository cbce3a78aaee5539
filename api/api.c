#include "api/api.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/context.h"
#include "api/cors.h"
#include "api/created.h"
#include "api/form.h"
#include "api/metrics.h"
#include "api/refusal.h"
#include "api/router.h"
#include "api/trace.h"
#include "common/log.h"
#include "http/media_type.h"

/* A number is taken once in a million or so; five in a row is a broken generator. */
enum { DRAWS_MAX = 5 };

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

static void log_stored(const struct intake_item *item, const char *message, const char *id) {
    char trace[TRACE_ID_BYTES];
    trace_id(item->event.traceparent, trace);
    log_info(LOG_MSG(message), LOG_TEXT("request_id", item->request->id),
             LOG_TEXT("trace_id", trace), LOG_TEXT("preorder_id", id));
}

static struct reply stored_reply(struct intake_item *item) {
    char *body = item->reply;
    item->reply = NULL;
    return item->is_page
               ? created_reply_page(strdup(item->preorder.payment_url), body, item->reply_bytes)
               : created_reply(&item->preorder.id, body, item->reply_bytes);
}

/* What the first of these requests got: a page if that was a form. */
static struct reply replayed_reply(struct create *create) {
    char *body = create->replay;
    char *payment_url = create->replay_payment_url;
    create->replay = create->replay_payment_url = NULL;
    struct reply reply = payment_url != NULL
                             ? created_reply_page(payment_url, body, create->replay_bytes)
                             : created_reply(&create->replay_id, body, create->replay_bytes);
    reply_add_header(&reply, "Idempotent-Replayed", "true");
    return reply;
}

static struct reply result_reply(struct api *api, struct intake_item *item, struct create *create) {
    struct metrics *metrics = api->options.metrics;
    switch (create->result) {
    case CREATE_STORED:
        metrics_add(metrics, API_CREATED, NULL, 1);
        log_stored(item, "preorder stored", item->preorder.id.text);
        return stored_reply(item);
    case CREATE_REPLAYED:
        metrics_add(metrics, API_REPLAYS, METRIC_LABELS("replayed"), 1);
        log_stored(item, "preorder replayed", create->replay_id.text);
        return replayed_reply(create);
    case CREATE_KEY_REUSED:
        metrics_add(metrics, API_REPLAYS, METRIC_LABELS("mismatch"), 1);
        return problem_reply(item->request, 422, "idempotency-key-reused", "Idempotency-Key reused",
                             "This Idempotency-Key was used before for another request. Make a new "
                             "key for each preorder.",
                             NULL, 0);
    case CREATE_NUMBER_TAKEN:
    case CREATE_REFUSED:
    case CREATE_PENDING:
        break;
    }
    log_error(LOG_MSG("preorder refused by the database"),
              LOG_TEXT("request_id", item->request->id));
    return problem_reply(item->request, 500, "internal", "Internal error",
                         "The preorder could not be stored. Nothing was stored.", NULL, 0);
}

/* Draws another number and puts the item back; false if that is to no avail. */
static bool try_again(struct api *api, struct intake_item *item) {
    struct err err = {0};
    char traceparent[TRACEPARENT_BYTES];
    memcpy(traceparent, item->event.traceparent, sizeof traceparent);
    if (++item->draw_count >= DRAWS_MAX) {
        return false;
    }
    preorder_renumber(&item->preorder, api->options.settings->number_prefix, api->options.random);
    if (intake_item_render(item, api->options.settings->klaviyo_metric_prefix, traceparent,
                           api->options.random, &err) != ERR_OK) {
        return false;
    }
    intake_push(&api->intake, item);
    return true;
}

static void finish(struct api *api, struct intake_item *item, struct create *create) {
    if (create->result == CREATE_NUMBER_TAKEN && try_again(api, item)) {
        return;
    }
    struct reply reply = result_reply(api, item, create);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    intake_item_free(item);
}

static void fail(struct api *api, struct intake_item *item, enum err_code code) {
    struct reply reply = refusal_unavailable(item->request, code);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    intake_item_free(item);
}

static CHECKED enum err_code commit_creates(struct api *api, struct err *err) {
    if (api->intake.first != NULL) {
        overload_persist(&api->overload, api->intake.count, api->intake.first->queued_mono_us,
                         clock_mono_us(api->options.clock));
    }
    struct intake_item *items[API_BATCH_MAX];
    struct create creates[API_BATCH_MAX];
    size_t count = 0;
    for (; count < API_BATCH_MAX && api->intake.count > 0; count++) {
        struct intake_item *item = intake_pop(&api->intake);
        items[count] = item;
        creates[count] = (struct create){
            .preorder = &item->preorder,
            .event = &item->event,
            .idempotency_key = item->idempotency_key[0] == '\0' ? NULL : item->idempotency_key,
            .reply = item->reply,
            .reply_bytes = item->reply_bytes,
            .reply_is_page = item->is_page,
        };
        memcpy(creates[count].fingerprint, item->fingerprint, FINGERPRINT_BYTES);
    }
    if (count == 0) {
        return ERR_OK;
    }
    metrics_observe(api->options.metrics, API_COMMIT_BATCH_SIZE, NULL, (double)count);
    enum err_code code = store_create_preorders(api->options.store, creates, count, err);
    for (size_t i = 0; i < count; i++) {
        if (code == ERR_OK) {
            finish(api, items[i], &creates[i]);
        } else {
            fail(api, items[i], code);
        }
    }
    if (code != ERR_OK) {
        log_error(LOG_MSG("preorders not stored"), LOG_INT("count", (int64_t)count),
                  LOG_TEXT("error", err->text));
    }
    return code;
}

enum err_code api_commit(struct api *api, struct err *err) {
    enum err_code code = commit_creates(api, err);
    if (code == ERR_OK) {
        code = payments_commit(api, err);
    }
    if (code != ERR_OK) {
        /* Whoever queues behind them has waited as long: not another time out for each batch. */
        api_refuse_queued(api);
    }
    return code == ERR_FATAL ? ERR_FATAL : ERR_OK;
}

void api_refuse_queued(struct api *api) {
    for (struct intake_item *item = intake_pop(&api->intake); item != NULL;
         item = intake_pop(&api->intake)) {
        fail(api, item, ERR_BUSY);
    }
    payments_refuse(api);
}
