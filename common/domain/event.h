#pragma once
/*
 * An event: a row of the outbox and the bytes that Klaviyo gets for it.
 *
 * The body is rendered once, when the row is inserted, and sent byte for byte on every attempt:
 * Klaviyo recognizes a repeat only by the same profile, metric and unique_id
 * (facts: create_event). `unique_id` is the row's id, `time` is when it happened.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/ident.h"
#include "common/domain/preorder.h"
#include "common/err.h"

enum {
    EVENT_METRIC_BYTES = 128, /* Klaviyo: a metric's name has fewer than 128 characters */
    EVENT_METRIC_PREFIX_BYTES_MAX = EVENT_METRIC_BYTES - (int)sizeof(" Preorder Payment Failed"),
    EVENT_PAYLOAD_BYTES_MAX = 512 * 1024, /* 64 KiB of request body, each byte escaped at worst */
    REQUEST_ID_BYTES = 129,               /* ^[A-Za-z0-9._-]{1,128}$ and NUL */
    TRACEPARENT_BYTES = 56,               /* W3C Trace Context, version 00: 55 characters and NUL */
};

enum event_kind {
    EVENT_STARTED,
    EVENT_COMPLETED,
    EVENT_ABANDONED,
    EVENT_PAYMENT_FAILED,
    EVENT_KIND_COUNT
};

struct event {
    struct ident id;
    char metric[EVENT_METRIC_BYTES];
    char *payload; /* owned; the request body for Klaviyo, payload_bytes long */
    size_t payload_bytes;
    int64_t created_at_ms;
    char request_id[REQUEST_ID_BYTES];   /* of the request that caused it; "" if none */
    char traceparent[TRACEPARENT_BYTES]; /* "" if none */
};

/* "Preorder Started" and so on; never NULL. */
const char *event_metric(enum event_kind kind);

/* True if the client may not use `name` in properties, because the event itself does. */
bool event_uses_property(const char *name);

/*
 * Renders the event of `kind` for a preorder: data.type event, properties (those of the interface,
 * section 6, then the client's), metric, profile.email, time (now_ms), value in major units by the
 * currency's exponent, value_currency, unique_id, and last `backfill`, false: the body ends in
 * `"backfill":false}}}`, so that turning it true leaves every other byte alone.
 * `metric_prefix` is "" or goes before the metric with one space; UTF-8, at most
 * EVENT_METRIC_PREFIX_BYTES_MAX. `amount` is in minor units. request_id and traceparent are left
 * "". ERR_FATAL: out of memory. Release with event_release in every case.
 */
CHECKED enum err_code event_render(enum event_kind kind, const struct preorder *preorder,
                                   int64_t amount, const char *metric_prefix, int64_t now_ms,
                                   const struct random *random, struct event *event_out,
                                   struct err *err);
/* What happened, where it is more than the preorder itself. */
struct event_occasion {
    enum event_kind kind;
    int64_t happened_at_ms;                        /* `time` */
    int64_t amount;                                /* `value`, in minor units */
    const char *currency;                          /* one that currency_exponent knows */
    const char *promotions_consent, *recovery_url; /* properties; left out if NULL or "" */
};

/* As event_render. The row is made at now_ms, whenever it happened. */
CHECKED enum err_code event_render_occasion(const struct event_occasion *occasion,
                                            const struct preorder *preorder,
                                            const char *metric_prefix, int64_t now_ms,
                                            const struct random *random, struct event *event_out,
                                            struct err *err);
void event_release(struct event *event);
