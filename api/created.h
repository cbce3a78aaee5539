#pragma once
/*
 * The answer to a create that succeeded, now or long ago: 201 with JSON for a program, 303 with a
 * page for a browser that posted a form. What is kept for repeats is the body; the rest follows
 * from it.
 */
#include "common/domain/preorder.h"
#include "http/message.h"

/* The page: the number and the way to the payment. malloc'd; NULL when out of memory. */
CHECKED char *created_render_page(const struct preorder *preorder, size_t *length_out);

/* Both take over the body. */
struct reply created_reply(const struct ident *id, char *body, size_t body_bytes);
/* Takes over `payment_url` too; NULL: there is no Location, but the page has a link. */
struct reply created_reply_page(char *payment_url, char *body, size_t body_bytes);
