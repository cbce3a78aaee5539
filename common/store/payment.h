#pragma once
/*
 * The part of the store that is about payments: applying what Stripe says, and what a person makes
 * of it. Everybody includes common/store.h, whose promises on threads, errors and ownership hold
 * here, too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/event.h"
#include "common/domain/ident.h"
#include "common/domain/payment.h"
#include "common/domain/preorder.h"
#include "common/err.h"

struct store;

/* How the events that payments give rise to are rendered. */
struct payment_terms {
    const char *metric_prefix; /* as event_render's */
    const struct random *random;
    int64_t now_ms;
};

struct payment_apply {
    /* in */
    const struct payment_event *event;
    /* out */
    enum payment_result result;
    bool has_event; /* the event `event_id` of `event_kind` was inserted */
    enum event_kind event_kind;
    struct ident event_id;
};

/*
 * Applies a batch of payment events in one transaction, each in full or not at all: its id is stored
 * (once), the preorder changed, and the event inserted that it owes (common/domain/payment.h
 * decides), due now or waiting behind an unfinished earlier one of its preorder. One bad row never
 * takes its neighbours down; ids that stand twice in a batch are applied once. Durable: when this
 * returns ERR_OK, Stripe may be told 200 for every one of them. On ERR_BUSY none was applied; on
 * ERR_UNKNOWN or ERR_FATAL any of them may be: answer 503, the repeat finds out. If one has an event,
 * call store_wake once the answers have left.
 */
CHECKED enum err_code store_apply_payments(struct store *store, const struct payment_terms *terms,
                                           struct payment_apply *applies, size_t apply_count,
                                           struct err *err);

/* A payment event as it is stored. */
struct payment_view {
    char id[PAYMENT_ID_BYTES]; /* Stripe's */
    char type[PAYMENT_TYPE_BYTES];
    char session_id[PAYMENT_ID_BYTES];
    char outcome[16]; /* applied, recorded, flagged; flagged once, then accepted or refunded */
    int64_t amount_subtotal; /* PAYMENT_AMOUNT_UNKNOWN: it did not say */
    int64_t amount_total;
    char currency[CURRENCY_BYTES]; /* "" if it did not say */
    int64_t created_at_ms, received_at_ms;
    struct ident event_id; /* the event that it gave rise to; text "" if none */
};
struct payment_list {
    struct payment_view *payments;
    size_t payment_count;
};
void payment_list_release(struct payment_list *list);

/* The payment events of a preorder, oldest first; none is not an error. */
CHECKED enum err_code store_list_payments(struct store *store, const struct ident *preorder_id,
                                          struct payment_list *list_out, struct err *err);

/* A person takes a flagged payment for good. */
struct acceptance {
    struct ident preorder_id;
    struct payment_terms terms;
    const char *actor;
    const char *reason; /* "" if none was given */
    bool is_refund;     /* the customer got the money back: only the flag is cleared */
    bool dry_run;       /* only say what would be done */
};
struct acceptance_report {
    char flag[PAYMENT_FLAG_BYTES]; /* what was accepted */
    enum preorder_status status_before;
    bool has_event; /* Preorder Completed was inserted: there was none before */
    struct ident event_id;
};

/*
 * Completes a preorder with a flag and clears the flag, with a line in audit_log; Preorder Completed,
 * if it was not sent to the outbox before, has the value of the payment that is accepted. If it was a
 * refund, the flagged payments count as if they had not come in, and the preorder stays as it is. All
 * in one transaction. ERR_NOT_FOUND: no such preorder. ERR_CONFLICT: it has no flag.
 */
CHECKED enum err_code store_accept_payment(struct store *store, const struct acceptance *acceptance,
                                           struct acceptance_report *report_out, struct err *err);
