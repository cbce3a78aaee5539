#include "common/domain/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/domain/document.h"

struct event_type {
    const char *metric;
    const char *marketing_stage;
};

static const struct event_type TYPES[] = {
    [EVENT_STARTED] = {"Preorder Started", "preorder_intention"},
    [EVENT_COMPLETED] = {"Preorder Completed", "payment_completed"},
    [EVENT_ABANDONED] = {"Preorder Abandoned", "abandoned_cart"},
    [EVENT_PAYMENT_FAILED] = {"Preorder Payment Failed", "payment_failed"},
};

/* Of any kind of event: a name stays refused when another kind uses it. */
static const char *const PROPERTIES[] = {
    "preorder_id",        "preorder_number", "product", "color",
    "price_id",           "locale",          "source",  "marketing_stage",
    "promotions_consent", "recovery_url",
};

const char *event_metric(enum event_kind kind) {
    return TYPES[kind].metric;
}

bool event_uses_property(const char *name) {
    for (size_t i = 0; i < sizeof(PROPERTIES) / sizeof(PROPERTIES[0]); i++) {
        if (strcmp(name, PROPERTIES[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void write_metric(enum event_kind kind, const char *prefix,
                         char metric[EVENT_METRIC_BYTES]) {
    assert(strlen(prefix) <= EVENT_METRIC_PREFIX_BYTES_MAX);
    int length = snprintf(metric, EVENT_METRIC_BYTES, "%s%s%s", prefix,
                          prefix[0] == '\0' ? "" : " ", TYPES[kind].metric);
    assert(length > 0 && length < EVENT_METRIC_BYTES);
}

static void append_member(struct buf *buf, const char *start, const char *value) {
    buf_append_text(buf, start);
    document_append_text(buf, value);
}

static void append_given(struct buf *buf, const char *start, const char *value) {
    if (value != NULL && value[0] != '\0') {
        append_member(buf, start, value);
    }
}

/* The event's own, then the client's: the inside of the object's text, as it was rendered when the
   preorder was read, so that its numbers are not read again. */
static void append_properties(struct buf *buf, const struct preorder *preorder,
                              const struct event_occasion *occasion) {
    const char *client = preorder->properties_json;
    size_t client_bytes = strlen(client);
    assert(client_bytes >= 2 && client[0] == '{' && client[client_bytes - 1] == '}');
    append_member(buf, "{\"preorder_id\":", preorder->id.text);
    append_member(buf, ",\"preorder_number\":", preorder->number);
    append_member(buf, ",\"product\":", preorder->product);
    append_member(buf, ",\"color\":", preorder->color);
    append_member(buf, ",\"price_id\":", preorder->price_id);
    append_member(buf, ",\"locale\":", preorder->locale);
    append_member(buf, ",\"source\":", preorder->source);
    append_member(buf, ",\"marketing_stage\":", TYPES[occasion->kind].marketing_stage);
    append_given(buf, ",\"promotions_consent\":", occasion->promotions_consent);
    append_given(buf, ",\"recovery_url\":", occasion->recovery_url);
    if (client_bytes > 2) {
        buf_append_text(buf, ",");
    }
    buf_append(buf, client + 1, client_bytes - 1);
}

static void append_value(struct buf *buf, int64_t amount, const char *currency) {
    char value[CURRENCY_AMOUNT_BYTES];
    currency_format_major(amount, currency, value);
    buf_append_text(buf, ",\"value\":");
    buf_append_text(buf, value);
    append_member(buf, ",\"value_currency\":", currency);
}

enum err_code event_render(enum event_kind kind, const struct preorder *preorder, int64_t amount,
                           const char *metric_prefix, int64_t now_ms, const struct random *random,
                           struct event *event_out, struct err *err) {
    struct event_occasion occasion = {
        .kind = kind, .happened_at_ms = now_ms, .amount = amount, .currency = preorder->currency};
    return event_render_occasion(&occasion, preorder, metric_prefix, now_ms, random, event_out,
                                 err);
}

enum err_code event_render_occasion(const struct event_occasion *occasion,
                                    const struct preorder *preorder, const char *metric_prefix,
                                    int64_t now_ms, const struct random *random,
                                    struct event *event_out, struct err *err) {
    *event_out = (struct event){.id = ident_make(now_ms, random), .created_at_ms = now_ms};
    write_metric(occasion->kind, metric_prefix, event_out->metric);
    char time[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(occasion->happened_at_ms, time);
    struct buf buf;
    buf_init(&buf, EVENT_PAYLOAD_BYTES_MAX);
    buf_append_text(&buf, "{\"data\":{\"type\":\"event\",\"attributes\":{\"properties\":");
    append_properties(&buf, preorder, occasion);
    append_member(&buf, ",\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":{\"name\":",
                  event_out->metric);
    append_member(&buf,
                  "}}},\"profile\":{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":",
                  preorder->email);
    append_member(&buf, "}}},\"time\":", time);
    append_value(&buf, occasion->amount, occasion->currency);
    append_member(&buf, ",\"unique_id\":", event_out->id.text);
    buf_append_text(&buf, ",\"backfill\":false}}}");
    event_out->payload = buf_take(&buf, &event_out->payload_bytes);
    if (event_out->payload == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while rendering an event");
    }
    return ERR_OK;
}

void event_release(struct event *event) {
    free(event->payload);
    event->payload = NULL;
    event->payload_bytes = 0;
}
