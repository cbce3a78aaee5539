#pragma once
/*
 * Klaviyo's rate limits, kept for the account as a whole: pure arithmetic, no clock, no store.
 *
 * Klaviyo's windows are fixed and start when Klaviyo likes, so no span of 1 s or 60 s, whatever its
 * phase, may hold more requests than the allowance. A request counts from its claim, which comes
 * before its sending, until one span after its answer: it reached Klaviyo somewhere between, so
 * whatever could share a window with a request sent now is counted. Answered requests are kept in
 * slots, by the time of the answer rounded up; those on the wire as a number.
 *
 * What others send with the same account is seen in RateLimit-Remaining and -Reset, which speak of
 * the longer window only.
 */
#include <stdbool.h>
#include <stdint.h>

enum rate_kind {
    RATE_EVENTS, /* single events */
    RATE_JOBS,   /* bulk jobs */
};
enum { RATE_KINDS = RATE_JOBS + 1 };

enum {
    RATE_BURST_MS = 1000,
    RATE_STEADY_MS = 60 * 1000,
    /* Slots of answered requests: a twentieth of the burst's span, a hundred-and-twentieth of the
       steady one's. Rounding a time up costs at most that share of the allowance. */
    RATE_BURST_SLOT_MS = 50,
    RATE_STEADY_SLOT_MS = 500,
    /* When only requests on the wire are in the way, nobody knows when one ends: look again so soon. */
    RATE_LOOK_MS = 20,
};

/* What Klaviyo allows for one kind of request. */
struct rate_limits {
    int64_t burst_count;  /* in a second */
    int64_t steady_count; /* in a minute */
};

/* The end of the slot that an answer at `at_ms` falls into. */
int64_t rate_slot_at(int64_t at_ms, int64_t slot_ms);

/* One span, up to now. */
struct rate_window {
    int64_t used_count;   /* answered within it, and all that is on the wire */
    int64_t oldest_at_ms; /* the oldest slot in it; 0: none */
};

/* What an answer said of the longer window. */
struct rate_hint {
    int64_t answered_at_ms;
    int64_t remaining_count;
    int64_t reset_s; /* 0: it said nothing */
};

/*
 * What is known of Klaviyo's current window of a minute. Within one window Remaining only falls, so
 * the lowest is the latest. What fell beyond our own answers was somebody else's; until the window
 * ends so much is left to them, at the pace seen so far.
 */
struct rate_cap {
    int64_t reset_at_ms; /* when the window ends; 0: nothing was ever said */
    int64_t remaining_count, remaining_at_ms;
    int64_t unsure_count;             /* on the wire at that moment: perhaps not in it yet */
    int64_t sent_count;               /* claimed since */
    int64_t first_count, first_at_ms; /* Remaining as it was first seen in this window */
    int64_t own_count;                /* our answers below that */
    int64_t foreign_count;            /* others', a minute, as seen in the window before */
    bool is_fresh;                    /* a new lowest came that rate_cap_settle has not seen yet */
};

/* For a wall clock that was set back: what was said of a window that lies further ahead than it can is
   forgotten, or no answer would be believed until its time came again. Before anything else is asked of
   it. True: something has changed. */
bool rate_cap_set_back(struct rate_cap *cap, int64_t now_ms);
/* Takes in one answer, in any order. */
void rate_cap_note(struct rate_cap *cap, const struct rate_hint *hint);
/* After all answers of a batch were noted: so many requests are on the wire now. */
void rate_cap_settle(struct rate_cap *cap, int64_t in_flight_count);
/* Requests that may still go out before the window ends; INT64_MAX: nothing is known. */
int64_t rate_cap_room(const struct rate_cap *cap, int64_t now_ms);
/* What others send a minute, as far as it can be told. */
int64_t rate_cap_foreign(const struct rate_cap *cap);

struct rate_use {
    int64_t in_flight_count; /* of all workers */
    struct rate_window burst, steady;
    struct rate_cap cap;
};

struct rate_room {
    int64_t count;
    int64_t frees_at_ms; /* count is 0: when to look again */
};

/*
 * How many requests may be claimed now. A sixth of the burst, but no more than a second's share of
 * the minute, is left to others who use the same account: no header tells of the shorter window.
 */
struct rate_room rate_room(const struct rate_limits *limits, const struct rate_use *use,
                           int64_t now_ms);
