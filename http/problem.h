#pragma once
/*
 * Errors as application/problem+json (RFC 9457): type, title, status, detail, request_id, and for
 * field errors `errors: [{detail, pointer}]`.
 *
 * A person whose browser posted a form gets the same as a page instead: problem_page.h.
 *
 * Every failure has one stable `type`, a path on the service itself: "/problems/NAME"; but what IANA's
 * registry of problem types names (draft-ietf-httpapi-ratelimit-headers-11) has its type from there.
 */
#include "http/problem_page.h"

/*
 * `name` is the last part of the type ("invalid-body", or "#quota-exceeded" in IANA's registry);
 * NULL means about:blank, whose title is the status phrase. `title` NULL: the status phrase.
 * `detail` is a sentence for the client's developer. Out of memory: the reply has the status and no body.
 */
struct reply problem_reply(const struct request *request, int status, const char *name,
                           const char *title, const char *detail,
                           const struct problem_field *fields, size_t field_count);

/* Adds "violated-policies": [policy] to a problem, as the type #quota-exceeded has it. What is no
   JSON (a page, no body) stays as it is. */
void problem_add_policy(struct reply *problem, const char *policy);
