/*
 * POST /pre-order: from the body to the queue. The commit and the 201 are in api.c.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/refusal.h"
#include "api/trace.h"
#include "common/log.h"
#include "http/media_type.h"
#include "http/page.h"
#include "http/problem.h"

static void answer(struct api *api, void *ticket, struct reply reply) {
    api->options.on_reply(api->options.context, ticket, &reply);
}

static void answer_failure(struct api *api, const struct request *request, void *ticket,
                           enum err_code code, const struct err *err) {
    if (code == ERR_INVALID) {
        answer(api, ticket, refusal_body(request, err));
        return;
    }
    log_error(LOG_MSG("preorder refused"), LOG_TEXT("request_id", request->id),
              LOG_TEXT("error", err->text));
    answer(api, ticket, refusal_unavailable(request, ERR_BUSY));
}

/* Of a form: its members. True for any other body; false if the request was answered. */
static bool take_form(struct api *api, const struct request *request, void *ticket,
                      json_t **form_out) {
    if (!media_type_is(request_header(request, "Content-Type"), FORM_TYPE)) {
        return true;
    }
    struct err err = {0};
    enum err_code code = form_parse(request->body, request->body_bytes, form_out, &err);
    if (code != ERR_OK) {
        answer_failure(api, request, ticket, code, &err);
    }
    return code == ERR_OK;
}

/* The key of the request into the item; false if the request was answered. */
static bool take_key(struct api *api, const struct request *request, void *ticket,
                     const json_t *form, struct intake_item *item) {
    struct err err = {0};
    const char *member = json_string_value(json_object_get(form, "idempotency_key"));
    if (idempotency_key(request, member, item->idempotency_key, &err) != ERR_OK) {
        answer(api, ticket,
               problem_reply(request, 400, "invalid-idempotency-key", "Invalid Idempotency-Key",
                             err.text, NULL, 0));
        return false;
    }
    if (item->idempotency_key[0] == '\0' && api->options.settings->require_idempotency_key) {
        answer(api, ticket,
               problem_reply(request, 400, "idempotency-key-required", "Idempotency-Key required",
                             "This shop takes preorders only with an Idempotency-Key.", NULL, 0));
        return false;
    }
    enum err_code code = item->idempotency_key[0] == '\0'
                             ? ERR_OK
                             : idempotency_fingerprint(request, item->fingerprint, &err);
    if (code != ERR_OK) {
        answer_failure(api, request, ticket, code, &err);
    }
    return code == ERR_OK;
}

/* A draft without faults into a preorder with its event. */
static CHECKED enum err_code complete(const struct api_options *options,
                                      const struct request *request, struct preorder_draft *draft,
                                      struct intake_item *item, struct err *err) {
    char traceparent[TRACEPARENT_BYTES];
    trace_adopt(request, options->random, traceparent);
    preorder_complete(draft, options->settings->number_prefix, clock_wall_ms(options->clock),
                      options->random, &item->preorder);
    item->is_page = page_is_wanted(request);
    return intake_item_render(item, options->settings->klaviyo_metric_prefix, traceparent,
                              options->random, err);
}

/* The body into a preorder with its event; false if the request was answered. */
static bool take_body(struct api *api, const struct request *request, void *ticket,
                      const json_t *form, struct intake_item *item) {
    const struct catalog *catalog = api->options.catalog;
    struct preorder_draft draft = {0};
    struct err err = {0};
    enum err_code code =
        form != NULL ? preorder_read(form, catalog, &draft, &err)
                     : preorder_parse(request->body, request->body_bytes, catalog, &draft, &err);
    bool has_faults = draft.fault_count > 0;
    if (code == ERR_OK && !has_faults) {
        code = complete(&api->options, request, &draft, item, &err);
    }
    if (code != ERR_OK) {
        answer_failure(api, request, ticket, code, &err);
    } else if (has_faults) {
        answer(api, ticket, refusal_faults(request, &draft));
    }
    preorder_draft_release(&draft);
    return code == ERR_OK && !has_faults;
}

void handle_preorder_create(struct api *api, const struct request *request, const char *parameter,
                            void *ticket) {
    (void)parameter;
    struct intake_item *item = calloc(1, sizeof *item);
    json_t *form = NULL;
    if (item == NULL) {
        answer(api, ticket, refusal_unavailable(request, ERR_BUSY));
        return;
    }
    item->request = request;
    item->ticket = ticket;
    if (take_form(api, request, ticket, &form) && take_key(api, request, ticket, form, item) &&
        take_body(api, request, ticket, form, item)) {
        item->queued_mono_us = clock_mono_us(api->options.clock);
        intake_push(&api->intake, item);
    } else {
        intake_item_free(item);
    }
    json_decref(form);
}
