#pragma once
/*
 * What holds for the Klaviyo account as a whole, for all workers on all hosts: may a request go out
 * now, how many, and if not, why and until when. Pure: the engine loads this, calls, and stores it
 * in the same transaction.
 *
 * Four things hold the account back, the strongest first.
 * - Throttled: a 429 asked for silence; nobody sends before `not_before_ms`.
 * - Paused: by the operator's fault (a slow probe lifts it that Klaviyo takes, or refuses for its event's
 *   own sake) or by a person (only a person lifts it).
 * - Breaker: ten different events in a row failed by no fault of their own. One probe at a time goes
 *   out, after pauses that double; the first that Klaviyo answers closes it.
 * - Limits: of rate (rate.h), and of requests at once. The latter is off while all is well. Failures
 *   in a row halve what was in flight when they came; it grows back by one every so often, quickly
 *   only up to half of what broke and only as long as it holds delivery below twice the pace that
 *   the minute's allowance can keep up. After the breaker it starts at two.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/ident.h"
#include "common/domain/rate.h"

enum {
    ACCOUNT_REASON_BYTES = 256,
    ACCOUNT_FAILURES_MAX = 10,      /* different events in a row that open the breaker */
    ACCOUNT_FAILURES_TO_HALVE = 3,  /* and those that halve what may be in flight */
    ACCOUNT_BREAKER_MS_MIN = 1000,  /* the first pause; each is twice the last, with jitter */
    ACCOUNT_CONCURRENCY_MIN = 2,    /* the slow start */
    ACCOUNT_CONCURRENCY_SAFE = 16,  /* grows quickly to this whatever broke */
    ACCOUNT_CONCURRENCY_MAX = 4096, /* beyond it there is no limit */
    ACCOUNT_GROW_MS = 200,
    ACCOUNT_GROW_SLOWLY_MS = 30 * 1000,
    ACCOUNT_TRY_AGAIN_MS = 10 * 60 * 1000, /* what broke it once */
    /* The longest silence that is asked for and believed (worker/verdict.h). */
    ACCOUNT_WAIT_MS_MAX = 60 * 60 * 1000,
    /* Failures tell of overload only if Klaviyo took something so shortly before. */
    ACCOUNT_ALIVE_MS = 5000,
};

enum account_reason {
    ACCOUNT_REASON_NONE = 0,
    ACCOUNT_REASON_THROTTLED,   /* a 429 */
    ACCOUNT_REASON_PAUSED,      /* by the operator's fault, or by a person */
    ACCOUNT_REASON_BREAKER,     /* too many failures in a row */
    ACCOUNT_REASON_RATE,        /* the allowance is used */
    ACCOUNT_REASON_CONCURRENCY, /* as much is in flight as Klaviyo can take */
};
/* "none", "throttled", "paused", "breaker open", "rate limit", "concurrency". */
const char *account_reason_name(enum account_reason reason);

struct account {
    int64_t not_before_ms;
    int64_t last_sent_at_ms; /* 0: nothing was ever sent */
    int64_t refused_count;   /* different events refused for good in a row, nothing sent between */
    /* The pause. */
    int64_t paused_at_ms; /* 0: not paused */
    char pause_reason[ACCOUNT_REASON_BYTES];
    bool is_paused_by_person;
    /* The breaker. */
    int64_t opened_at_ms; /* 0: closed */
    int64_t breaker_pause_ms;
    struct ident failing[ACCOUNT_FAILURES_MAX]; /* the events of the streak */
    int32_t failing_count;
    /* The probe: of the pause or of the breaker, never two at once. */
    int64_t probe_at_ms;         /* when the next one may go out */
    struct ident probe_event_id; /* the one under way; text "" if none */
    int64_t probe_token;
    int64_t probe_until_ms; /* its lease: afterwards another may go out */
    /* How long it was paused or the breaker open: the age of events stands still meanwhile. */
    int64_t held_ms, held_since_ms; /* since 0: not held now */
    /* Requests at once. */
    int64_t concurrency_max;         /* 0: no limit */
    int64_t concurrency_broke_count; /* what was in flight when it broke; 0: never */
    int64_t concurrency_grown_at_ms;
    int64_t concurrency_bound_at_ms; /* since when it has been reached all the time; 0: it is not */
};

/* What became of one claim, as far as it concerns the account. */
enum account_verdict {
    ACCOUNT_SENT,
    ACCOUNT_ANSWERED, /* Klaviyo judged the event itself: it lives, and finds no fault with the account */
    ACCOUNT_FAILED,    /* timeouts, 5xx, resets: the moment's fault */
    ACCOUNT_THROTTLES, /* 429 */
    ACCOUNT_PAUSES,    /* the operator's fault */
    ACCOUNT_SILENT,    /* our own end failed: nothing is known of Klaviyo */
    ACCOUNT_UNSENT,    /* never on the wire */
};

struct account_news {
    enum account_verdict verdict;
    const struct ident *event_id;
    int64_t token;
    int64_t started_at_ms, finished_at_ms;
    int64_t not_before_ms;    /* ACCOUNT_THROTTLES, _PAUSES: nobody sends before */
    const char *pause_reason; /* ACCOUNT_PAUSES */
};

/* The moment, the same for all calls of one transaction. */
struct account_moment {
    int64_t now_ms;
    int64_t lease_ms;
    int64_t probe_interval_ms; /* of the pause; also the longest pause of the breaker */
    uint64_t dice;             /* any number, drawn anew each time: spreads the pauses */
    const struct rate_limits *limits;
    const struct rate_use *use; /* before the news of this batch is taken from it */
};

/* For a wall clock that was set back: no time of the past lies ahead of now, and none of the future
   further ahead than it can; what does is over. Before anything else is asked of it. True: something has changed. */
bool account_set_back(struct account *account, const struct account_moment *moment);

/* One piece of news, in the order in which they finished. */
void account_note(struct account *account, const struct account_news *news,
                  const struct account_moment *moment);

/* What became of an event, whatever request it was in: it is sent, or Klaviyo refused it for good.
   True: the account has changed. */
bool account_count_sent(struct account *account);
bool account_count_refused(struct account *account);

struct account_allowance {
    int64_t count_max;
    bool is_probe;
    enum account_reason reason; /* what made it less than was asked for */
    int64_t not_before_ms; /* count_max is 0: when to ask again; INT64_MAX: only a person helps */
};

/* What may be claimed now, `use` being what is in flight after the news; at most `wanted_count`. */
struct account_allowance account_allow(const struct account *account, const struct rate_use *use,
                                       const struct account_moment *moment, int64_t wanted_count);

/* A probe was claimed. */
void account_note_probe(struct account *account, const struct ident *event_id, int64_t token,
                        const struct account_moment *moment);
/* The holder of this claim is gone: if it was the probe, none is under way. */
void account_note_vanished(struct account *account, const struct ident *event_id, int64_t token);

/* How long, in all its life, the account was held until `now_ms`. */
int64_t account_held_ms(const struct account *account, int64_t now_ms);

/* By a person; `reason` "": the account says that none was given. False: it was so already, and
   nothing has changed. */
bool account_pause(struct account *account, const char *reason, int64_t now_ms);
/* Ends any pause and forgets what was refused; an open breaker probes at once. False: neither was there. */
bool account_resume(struct account *account, int64_t now_ms);
