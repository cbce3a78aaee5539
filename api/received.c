#include "api/received.h"

#include <stdio.h>

#include "api/metrics.h"
#include "api/refusal.h"

void received_count(struct metrics *metrics, const struct payment_event *event,
                    const char *outcome) {
    enum payment_kind kind;
    bool is_ours = payment_kind_find(event->type, NULL, &kind);
    metrics_add(metrics, API_PAYMENT_EVENTS,
                METRIC_LABELS(is_ours ? event->type : "other", outcome), 1);
}

struct reply received_reply(const struct request *request, const char *outcome) {
    char text[128];
    (void)snprintf(text, sizeof text, "{\"received\":true,\"outcome\":\"%s\"}", outcome);
    struct reply reply = reply_text(200, "application/json", text);
    if (reply.body == NULL) {
        return refusal_event_unavailable(request, ERR_UNKNOWN);
    }
    reply_add_header(&reply, "Cache-Control", "no-store");
    return reply;
}
