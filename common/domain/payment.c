#include "common/domain/payment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FLAG_SESSION_CHARS_MAX = 100 };

struct kind_name {
    const char *type;
    const char *payment_status; /* NULL: whatever it is */
    enum payment_kind kind;
};

/* The first row that fits. */
static const struct kind_name KINDS[] = {
    {"checkout.session.completed", "paid", PAYMENT_PAID},
    {"checkout.session.completed", "no_payment_required", PAYMENT_FREE},
    {"checkout.session.completed", NULL, PAYMENT_UNPAID},
    {"checkout.session.async_payment_succeeded", NULL, PAYMENT_LATE_SUCCEEDED},
    {"checkout.session.async_payment_failed", NULL, PAYMENT_LATE_FAILED},
    {"checkout.session.expired", NULL, PAYMENT_SESSION_EXPIRED},
    {"payment_intent.payment_failed", NULL, PAYMENT_ATTEMPT_FAILED},
};

bool payment_kind_find(const char *type, const char *payment_status, enum payment_kind *kind_out) {
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const char *wanted = KINDS[i].payment_status;
        bool fits =
            wanted == NULL || (payment_status != NULL && strcmp(payment_status, wanted) == 0);
        if (fits && strcmp(type, KINDS[i].type) == 0) {
            *kind_out = KINDS[i].kind;
            return true;
        }
    }
    return false;
}

static const char *const RESULTS[PAYMENT_RESULT_COUNT] = {
    [PAYMENT_UNDECIDED] = "undecided", [PAYMENT_APPLIED] = "applied",
    [PAYMENT_RECORDED] = "recorded",   [PAYMENT_FLAGGED] = "flagged",
    [PAYMENT_REPEATED] = "repeated",   [PAYMENT_UNKNOWN_PREORDER] = "unknown_preorder",
    [PAYMENT_REFUSED] = "refused",
};

const char *payment_result_name(enum payment_result result) {
    return RESULTS[result];
}

/* The subtotal, since discounts and taxes are between the customer and the shop. */
static bool matches(const struct payment_event *event, const struct payment_history *history) {
    return event->amount_subtotal == history->amount &&
           strcmp(event->currency, history->currency) == 0;
}

static struct payment_decision leave(const struct payment_history *history, bool is_money) {
    return (struct payment_decision){
        .result = PAYMENT_RECORDED, .status = history->status, .is_money = is_money};
}

/* Whoever paid, rightly or not, is not told that something was left undone. */
static struct payment_decision give_up(enum event_kind kind,
                                       const struct payment_history *history) {
    struct payment_decision decision = leave(history, false);
    if (history->status == PREORDER_COMPLETED) {
        return decision;
    }
    bool is_paid = history->is_session_paid || history->is_other_session_paid;
    decision.status = PREORDER_CANCELLED;
    decision.has_event = !is_paid && !history->had_event[kind];
    decision.kind = kind;
    if (decision.has_event || history->status != PREORDER_CANCELLED) {
        decision.result = PAYMENT_APPLIED;
    }
    return decision;
}

static struct payment_decision complete(const struct payment_history *history, bool is_money) {
    struct payment_decision decision = leave(history, is_money);
    if (history->status != PREORDER_COMPLETED) {
        decision.result = PAYMENT_APPLIED;
        decision.status = PREORDER_COMPLETED;
        decision.has_event = !history->had_event[EVENT_COMPLETED];
        decision.kind = EVENT_COMPLETED;
    }
    return decision;
}

static struct payment_decision flag_it(const struct payment_history *history,
                                       enum payment_flag flag) {
    struct payment_decision decision = leave(history, true);
    decision.result = PAYMENT_FLAGGED;
    decision.flag = flag;
    return decision;
}

static struct payment_decision take_money(const struct payment_event *event,
                                          const struct payment_history *history) {
    bool is_match = matches(event, history);
    if (history->is_session_flagged && (!is_match || history->status == PREORDER_COMPLETED)) {
        return leave(history, history->is_session_paid); /* a copy of what a person sees already */
    }
    if (!is_match) {
        return flag_it(history, PAYMENT_FLAG_MISMATCH);
    }
    if (history->status == PREORDER_COMPLETED && history->is_other_session_paid &&
        !history->is_session_paid) {
        return flag_it(history, PAYMENT_FLAG_AGAIN);
    }
    return complete(history, true);
}

struct payment_decision payment_decide(const struct payment_event *event,
                                       const struct payment_history *history) {
    switch (event->kind) {
    case PAYMENT_PAID:
    case PAYMENT_LATE_SUCCEEDED:
        return take_money(event, history);
    case PAYMENT_FREE:
        return complete(history, false);
    case PAYMENT_LATE_FAILED:
        return give_up(EVENT_PAYMENT_FAILED, history);
    case PAYMENT_SESSION_EXPIRED:
        return give_up(EVENT_ABANDONED, history);
    case PAYMENT_UNPAID:
    case PAYMENT_ATTEMPT_FAILED:
    case PAYMENT_KIND_COUNT:
        break;
    }
    assert(event->kind != PAYMENT_KIND_COUNT);
    return leave(history, false);
}

/* What is not known, or not a currency, is shown as Stripe gave it. */
static void write_amount(int64_t amount, const char *currency, char *text, size_t text_bytes) {
    char major[CURRENCY_AMOUNT_BYTES];
    if (amount == PAYMENT_AMOUNT_UNKNOWN) {
        (void)snprintf(text, text_bytes, "an unknown amount");
    } else if (currency_exponent(currency) < 0) {
        (void)snprintf(text, text_bytes, "%" PRId64 " minor units of '%s'", amount, currency);
    } else {
        currency_format_major(amount, currency, major);
        (void)snprintf(text, text_bytes, "%s %s", major, currency);
    }
}

void payment_describe_flag(enum payment_flag flag, const struct payment_event *event,
                           const struct payment_history *history, char text[PAYMENT_FLAG_BYTES]) {
    assert(flag != PAYMENT_FLAG_NONE);
    if (flag == PAYMENT_FLAG_AGAIN) {
        (void)snprintf(text, PAYMENT_FLAG_BYTES,
                       "paid more than once, through several checkout sessions");
        return;
    }
    char paid[CURRENCY_AMOUNT_BYTES + 32], asked[CURRENCY_AMOUNT_BYTES + 32];
    write_amount(event->amount_subtotal, event->currency, paid, sizeof paid);
    write_amount(history->amount, history->currency, asked, sizeof asked);
    int length = snprintf(text, PAYMENT_FLAG_BYTES, "paid for %s where %s was asked, session %.*s",
                          paid, asked, FLAG_SESSION_CHARS_MAX, event->session_id);
    assert(length > 0 && length < PAYMENT_FLAG_BYTES);
}

/* An amount that Klaviyo can be told is one of a known currency. */
static void take_paid(const struct payment_event *event, struct event_occasion *occasion) {
    if (event->kind == PAYMENT_FREE) {
        occasion->amount = 0;
    } else if (event->amount_total != PAYMENT_AMOUNT_UNKNOWN &&
               currency_exponent(event->currency) >= 0) {
        occasion->amount = event->amount_total;
        occasion->currency = event->currency;
    }
}

struct event_occasion payment_occasion(enum event_kind kind, const struct payment_event *event,
                                       const struct preorder *preorder, int64_t now_ms) {
    bool is_dated = event->created_at_ms > 0 && event->created_at_ms < now_ms;
    struct event_occasion occasion = {
        .kind = kind,
        .happened_at_ms = is_dated ? event->created_at_ms : now_ms,
        .amount = preorder->amount,
        .currency = preorder->currency,
    };
    if (kind == EVENT_COMPLETED) {
        take_paid(event, &occasion);
    } else if (kind == EVENT_ABANDONED) {
        occasion.promotions_consent = event->promotions_consent;
        occasion.recovery_url = event->recovery_url;
    }
    return occasion;
}
