/*
 * GET /openapi.json: the description of what is served here.
 */
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/handlers.h"
#include "api/openapi.h"
#include "api/refusal.h"

/* If-None-Match is a list of tags, weak or not, or "*". */
static bool is_known(const struct request *request) {
    const char *tags = request_header(request, "If-None-Match");
    return tags != NULL && (strcmp(tags, "*") == 0 || strstr(tags, openapi_etag) != NULL);
}

static struct reply describe(const struct request *request) {
    struct reply reply = {.status = 304};
    if (!is_known(request)) {
        reply = reply_text(200, "application/json", openapi_text);
        if (reply.body == NULL) {
            return refusal_unavailable(request, ERR_BUSY);
        }
    }
    reply_add_header(&reply, "ETag", openapi_etag);
    /* Short: it changes only with the program, but nobody wants the old one after an update. */
    reply_add_header(&reply, "Cache-Control", "public, max-age=300");
    return reply;
}

void handle_openapi_get(struct api *api, const struct request *request, const char *parameter,
                        void *ticket) {
    (void)parameter;
    struct reply reply = describe(request);
    api->options.on_reply(api->options.context, ticket, &reply);
}
