/*
 * GET /pre-order/{id}: how far a preorder has come, without personal data.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/handlers.h"
#include "api/refusal.h"
#include "common/domain/document_load.h"
#include "common/log.h"
#include "http/problem.h"

static json_t *time_or_null(int64_t at_ms) {
    if (at_ms == 0) {
        return json_null();
    }
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(at_ms, text);
    return json_string(text);
}

/* malloc'd JSON; NULL when out of memory. */
static char *render(const struct preorder_view *preorder, const struct event_list *events) {
    json_auto_t *list = json_array();
    for (size_t i = 0; i < events->event_count; i++) {
        const struct event_view *event = &events->events[i];
        json_t *object = json_pack("{s:s, s:s, s:o}", "metric", event->metric, "status",
                                   event->status, "sent_at", time_or_null(event->sent_at_ms));
        if (json_array_append_new(list, object) != 0) {
            return NULL;
        }
    }
    json_auto_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:O}", "id", preorder->id.text, "number",
                  preorder->number, "status", preorder->status, "color", preorder->color, "locale",
                  preorder->locale, "created_at", time_or_null(preorder->created_at_ms),
                  "updated_at", time_or_null(preorder->updated_at_ms), "events", list);
    return object == NULL ? NULL : document_dump(object, JSON_COMPACT);
}

static struct reply not_found(const struct request *request) {
    return problem_reply(request, 404, "unknown-preorder", "Unknown preorder",
                         "There is no preorder with this id.", NULL, 0);
}

static struct reply look_up(struct api *api, const struct request *request,
                            const struct ident *id) {
    struct preorder_view preorder = {0};
    struct event_list events = {0};
    struct err err = {0};
    enum err_code code = store_find_preorder(
        api->options.store, id, clock_wall_ms(api->options.clock), &preorder, &events, &err);
    char *body = code == ERR_OK ? render(&preorder, &events) : NULL;
    event_list_release(&events);
    if (code == ERR_NOT_FOUND) {
        return not_found(request);
    }
    if (body == NULL) {
        log_error(LOG_MSG("preorder not read"), LOG_TEXT("request_id", request->id),
                  LOG_TEXT("error", err.text));
        return refusal_unavailable(request, ERR_BUSY);
    }
    struct reply reply = {.status = 200,
                          .content_type = "application/json",
                          .body = body,
                          .body_bytes = strlen(body)};
    reply_add_header(&reply, "Cache-Control", "no-store");
    return reply;
}

void handle_preorder_get(struct api *api, const struct request *request, const char *parameter,
                         void *ticket) {
    struct ident id;
    struct reply reply =
        ident_parse(parameter, &id) ? look_up(api, request, &id) : not_found(request);
    api->options.on_reply(api->options.context, ticket, &reply);
}
