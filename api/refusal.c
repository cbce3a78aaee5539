#include "api/refusal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static struct reply unavailable(const struct request *request, const char *detail) {
    struct reply reply = problem_reply(request, 503, "database-unavailable", "Database unavailable",
                                       detail, NULL, 0);
    reply_add_header(&reply, "Retry-After", "1");
    return reply;
}

struct reply refusal_unavailable(const struct request *request, enum err_code code) {
    return unavailable(
        request, code == ERR_BUSY
                     ? "The database could not take the request in time. Nothing was stored; "
                       "repeat it after the time in Retry-After."
                     : "The preorder may or may not have been stored. Repeat the request with the "
                       "same Idempotency-Key after the time in Retry-After to find out.");
}

struct reply refusal_event_unavailable(const struct request *request, enum err_code code) {
    return unavailable(request, code == ERR_BUSY
                                    ? "The database could not take the event in time. Nothing was "
                                      "stored; send it again."
                                    : "The event may or may not have been stored. Send it again: "
                                      "an event is stored once.");
}

struct reply refusal_overloaded(const struct request *request) {
    struct reply reply = problem_reply(
        request, 503, "#temporary-reduced-capacity", "Overloaded",
        "More requests come in than can be served. Nothing was stored; repeat it after "
        "the time in Retry-After.",
        NULL, 0);
    reply_add_header(&reply, "Retry-After", "1");
    return reply;
}

struct reply refusal_rate_limited(const struct request *request, int64_t more_s) {
    char seconds[24];
    struct reply reply =
        problem_reply(request, 429, "#quota-exceeded", "Quota exceeded",
                      "There were too many requests from this address. Nothing was "
                      "stored; repeat it after the time in Retry-After.",
                      NULL, 0);
    problem_add_policy(&reply, "default");
    (void)snprintf(seconds, sizeof seconds, "%" PRId64, more_s);
    reply_add_header(&reply, "Retry-After", seconds);
    return reply;
}

struct reply refusal_body(const struct request *request, const struct err *err) {
    assert(err->code == ERR_INVALID);
    return problem_reply(request, 400, "invalid-body", "Invalid body", err->text, NULL, 0);
}

struct reply refusal_faults(const struct request *request, const struct preorder_draft *draft) {
    struct problem_field fields[PREORDER_FAULTS_MAX];
    assert(draft->fault_count > 0 && draft->fault_count <= PREORDER_FAULTS_MAX);
    for (size_t i = 0; i < draft->fault_count; i++) {
        fields[i] = (struct problem_field){draft->faults[i].pointer, draft->faults[i].detail};
    }
    return problem_reply(request, 422, "invalid-preorder", "Invalid preorder",
                         "The members in errors are wrong; nothing was stored.", fields,
                         draft->fault_count);
}
