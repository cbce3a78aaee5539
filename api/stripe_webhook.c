/*
 * POST /webhooks/stripe: from the signed body to the queue. The commit and the answer to what was
 * committed are in payments.c.
 *
 * Whatever is signed and no payment of ours gets 200 all the same: Stripe would send it again for
 * three days otherwise, and in the end switch the endpoint off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/handlers.h"
#include "api/metrics.h"
#include "api/received.h"
#include "api/refusal.h"
#include "api/stripe_event.h"
#include "api/stripe_signature.h"
#include "api/trace.h"
#include "common/log.h"
#include "http/problem.h"

static void answer(struct api *api, void *ticket, struct reply reply) {
    api->options.on_reply(api->options.context, ticket, &reply);
}

static enum stripe_signature check(struct api *api, const struct request *request) {
    static const char name[] = "Stripe-Signature";
    if (request_header_count(request, name) > 1) {
        return STRIPE_SIGNATURE_MALFORMED;
    }
    return stripe_signature_check(request_header(request, name), request->body, request->body_bytes,
                                  api->options.settings->stripe_webhook_secret,
                                  clock_wall_ms(api->options.clock) / MS_PER_S);
}

/* True if the body may be believed; else the request was answered, without a hint at what was
   wrong: that stands in the log. */
static bool is_signed(struct api *api, const struct request *request, void *ticket) {
    enum stripe_signature signature = check(api, request);
    if (signature == STRIPE_SIGNATURE_RIGHT) {
        return true;
    }
    metrics_add(api->options.metrics, API_PAYMENT_EVENTS,
                METRIC_LABELS("unsigned", stripe_signature_name(signature)), 1);
    log_warning(LOG_MSG("webhook refused"), LOG_TEXT("request_id", request->id),
                LOG_TEXT("signature", stripe_signature_name(signature)));
    answer(api, ticket,
           signature == STRIPE_SIGNATURE_UNCHECKED
               ? refusal_event_unavailable(request, ERR_BUSY)
               : problem_reply(request, 400, "invalid-signature", "Invalid signature",
                               "The request is not signed as it must be.", NULL, 0));
    return false;
}

static void note_version(struct api *api, const struct stripe_event *event) {
    if (api->stripe_version_was_noted || event->api_version[0] == '\0' ||
        strcmp(event->api_version, STRIPE_API_VERSION) == 0) {
        return;
    }
    api->stripe_version_was_noted = true;
    log_warning(LOG_MSG("Stripe's events are of another version than the tested one"),
                LOG_TEXT("api_version", event->api_version),
                LOG_TEXT("tested_version", STRIPE_API_VERSION));
}

/* What is signed and yet no payment of a preorder. */
static void pass_over(struct api *api, const struct request *request, void *ticket,
                      const struct stripe_event *event) {
    const char *outcome = stripe_event_kind_name(event->kind);
    received_count(api->options.metrics, &event->payment, outcome);
    log_info(LOG_MSG("payment event"), LOG_TEXT("request_id", request->id),
             LOG_TEXT("stripe_event_id", event->payment.id), LOG_TEXT("type", event->payment.type),
             LOG_TEXT("outcome", outcome));
    answer(api, ticket, received_reply(request, outcome));
}

static void refuse(struct api *api, const struct request *request, void *ticket,
                   const struct err *err) {
    log_error(LOG_MSG("signed webhook refused"), LOG_TEXT("request_id", request->id),
              LOG_TEXT("error", err->text));
    received_count(api->options.metrics, &(struct payment_event){0},
                   err->code == ERR_INVALID ? "invalid" : "unavailable");
    answer(api, ticket,
           err->code == ERR_INVALID ? refusal_body(request, err)
                                    : refusal_event_unavailable(request, ERR_BUSY));
}

static void queue(struct api *api, const struct request *request, void *ticket,
                  const struct stripe_event *event) {
    struct payments_item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        answer(api, ticket, refusal_event_unavailable(request, ERR_BUSY));
        return;
    }
    item->request = request;
    item->ticket = ticket;
    item->event = event->payment;
    (void)snprintf(item->event.request_id, sizeof item->event.request_id, "%s", request->id);
    trace_adopt(request, api->options.random, item->event.traceparent);
    payments_push(&api->payments, item);
}

void handle_stripe_webhook(struct api *api, const struct request *request, const char *parameter,
                           void *ticket) {
    (void)parameter;
    struct stripe_event event;
    struct err err = {0};
    if (!is_signed(api, request, ticket)) {
        return;
    }
    if (stripe_event_parse(request->body, request->body_bytes, api->stripe_mode, &event, &err) !=
        ERR_OK) {
        refuse(api, request, ticket, &err);
        return;
    }
    note_version(api, &event);
    if (event.kind == STRIPE_EVENT_PAYMENT) {
        queue(api, request, ticket, &event);
    } else {
        pass_over(api, request, ticket, &event);
    }
}
