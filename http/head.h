#pragma once
/*
 * The head of a request, judged before anybody acts on it.
 *
 * libmicrohttpd 0.9.75 is lenient; a lenient parser behind a strict proxy (or the other way round)
 * is how requests get smuggled. What is not plainly right is refused and the connection closes.
 * Rules: RFC 9110, section 5 and 8.6; RFC 9112, sections 3.2, 6.1 and 6.3.
 */
#include "http/message.h"

struct head_limits {
    int64_t body_bytes_max;
};

/*
 * Checks framing: exactly one Host; header names are tokens; no control character in a value; at
 * most one Content-Length, digits only; no Transfer-Encoding (411 for chunked alone, else 501; with
 * a Content-Length 400); a body within the limit (413). Returns 0 if the head is fine, else the
 * status, with *name_out and *detail_out (static text) for problem_reply. Pure.
 */
int head_check(const struct request *request, const struct head_limits *limits,
               const char **name_out, const char **detail_out);

/* Of Content-Length: -1 if there is none or it is no number, INT64_MAX if it is larger. */
int64_t head_content_length(const struct request *request);

/* The client's X-Request-Id if it is well-formed: true. */
bool head_request_id_is_valid(const char *text);
