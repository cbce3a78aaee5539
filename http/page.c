#include "http/page.h"

#include <string.h>

#include "common/utf8.h"
#include "http/accept.h"
#include "http/media_type.h"

/* The hash in POLICY is of exactly this text. */
#define STYLE                                                                                      \
    ":root{color-scheme:light dark}"                                                               \
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem}"

static const char POLICY[] =
    "default-src 'none'; style-src 'sha256-P8pjUOGGgZ/cCPp1JRFzeefaZQYyE+8qC6RAevcBhhg='; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool page_is_wanted(const struct request *request) {
    /* HTML, "enctype". */
    static const char *const forms[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain"};
    const char *type = request_header(request, "Content-Type");
    bool is_form = false;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        is_form = is_form || media_type_is(type, forms[i]);
    }
    return is_form && accept_prefers_html(request);
}

static const char *escape_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Control characters, noncharacters, and what turns the direction of writing for all that follows. */
static bool is_unfit(uint32_t c) {
    bool is_control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c <= 0x9f);
    bool is_noncharacter = (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
    bool forces_direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return is_control || is_noncharacter || forces_direction;
}

void page_append_bytes(struct buf *buf, const char *text, size_t byte_count) {
    size_t length;
    for (size_t i = 0; i < byte_count; i += length) {
        uint32_t c;
        length = utf8_decode(text + i, byte_count - i, &c);
        if (length == 0 || is_unfit(c)) {
            buf_append_text(buf, "\xef\xbf\xbd");
            length = length == 0 ? 1 : length;
            continue;
        }
        const char *escape = escape_of(text[i]);
        if (escape != NULL) {
            buf_append_text(buf, escape);
        } else {
            buf_append(buf, text + i, length);
        }
    }
}

void page_append_text(struct buf *buf, const char *text) {
    page_append_bytes(buf, text, strlen(text));
}

void page_begin(struct buf *buf, const char *title) {
    buf_append_text(buf, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    page_append_text(buf, title);
    buf_append_text(buf, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n<h1>");
    page_append_text(buf, title);
    buf_append_text(buf, "</h1>\n");
}

void page_end(struct buf *buf) {
    buf_append_text(buf, "</main>\n</body>\n</html>\n");
}

struct reply page_reply(int status, char *body, size_t body_bytes) {
    struct reply reply = {.status = status};
    if (body != NULL) {
        reply.content_type = "text/html; charset=utf-8";
        reply.body = body;
        reply.body_bytes = body_bytes;
    }
    reply_add_header(&reply, "Cache-Control", "no-store");
    reply_add_header(&reply, "Content-Security-Policy", POLICY);
    reply_add_header(&reply, "X-Content-Type-Options", "nosniff");
    return reply;
}
