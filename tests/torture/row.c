#include "tests/torture/row.h"

#include <inttypes.h>
#include <stdio.h>

void row_make(struct row *row, uint32_t writer, uint32_t number, int64_t now_ms,
              const struct random *random) {
    /* The store changes neither. */
    static char properties[] = "{}";
    static char payload[] = "{\"data\":{\"type\":\"event\"}}";
    struct preorder *preorder = &row->preorder;
    preorder->id = ident_make(now_ms, random);
    (void)snprintf(preorder->number, sizeof preorder->number, "P%" PRIu32 "-%08" PRIu32, writer,
                   number);
    (void)snprintf(preorder->email, sizeof preorder->email, "w%" PRIu32 "-%" PRIu32 "@shop.example",
                   writer, number);
    (void)snprintf(preorder->price_id, sizeof preorder->price_id, "price_scarf");
    (void)snprintf(preorder->product, sizeof preorder->product, "Scarf");
    (void)snprintf(preorder->color, sizeof preorder->color, "red");
    (void)snprintf(preorder->locale, sizeof preorder->locale, "en");
    (void)snprintf(preorder->source, sizeof preorder->source, "torture");
    (void)snprintf(preorder->currency, sizeof preorder->currency, "USD");
    (void)snprintf(preorder->payment_url, sizeof preorder->payment_url, "https://pay.example/p");
    preorder->properties_json = properties;
    preorder->amount = 4999;
    preorder->created_at_ms = now_ms;
    struct event *event = &row->event;
    event->id = ident_make(now_ms, random);
    (void)snprintf(event->metric, sizeof event->metric, "Preorder Started");
    event->payload = payload;
    event->payload_bytes = sizeof payload - 1;
    event->created_at_ms = now_ms;
    event->request_id[0] = '\0';
    event->traceparent[0] = '\0';
    row->create = (struct create){.preorder = preorder, .event = event};
}
