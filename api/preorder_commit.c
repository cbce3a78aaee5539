#include "api/preorder_commit.h"

#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/created.h"
#include "api/metrics.h"
#include "api/refusal.h"
#include "api/trace.h"
#include "common/log.h"

/* A number is taken once in a million or so; five in a row is a broken generator. */
enum { DRAWS_MAX = 5 };

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

enum err_code preorder_commit(struct api *api, struct err *err) {
    if (api->intake.first != NULL) {
        overload_persist(&api->overload, api->intake.count, api->intake.first->queued_mono_us,
                         clock_mono_us(api->options.clock));
    }
    struct intake_item *items[PREORDER_COMMIT_MAX];
    struct create creates[PREORDER_COMMIT_MAX];
    size_t count = 0;
    for (; count < PREORDER_COMMIT_MAX && api->intake.count > 0; count++) {
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

void preorder_commit_refuse(struct api *api) {
    for (struct intake_item *item = intake_pop(&api->intake); item != NULL;
         item = intake_pop(&api->intake)) {
        fail(api, item, ERR_BUSY);
    }
}
