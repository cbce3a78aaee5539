#pragma once
/*
 * Payments: what an event of Stripe's does to a preorder.
 *
 * Stripe delivers its events in any order and more than once, and a customer may open several
 * checkout sessions for one preorder (the payment link goes on working). So the rules are made to
 * come out the same whatever comes first:
 *
 *   status     completed, once a payment that matches the preorder succeeded; else cancelled, once a
 *              session expired or a delayed payment failed; else initiated. Completed is final;
 *              cancelled becomes completed when the customer pays after all.
 *   flag       set once money came in that does not match (another amount or currency), or once two
 *              sessions were paid where one was enough; its text depends on the payments, not on their order. Only a
 *              person clears it.
 *   events     Completed with the payment that completes; Abandoned with the first session that
 *              expires and Payment Failed with the first delayed payment that fails, unless money
 *              came in by then. Each at most once a preorder.
 *
 * Therefore all permutations and repeats of what Stripe documents for one session (paid at once;
 * nothing to pay; unpaid, then succeeded or failed; expired; with any failed attempts of the
 * PaymentIntent) end in the same status, flag and events. Several sessions of one preorder end in
 * the same status and flag; whether Abandoned went out depends on whether it was in time.
 *
 * Pure functions, without a clock and without the store.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/domain/currency.h"
#include "common/domain/event.h"
#include "common/domain/ident.h"
#include "common/domain/preorder.h"

enum {
    PAYMENT_ID_BYTES = 256,     /* Stripe: an id has at most 255 characters */
    PAYMENT_TYPE_BYTES = 64,    /* "checkout.session.async_payment_succeeded" and the like */
    PAYMENT_CONSENT_BYTES = 16, /* "opt_in", "opt_out" */
    PAYMENT_URL_BYTES = 2048,   /* of the recovery */
    PAYMENT_FLAG_BYTES = 256,
    PAYMENT_AMOUNT_UNKNOWN = -1, /* the event does not say */
};

enum payment_kind {
    PAYMENT_PAID,            /* checkout.session.completed, payment_status "paid" */
    PAYMENT_FREE,            /* checkout.session.completed, "no_payment_required" */
    PAYMENT_UNPAID,          /* checkout.session.completed, anything else: wait for the next two */
    PAYMENT_LATE_SUCCEEDED,  /* checkout.session.async_payment_succeeded */
    PAYMENT_LATE_FAILED,     /* checkout.session.async_payment_failed */
    PAYMENT_SESSION_EXPIRED, /* checkout.session.expired */
    PAYMENT_ATTEMPT_FAILED,  /* payment_intent.payment_failed: the session stays open */
    PAYMENT_KIND_COUNT
};

/* The kind of a Stripe event by its type and, for a session, its payment_status (NULL: none). False:
   a type that means nothing to preorders. */
bool payment_kind_find(const char *type, const char *payment_status, enum payment_kind *kind_out);

/* One event of Stripe's, as far as it matters. */
struct payment_event {
    char id[PAYMENT_ID_BYTES];     /* Stripe's: stored once */
    char type[PAYMENT_TYPE_BYTES]; /* as Stripe wrote it */
    enum payment_kind kind;
    struct ident preorder_id;          /* client_reference_id, or metadata.preorder_id */
    char session_id[PAYMENT_ID_BYTES]; /* of the object: a session, or a PaymentIntent */
    int64_t created_at_ms;             /* when it happened, by Stripe's clock */
    int64_t
        amount_subtotal;  /* minor units, before discounts and taxes; or PAYMENT_AMOUNT_UNKNOWN */
    int64_t amount_total; /* what the customer pays; or PAYMENT_AMOUNT_UNKNOWN */
    char currency[CURRENCY_BYTES];                  /* in upper case; "" if it does not say */
    char promotions_consent[PAYMENT_CONSENT_BYTES]; /* consent.promotions; "" if none */
    char recovery_url[PAYMENT_URL_BYTES];           /* after_expiration.recovery.url; "" if none */
    char request_id[REQUEST_ID_BYTES];              /* of the request that brought it */
    char traceparent[TRACEPARENT_BYTES];            /* "" if none */
};

/* What became of it. */
enum payment_result {
    PAYMENT_UNDECIDED = 0,
    PAYMENT_APPLIED,          /* changed the preorder, gave rise to an event, or both */
    PAYMENT_RECORDED,         /* known now, changes nothing */
    PAYMENT_FLAGGED,          /* the preorder waits for a person */
    PAYMENT_REPEATED,         /* its id was known before; nothing written */
    PAYMENT_UNKNOWN_PREORDER, /* no such preorder; nothing written */
    PAYMENT_REFUSED,          /* the row breaks a rule of the schema: a bug; nothing written */
    PAYMENT_RESULT_COUNT
};

/* "applied", "unknown_preorder" and so on: for metrics, logs and the table. Never NULL. */
const char *payment_result_name(enum payment_result result);

/* What is known of the preorder when the event comes in. */
struct payment_history {
    enum preorder_status status;
    int64_t amount;                   /* the preorder's, minor units */
    char currency[CURRENCY_BYTES];    /* the preorder's */
    bool had_event[EVENT_KIND_COUNT]; /* events that earlier payments gave rise to */
    bool is_session_paid;             /* money came in through the same session before */
    bool is_session_flagged;    /* the same session set a flag before, whatever became of it */
    bool is_other_session_paid; /* money came in through another session */
};

enum payment_flag {
    PAYMENT_FLAG_NONE,
    PAYMENT_FLAG_MISMATCH, /* another amount or currency than the preorder's */
    PAYMENT_FLAG_AGAIN,    /* the preorder was paid before, through another session */
};

struct payment_decision {
    enum payment_result result;  /* PAYMENT_APPLIED, PAYMENT_RECORDED or PAYMENT_FLAGGED */
    enum preorder_status status; /* from now on */
    bool has_event;              /* an event of `kind` is to be inserted */
    enum event_kind kind;
    enum payment_flag flag;
    bool is_money; /* money came in: counts for the histories of what follows */
};

struct payment_decision payment_decide(const struct payment_event *event,
                                       const struct payment_history *history);

/* Why support must look, in one line without personal data. Of the payments with a flag, give a
   mismatch if there is one, and of several that of the session whose id sorts first: so the text
   does not depend on the order in which they came. */
void payment_describe_flag(enum payment_flag flag, const struct payment_event *event,
                           const struct payment_history *history, char text[PAYMENT_FLAG_BYTES]);

/* What the event of a decision says beyond the preorder: its time, its value (Completed: what was
   paid, else the preorder's amount), consent and recovery. Borrows from `event` and `preorder`.
   `time` is never later than now_ms. */
struct event_occasion payment_occasion(enum event_kind kind, const struct payment_event *event,
                                       const struct preorder *preorder, int64_t now_ms);
