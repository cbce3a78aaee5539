#pragma once
/*
 * The queue between the webhook and the commit: payment events that are right and not yet durable.
 *
 * As intake.h is for creates: it lives for a turn of the loop, is filled by handle_stripe_webhook
 * and emptied by payment_commit in the order of arrival. Stripe sends an event again until it gets
 * a 200, so none is given before the commit.
 */
#include "common/domain/payment.h"
#include "http/message.h"

struct payments_item {
    struct payments_item *next;
    const struct request *request;
    void *ticket;
    struct payment_event event;
};

struct payments {
    struct payments_item *first, **last_next; /* last_next: where the next item is hung */
    size_t count;
};

void payments_init(struct payments *payments);
void payments_release(struct payments *payments); /* queued requests are forgotten */

/* Takes over the malloc'd item. */
void payments_push(struct payments *payments, struct payments_item *item);
/* The first item, handed over; NULL if there is none. */
struct payments_item *payments_pop(struct payments *payments);
