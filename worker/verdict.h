#pragma once
/*
 * What a failure means: one pure function over one table (verdict.c), after Exim's rules. The table
 * is the only place that knows what a status of Klaviyo's means for an event and for the account.
 *
 * Four kinds: sent; the event's own fault (dead at once); the moment's fault (retry, or for 429 the
 * whole account waits); the operator's fault, and whatever nobody foresaw (the account is paused and
 * probed, no event loses an attempt). Whatever becomes of a probe, its event pays nothing for it: it
 * was not its turn, and what the account suffers from may be what failed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/random.h"
#include "common/store.h"
#include "worker/answer.h"
#include "worker/transport.h"

enum {
    VERDICT_REASON_BYTES = 256,
    /* So many different events refused with 400 in a row, nothing sent between: not ten bad events
       but one bad deploy. The tenth is not buried. */
    VERDICT_REFUSED_STREAK_MAX = 10,
    /* Klaviyo's longest window: after a 429 that does not say how long, it is over by then. */
    VERDICT_WINDOW_MS = 60 * 1000,
    /* The least wait after a 429: "0 seconds" has been seen, and asking again at once refuses anew. */
    VERDICT_THROTTLE_MS_MIN = 1000,
    /* The longest Retry-After that is believed. Klaviyo's longest window is a minute; what asks for
       more than an hour is broken and counts as if it had not been said, so that one broken answer
       cannot stop the account for days. Whatever is believed is kept in full. */
    VERDICT_ASKED_MS_MAX = ACCOUNT_WAIT_MS_MAX,
};

struct verdict_policy {
    int64_t retry_base_ms, retry_max_ms;
    int64_t retry_attempts_max;
    int64_t retry_age_max_ms;
    int64_t probe_interval_ms; /* while the account is paused */
};

/* What is known about the event and the moment. */
struct verdict_context {
    int32_t attempts;            /* this one included */
    int64_t first_attempt_at_ms; /* 0: this is the first */
    int64_t held_ms;             /* of that age, how long the account was held: it does not count */
    bool is_probe;               /* a failure of the moment burns nothing and buries nobody */
    bool is_pause_probe;         /* of a pause: neither does the event's own fault */
    int32_t refused_streak;      /* different events refused with 400 in a row before this one */
    int64_t now_ms;
};

struct verdict {
    enum outcome outcome; /* OUTCOME_SENT, _RETRY, _THROTTLED, _PAUSED, _DEAD */
    bool is_burnt;
    bool is_unsure;                          /* Klaviyo may have taken it without our knowing */
    bool is_refused;                         /* a 400: counts in the streak */
    bool is_failure;                         /* the moment's fault: counts towards the breaker */
    int64_t next_attempt_at_ms;              /* 0: never (sent, dead) */
    int64_t account_not_before_ms;           /* 0: the account goes on */
    char pause_reason[VERDICT_REASON_BYTES]; /* "" unless paused */
    char error[EVENT_ERROR_BYTES];           /* "" if sent; one line, addresses masked */
};

/* The verdict on one attempt. `words` are what answer_read found in the answer's body. */
void verdict_judge(const struct verdict_policy *policy, const struct transport_answer *answer,
                   const struct answer *words, const struct verdict_context *context,
                   const struct random *random, struct verdict *verdict_out);

/*
 * The verdict on an event that may not be sent again, because workers died over it until its attempts
 * were used up. False: it may be sent.
 */
bool verdict_is_used_up(const struct verdict_policy *policy, const struct verdict_context *context,
                        struct verdict *verdict_out);
