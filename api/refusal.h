#pragma once
/*
 * From an error to a reply: the one place where an error code of the checkout side becomes a
 * number of HTTP. The types are explained in docs/problems.md.
 */
#include "common/domain/preorder.h"
#include "http/problem.h"

/* 503 with Retry-After: the database could not take it, or (ERR_UNKNOWN, ERR_FATAL) may have. The
   error's text is for the log, not for the client. */
struct reply refusal_unavailable(const struct request *request, enum err_code code);

/* The same for a payment event. */
struct reply refusal_event_unavailable(const struct request *request, enum err_code code);
/* 503 with Retry-After: more requests than get done wait already. */
struct reply refusal_overloaded(const struct request *request);

/* 429 with Retry-After: the client has used up its budget and has more in `more_s` seconds. */
struct reply refusal_rate_limited(const struct request *request, int64_t more_s);

/* 400 for a body that is no preorder at all, or 422 with all faults of the draft. */
struct reply refusal_body(const struct request *request, const struct err *err);
struct reply refusal_faults(const struct request *request, const struct preorder_draft *draft);
