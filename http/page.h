#pragma once
/*
 * Answers as HTML, for people whose browser posted a form: no script, nothing loaded, light or dark
 * as the person has it, and every text escaped.
 *
 * A page is written into a buf: page_begin, texts and tags, page_end; page_reply takes its bytes.
 */
#include "common/buf.h"
#include "http/message.h"

enum { PAGE_BYTES_MAX = 256 * 1024 }; /* 64 faults with the longest pointers, all escaped, fit */

/* A form was posted (one of the three types that HTML's forms have) by a client that prefers HTML:
   the head is enough to tell. */
bool page_is_wanted(const struct request *request);

/* Up to and with the heading; `title` is text. */
void page_begin(struct buf *buf, const char *title);
/* Escapes what HTML gives a meaning to: for text, and for attributes in double quotes. What is no
   UTF-8, control characters but line ends and tabs, noncharacters, and what forces a direction of
   writing become U+FFFD. */
void page_append_text(struct buf *buf, const char *text);
/* The same for bytes, among which may be NUL. */
void page_append_bytes(struct buf *buf, const char *text, size_t byte_count);
void page_end(struct buf *buf);

/* Takes over a page's bytes; NULL: no body. With Cache-Control: no-store, a
   Content-Security-Policy that lets nothing run or load, and X-Content-Type-Options. */
struct reply page_reply(int status, char *body, size_t body_bytes);
