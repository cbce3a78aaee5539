#pragma once
/*
 * Klaviyo's rate limits: for each kind of request a fixed window of 1 s (burst) and one of 60 s
 * (steady). Both must have room.
 *
 * A window opens with the first request that finds none open, and ends one span later whatever
 * happens in between, so a client that cannot see the window must not assume where it lies. A
 * refused request takes nothing from either window.
 *
 * Time is handed in (monotonic ms); nothing here looks at a clock.
 */
#include <stdbool.h>
#include <stdint.h>

#include "sandbox/endpoint.h"

enum { WINDOWS_BURST_MS = 1000, WINDOWS_STEADY_MS = 60 * 1000 };

struct window {
    int64_t limit_count;
    int64_t used_count;
    int64_t ends_at_ms; /* 0: none was ever open */
};

struct windows {
    struct window burst[ENDPOINT_COUNT];
    struct window steady[ENDPOINT_COUNT];
};

/*
 * `burst_count` and `steady_count` are the limits of single events. The other kinds keep their
 * ratio to it: with Klaviyo's own numbers (350, 3500) they have Klaviyo's own limits; never less
 * than 1.
 */
void windows_init(struct windows *windows, int64_t burst_count, int64_t steady_count);

struct windows_place {
    bool is_throttled;
    int64_t retry_after_s; /* throttled: until both windows have room; at least 1 */
    int64_t limit_count, remaining_count, reset_s; /* of the steady window, this request counted */
};

/* Takes a place for one request, or says how long to wait. */
struct windows_place windows_take(struct windows *windows, enum endpoint endpoint, int64_t now_ms);
