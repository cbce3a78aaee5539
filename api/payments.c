#include "api/payments.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/context.h"
#include "api/metrics.h"
#include "api/refusal.h"
#include "api/trace.h"
#include "common/log.h"

void payments_init(struct payments *payments) {
    *payments = (struct payments){.last_next = &payments->first};
}

static struct payments_item *pop(struct payments *payments) {
    struct payments_item *item = payments->first;
    if (item == NULL) {
        return NULL;
    }
    payments->first = item->next;
    if (payments->first == NULL) {
        payments->last_next = &payments->first;
    }
    payments->count--;
    return item;
}

void payments_release(struct payments *payments) {
    for (struct payments_item *item = pop(payments); item != NULL; item = pop(payments)) {
        free(item);
    }
}

void payments_push(struct payments *payments, struct payments_item *item) {
    assert(item->next == NULL);
    *payments->last_next = item;
    payments->last_next = &item->next;
    payments->count++;
}

void payments_count(struct api *api, const struct payment_event *event, const char *outcome) {
    enum payment_kind kind;
    bool is_ours = payment_kind_find(event->type, NULL, &kind);
    metrics_add(api->options.metrics, API_PAYMENT_EVENTS,
                METRIC_LABELS(is_ours ? event->type : "other", outcome), 1);
}

struct reply payments_received(const struct request *request, const char *outcome) {
    char text[128];
    (void)snprintf(text, sizeof text, "{\"received\":true,\"outcome\":\"%s\"}", outcome);
    struct reply reply = reply_text(200, "application/json", text);
    if (reply.body == NULL) {
        return refusal_event_unavailable(request, ERR_UNKNOWN);
    }
    reply_add_header(&reply, "Cache-Control", "no-store");
    return reply;
}

static void log_result(const struct payments_item *item, const struct payment_apply *apply) {
    const struct payment_event *event = &item->event;
    char trace[TRACE_ID_BYTES];
    enum log_level level = LOG_LEVEL_INFO;
    if (apply->result == PAYMENT_FLAGGED) {
        level = LOG_LEVEL_WARNING;
    } else if (apply->result == PAYMENT_REFUSED) {
        level = LOG_LEVEL_ERROR;
    }
    trace_id(event->traceparent, trace);
    log_at(level, LOG_MSG("payment event"), LOG_TEXT("request_id", item->request->id),
           LOG_TEXT("trace_id", trace), LOG_TEXT("stripe_event_id", event->id),
           LOG_TEXT("type", event->type), LOG_TEXT("preorder_id", event->preorder_id.text),
           LOG_TEXT("outcome", payment_result_name(apply->result)),
           LOG_TEXT("event_id", apply->has_event ? apply->event_id.text : ""));
}

static struct reply result_reply(const struct request *request, enum payment_result result) {
    if (result == PAYMENT_REFUSED) {
        return problem_reply(request, 500, "internal", "Internal error",
                             "The event could not be stored. Nothing was stored.", NULL, 0);
    }
    return payments_received(request, payment_result_name(result));
}

/* Answers and frees. */
static void finish(struct api *api, struct payments_item *item, const struct payment_apply *apply) {
    payments_count(api, &item->event, payment_result_name(apply->result));
    log_result(item, apply);
    struct reply reply = result_reply(item->request, apply->result);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    free(item);
}

static void fail(struct api *api, struct payments_item *item, enum err_code code) {
    payments_count(api, &item->event, "unavailable");
    struct reply reply = refusal_event_unavailable(item->request, code);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    free(item);
}

enum err_code payments_commit(struct api *api, struct err *err) {
    struct payments_item *items[PAYMENTS_BATCH_MAX];
    struct payment_apply applies[PAYMENTS_BATCH_MAX];
    size_t count = 0;
    for (; count < PAYMENTS_BATCH_MAX && api->payments.count > 0; count++) {
        items[count] = pop(&api->payments);
        applies[count] = (struct payment_apply){.event = &items[count]->event};
    }
    if (count == 0) {
        return ERR_OK;
    }
    struct payment_terms terms = {
        .metric_prefix = api->options.settings->klaviyo_metric_prefix,
        .random = api->options.random,
        .now_ms = clock_wall_ms(api->options.clock),
    };
    enum err_code code = store_apply_payments(api->options.store, &terms, applies, count, err);
    for (size_t i = 0; i < count; i++) {
        if (code == ERR_OK) {
            finish(api, items[i], &applies[i]);
        } else {
            fail(api, items[i], code);
        }
    }
    if (code != ERR_OK) {
        log_error(LOG_MSG("payment events not stored"), LOG_INT("count", (int64_t)count),
                  LOG_TEXT("error", err->text));
    }
    return code;
}

void payments_refuse(struct api *api) {
    for (struct payments_item *item = pop(&api->payments); item != NULL;
         item = pop(&api->payments)) {
        fail(api, item, ERR_BUSY);
    }
}
