#pragma once
/*
 * The queue between the handlers and the commit: preorders that are valid and not yet durable.
 *
 * It lives for a turn of the loop: filled by handle_preorder_create, emptied by preorder_commit
 * in the order of arrival. A preorder whose number turns out to be taken gets another one and stays for
 * the next commit.
 */
#include "api/idempotency.h"
#include "common/domain/event.h"
#include "common/domain/preorder.h"
#include "http/message.h"

struct intake_item {
    struct intake_item *next;
    const struct request *request;
    void *ticket;
    struct preorder preorder; /* owned */
    struct event event;       /* owned */
    bool is_page;             /* the reply is one: see created.h */
    char *reply;              /* owned: the body of the 201 or 303 */
    size_t reply_bytes;
    char idempotency_key[IDEMPOTENCY_KEY_BYTES]; /* "" if none */
    uint8_t fingerprint[FINGERPRINT_BYTES];
    int32_t draw_count; /* of numbers */
    int64_t queued_mono_us;
};

struct intake {
    struct intake_item *first, **last_next; /* last_next: where the next item is hung */
    size_t count;
};

void intake_init(struct intake *intake);
void intake_release(struct intake *intake);

/* Takes over the item. */
void intake_push(struct intake *intake, struct intake_item *item);
/* The first item, handed over; NULL if there is none. */
struct intake_item *intake_pop(struct intake *intake);

void intake_item_free(struct intake_item *item); /* NULL is fine */

/* Renders the event and the reply of item->preorder (again, after a new number). ERR_FATAL: out of
   memory. */
CHECKED enum err_code intake_item_render(struct intake_item *item, const char *metric_prefix,
                                         const char *traceparent, const struct random *random,
                                         struct err *err);
