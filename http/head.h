#pragma once
/*
 * The head of a request, judged before anybody acts on it.
 *
 * libmicrohttpd 0.9.75 is lenient; a lenient parser behind a strict proxy (or the other way round)
 * is how requests get smuggled. What is not plainly right is refused and the connection closes.
 * Rules: RFC 9110, sections 5, 8.6 and 10.1.1; RFC 9112, sections 3.2, 6.1 and 6.3.
 */
#include "common/random.h"
#include "http/message.h"

struct head_limits {
    int64_t body_bytes_max;
    /* Instead, where it goes by method and path; NULL: it does not. */
    int64_t (*body_limit)(void *context, const struct request *request);
    void *context;
};

/* Why a request is not taken, as static text for problem_reply. */
struct refusal {
    int status; /* 0: it is taken */
    const char *name;
    const char *detail;
};

/*
 * Checks framing: exactly one Host; header names are tokens; no control character in a value; at
 * most one Content-Length, digits only; no Transfer-Encoding (411 for chunked alone, else 501; with
 * a Content-Length 400); a body within the limit (413); no expectation but 100-continue (417).
 * Pure, if
 * limits->body_limit is.
 */
struct refusal head_check(const struct request *request, const struct head_limits *limits);

/* Of Content-Length: -1 if there is none or it is no number, INT64_MAX if it is larger. */
int64_t head_content_length(const struct request *request);

/* RFC 9110, 5.6.2: a method or a header name. The empty text is none. */
bool head_is_token(const char *text);

/* How many of the first characters may stand in a host with its port (RFC 9110, 7.2): none that some
   other parser could read as the end of it. */
size_t head_host_length(const char *text);

/* The client's X-Request-Id if it is well-formed: true. */
bool head_request_id_is_valid(const char *text);
/* Keeps it as request->id; leaves that alone if there is none. */
void head_take_request_id(struct request *request);
/* Makes one if there is none. */
void head_make_request_id(struct request *request, const struct random *random);
