#include "common/domain/rate.h"

#include <assert.h>

#include "common/clock.h"

enum {
    /* Two answers belong to one window if they put its end closer together than this. */
    SAME_WINDOW_MS = RATE_STEADY_MS / 2,
    /* From so much of a window on, its own pace is believed rather than the last one's. */
    PACE_MS_MIN = 2000,
    BURST_RESERVE_SHARE = 6,
    SECONDS_A_MINUTE = 60,
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t at_least_0(int64_t value) {
    return value < 0 ? 0 : value;
}

int64_t rate_slot_at(int64_t at_ms, int64_t slot_ms) {
    assert(at_ms >= 0 && slot_ms > 0);
    return (at_ms + slot_ms - 1) / slot_ms * slot_ms;
}

/* ---- Klaviyo's own count ---------------------------------------------------------------------- */

int64_t rate_cap_foreign(const struct rate_cap *cap) {
    int64_t seen_ms = cap->remaining_at_ms - cap->first_at_ms;
    if (seen_ms < PACE_MS_MIN) {
        return cap->foreign_count;
    }
    int64_t fallen_count = cap->first_count - cap->remaining_count;
    int64_t foreign_count = at_least_0(fallen_count - cap->own_count - cap->unsure_count);
    return foreign_count * RATE_STEADY_MS / seen_ms;
}

static void begin_window(struct rate_cap *cap, const struct rate_hint *hint, int64_t reset_at_ms) {
    *cap = (struct rate_cap){
        .reset_at_ms = reset_at_ms,
        .remaining_count = hint->remaining_count,
        .remaining_at_ms = hint->answered_at_ms,
        .first_count = hint->remaining_count,
        .first_at_ms = hint->answered_at_ms,
        .foreign_count = rate_cap_foreign(cap),
        .is_fresh = true,
    };
}

static bool is_of_old_time(const struct rate_cap *cap, int64_t now_ms) {
    return cap->reset_at_ms > now_ms + RATE_STEADY_MS + SAME_WINDOW_MS;
}

bool rate_cap_set_back(struct rate_cap *cap, int64_t now_ms) {
    bool is_over = is_of_old_time(cap, now_ms);
    if (is_over) {
        *cap = (struct rate_cap){0};
    }
    return is_over;
}

void rate_cap_note(struct rate_cap *cap, const struct rate_hint *hint) {
    bool is_said = hint->remaining_count >= 0 && hint->reset_s > 0 &&
                   hint->reset_s <= RATE_STEADY_MS / MS_PER_S;
    if (!is_said) {
        return;
    }
    int64_t reset_at_ms = hint->answered_at_ms + hint->reset_s * MS_PER_S;
    if (cap->reset_at_ms == 0 || reset_at_ms >= cap->reset_at_ms + SAME_WINDOW_MS) {
        begin_window(cap, hint, reset_at_ms);
        return;
    }
    if (reset_at_ms <= cap->reset_at_ms - SAME_WINDOW_MS) {
        return; /* of a window that is over */
    }
    cap->reset_at_ms = smaller(cap->reset_at_ms, reset_at_ms); /* Reset is rounded up to seconds */
    cap->own_count += hint->remaining_count < cap->first_count ? 1 : 0;
    if (hint->remaining_count < cap->remaining_count) {
        cap->remaining_count = hint->remaining_count;
        cap->remaining_at_ms = hint->answered_at_ms;
        cap->is_fresh = true;
    }
}

void rate_cap_settle(struct rate_cap *cap, int64_t in_flight_count) {
    if (cap->is_fresh) {
        cap->unsure_count = in_flight_count;
        cap->sent_count = 0;
        cap->is_fresh = false;
    }
}

int64_t rate_cap_room(const struct rate_cap *cap, int64_t now_ms) {
    if (now_ms >= cap->reset_at_ms || is_of_old_time(cap, now_ms)) {
        return INT64_MAX;
    }
    int64_t left_ms = at_least_0(cap->reset_at_ms - cap->remaining_at_ms);
    int64_t foreign_count = rate_cap_foreign(cap) * left_ms / RATE_STEADY_MS;
    return at_least_0(cap->remaining_count - cap->unsure_count - cap->sent_count - foreign_count);
}

/* ---- Our own ---------------------------------------------------------------------------------- */

static int64_t burst_count(const struct rate_limits *limits) {
    int64_t reserve_count =
        smaller(limits->burst_count / BURST_RESERVE_SHARE, limits->steady_count / SECONDS_A_MINUTE);
    return limits->burst_count - reserve_count;
}

/* When a full window may have room again. */
static int64_t frees_at(const struct rate_window *window, int64_t span_ms, int64_t now_ms) {
    int64_t at_ms = window->oldest_at_ms > 0 ? window->oldest_at_ms + span_ms : 0;
    return at_ms > now_ms ? at_ms : now_ms + RATE_LOOK_MS;
}

struct rate_room rate_room(const struct rate_limits *limits, const struct rate_use *use,
                           int64_t now_ms) {
    assert(limits->burst_count >= 1 && limits->steady_count >= 1);
    int64_t burst = at_least_0(burst_count(limits) - use->burst.used_count);
    int64_t steady = at_least_0(limits->steady_count - use->steady.used_count);
    int64_t cap = rate_cap_room(&use->cap, now_ms);
    struct rate_room room = {.count = smaller(smaller(burst, steady), cap)};
    if (steady == 0) {
        room.frees_at_ms = frees_at(&use->steady, RATE_STEADY_MS, now_ms);
    } else if (cap == 0) {
        /* What was unsure may have been in Klaviyo's count: its answer will tell. */
        bool is_unsure = use->in_flight_count > 0;
        room.frees_at_ms = is_unsure ? now_ms + RATE_LOOK_MS : use->cap.reset_at_ms;
    } else if (burst == 0) {
        room.frees_at_ms = frees_at(&use->burst, RATE_BURST_MS, now_ms);
    }
    return room;
}
