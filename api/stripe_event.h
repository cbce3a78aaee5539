#pragma once
/*
 * From the body of a webhook, signature found right, to what it means to preorders.
 *
 * Read with the care that a stranger's body gets all the same: nesting is bounded, a member that
 * stands twice is refused. A signature says who sent it, not that it means what we think; and of two
 * amounts in one event none may be guessed to be the right one. Members that are not used are not
 * looked at, so Stripe may add what it likes.
 *
 * Fields as of STRIPE_API_VERSION (docs.stripe.com/api/events, docs.stripe.com/api/checkout/sessions).
 * What merely goes along with an event (consent, recovery URL) never stops a payment: too long or of
 * another type, it counts as not given.
 */
#include <stddef.h>

#include "api/stripe_mode.h"
#include "common/domain/payment.h"
#include "common/err.h"

#define STRIPE_API_VERSION "2026-10-28.endive" /* the one of the official SDK in the tests */

enum {
    STRIPE_DEPTH_MAX = 32, /* of nesting; Stripe's own events have about 8 */
    STRIPE_API_VERSION_BYTES = 64,
};

enum stripe_event_kind {
    STRIPE_EVENT_PAYMENT,    /* `payment` is complete but for request_id and traceparent */
    STRIPE_EVENT_THIN,       /* not an event of the classic kind, but "v2.core.event" or the like */
    STRIPE_EVENT_OTHER_TYPE, /* means nothing to preorders */
    STRIPE_EVENT_OTHER_MODE, /* of test mode in a live shop, or the other way round */
    STRIPE_EVENT_NO_PREORDER, /* names no preorder: a payment for something else */
};

struct stripe_event {
    enum stripe_event_kind kind;
    char api_version[STRIPE_API_VERSION_BYTES]; /* "" if it does not say */
    struct payment_event payment; /* its id and type also if it is no payment, cut if too long */
};

/*
 * ERR_INVALID: not JSON, not an object, or an event for us whose members are not what Stripe
 * documents; the text says what, and repeats nothing of the body. Stripe tries again for three days
 * then, and shows the failure to its operator: time to mend this program. ERR_FATAL: out of memory.
 */
CHECKED enum err_code stripe_event_parse(const char *body, size_t body_bytes, enum stripe_mode mode,
                                         struct stripe_event *event_out, struct err *err);

/* "payment", "thin", "other_type", "other_mode", "unknown_preorder": for counters and logs. */
const char *stripe_event_kind_name(enum stripe_event_kind kind);
