/*
 * POST /pre-order: from the body to the queue. The commit and the 201 are in api.c.
 */
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/handlers.h"
#include "api/refusal.h"
#include "api/trace.h"
#include "common/log.h"
#include "http/problem.h"

static void answer(struct api *api, void *ticket, struct reply reply) {
    api->options.on_reply(api->options.context, ticket, &reply);
}

/* The key of the request into the item; false if the request was answered. */
static bool take_key(struct api *api, const struct request *request, void *ticket,
                     struct intake_item *item) {
    struct err err = {0};
    if (idempotency_key(request, item->idempotency_key, &err) != ERR_OK) {
        answer(api, ticket,
               problem_reply(request, 400, "invalid-idempotency-key", "Invalid Idempotency-Key",
                             err.text, NULL, 0));
        return false;
    }
    if (item->idempotency_key[0] == '\0' && api->options.settings->require_idempotency_key) {
        answer(api, ticket,
               problem_reply(request, 400, "idempotency-key-required", "Idempotency-Key required",
                             "This shop takes preorders only with an Idempotency-Key header.", NULL,
                             0));
        return false;
    }
    if (item->idempotency_key[0] != '\0') {
        idempotency_fingerprint(request, item->fingerprint);
    }
    return true;
}

/* The body into a preorder with its event; false if the request was answered. */
static bool take_body(struct api *api, const struct request *request, void *ticket,
                      struct intake_item *item) {
    const struct api_options *options = &api->options;
    struct preorder_draft draft = {0};
    struct err err = {0};
    enum err_code code =
        preorder_parse(request->body, request->body_bytes, options->catalog, &draft, &err);
    if (code == ERR_OK && draft.fault_count == 0) {
        char traceparent[TRACEPARENT_BYTES];
        trace_adopt(request, options->random, traceparent);
        preorder_complete(&draft, options->settings->number_prefix, clock_wall_ms(options->clock),
                          options->random, &item->preorder);
        code = intake_item_render(item, options->settings->klaviyo_metric_prefix, traceparent,
                                  options->random, &err);
    }
    bool is_valid = code == ERR_OK && draft.fault_count == 0;
    if (code == ERR_OK && !is_valid) {
        answer(api, ticket, refusal_faults(request, &draft));
    } else if (code == ERR_INVALID) {
        answer(api, ticket, refusal_body(request, &err));
    } else if (code != ERR_OK) {
        log_error(LOG_MSG("preorder refused"), LOG_TEXT("request_id", request->id),
                  LOG_TEXT("error", err.text));
        answer(api, ticket, refusal_unavailable(request, ERR_BUSY));
    }
    preorder_draft_release(&draft);
    return is_valid;
}

void handle_preorder_create(struct api *api, const struct request *request, const char *parameter,
                            void *ticket) {
    (void)parameter;
    struct intake_item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        answer(api, ticket, refusal_unavailable(request, ERR_BUSY));
        return;
    }
    item->request = request;
    item->ticket = ticket;
    if (take_key(api, request, ticket, item) && take_body(api, request, ticket, item)) {
        intake_push(&api->intake, item);
    } else {
        intake_item_free(item);
    }
}
