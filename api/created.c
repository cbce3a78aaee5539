#include "api/created.h"

#include <stdio.h>

#include "http/page.h"

char *created_render_page(const struct preorder *preorder, size_t *length_out) {
    struct buf buf;
    buf_init(&buf, PAGE_BYTES_MAX);
    page_begin(&buf, "Your preorder is placed");
    buf_append_text(&buf, "<p>Its number is <strong>");
    page_append_text(&buf, preorder->number);
    buf_append_text(&buf, "</strong>.</p>\n<p><a href=\"");
    page_append_text(&buf, preorder->payment_url);
    buf_append_text(&buf, "\">Go on to the payment</a></p>\n");
    page_end(&buf);
    char *page = buf_take(&buf, length_out);
    buf_release(&buf);
    return page;
}

struct reply created_reply(const struct ident *id, char *body, size_t body_bytes) {
    struct reply reply = {
        .status = 201, .content_type = "application/json", .body = body, .body_bytes = body_bytes};
    char location[sizeof "/pre-order/" + IDENT_BYTES];
    (void)snprintf(location, sizeof location, "/pre-order/%s", id->text);
    reply_add_header(&reply, "Location", location);
    reply_add_header(&reply, "Cache-Control", "no-store");
    return reply;
}

struct reply created_reply_page(char *payment_url, char *body, size_t body_bytes) {
    struct reply reply = page_reply(303, body, body_bytes);
    reply.location = payment_url;
    return reply;
}
