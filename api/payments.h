#pragma once
/*
 * The queue between the webhook and the commit: payment events that are right and not yet durable.
 *
 * As intake.h is for creates: it lives for a turn of the loop, is filled by handle_stripe_webhook
 * and emptied by payments_commit in the order of arrival. Stripe sends an event again until it gets
 * a 200, so none is given before the commit.
 */
#include "api/api.h"
#include "common/domain/payment.h"

enum { PAYMENTS_BATCH_MAX = 64 }; /* in one transaction; a create may wait behind it */

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

/*
 * Applies up to PAYMENTS_BATCH_MAX queued events in one transaction and answers them: 200 with what
 * became of each, 503 if the database could not take them. Any error but ERR_OK: those that are
 * still queued have waited as long.
 */
CHECKED enum err_code payments_commit(struct api *api, struct err *err);

/* Answers everything queued with 503. */
void payments_refuse(struct api *api);

/* Counts an event by its type, as far as it is one of those for us ("other" if not), and by what
   became of it. */
void payments_count(struct api *api, const struct payment_event *event, const char *outcome);

/* 200: Stripe need not send it again. `outcome` is a word of ours. */
struct reply payments_received(const struct request *request, const char *outcome);
