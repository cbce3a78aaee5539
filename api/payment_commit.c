#include "api/payment_commit.h"

#include <stdlib.h>

#include "api/context.h"
#include "api/received.h"
#include "api/refusal.h"
#include "api/trace.h"
#include "common/log.h"

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
    return received_reply(request, payment_result_name(result));
}

/* Answers and frees. */
static void finish(struct api *api, struct payments_item *item, const struct payment_apply *apply) {
    received_count(api->options.metrics, &item->event, payment_result_name(apply->result));
    log_result(item, apply);
    struct reply reply = result_reply(item->request, apply->result);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    free(item);
}

static void fail(struct api *api, struct payments_item *item, enum err_code code) {
    received_count(api->options.metrics, &item->event, "unavailable");
    struct reply reply = refusal_event_unavailable(item->request, code);
    api->options.on_reply(api->options.context, item->ticket, &reply);
    free(item);
}

enum err_code payment_commit(struct api *api, struct err *err) {
    struct payments_item *items[PAYMENT_COMMIT_MAX];
    struct payment_apply applies[PAYMENT_COMMIT_MAX];
    size_t count = 0;
    for (; count < PAYMENT_COMMIT_MAX && api->payments.count > 0; count++) {
        items[count] = payments_pop(&api->payments);
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

void payment_commit_refuse(struct api *api) {
    for (struct payments_item *item = payments_pop(&api->payments); item != NULL;
         item = payments_pop(&api->payments)) {
        fail(api, item, ERR_BUSY);
    }
}
