#pragma once
/*
 * Stripe's side of a story: an event about a preorder's checkout session, signed.
 */
#include "common/domain/ident.h"
#include "http/message.h"

#define TILL_SECRET "whsec_torture"

enum till_event { TILL_PAID, TILL_EXPIRED, TILL_EVENTS };

struct till_call {
    char body[1024];
    char signature[128];
    struct header headers[2];
    struct request request;
};

/* `number` makes the ids of event and session; the same one is the same event. */
void till_make(struct till_call *call, enum till_event event, int number,
               const struct ident *preorder_id, int64_t now_ms);
