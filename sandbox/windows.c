#include "sandbox/windows.h"

#include <assert.h>

#include "common/clock.h"

static int64_t seconds_rounded_up(int64_t ms) {
    return (ms + MS_PER_S - 1) / MS_PER_S;
}

static int64_t scaled(int64_t limit_count, int64_t asked_count, int64_t klaviyos_count) {
    int64_t count = (limit_count * asked_count + klaviyos_count - 1) / klaviyos_count;
    return count < 1 ? 1 : count;
}

static void roll(struct window *window, int64_t now_ms, int64_t span_ms) {
    if (now_ms >= window->ends_at_ms) {
        window->ends_at_ms = now_ms + span_ms;
        window->used_count = 0;
    }
}

static bool is_full(const struct window *window) {
    return window->used_count >= window->limit_count;
}

void windows_init(struct windows *windows, int64_t burst_count, int64_t steady_count) {
    assert(burst_count >= 1 && steady_count >= 1);
    const struct endpoint_facts *single = endpoint_facts(ENDPOINT_EVENT);
    *windows = (struct windows){0};
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        const struct endpoint_facts *facts = endpoint_facts((enum endpoint)i);
        windows->burst[i].limit_count =
            scaled(facts->burst_count, burst_count, single->burst_count);
        windows->steady[i].limit_count =
            scaled(facts->steady_count, steady_count, single->steady_count);
    }
}

struct windows_place windows_take(struct windows *windows, enum endpoint endpoint, int64_t now_ms) {
    struct window *burst = &windows->burst[endpoint];
    struct window *steady = &windows->steady[endpoint];
    roll(burst, now_ms, WINDOWS_BURST_MS);
    roll(steady, now_ms, WINDOWS_STEADY_MS);

    struct windows_place place = {.limit_count = steady->limit_count};
    if (is_full(burst) || is_full(steady)) {
        const struct window *later = is_full(steady) ? steady : burst;
        place.is_throttled = true;
        place.retry_after_s = seconds_rounded_up(later->ends_at_ms - now_ms);
    } else {
        burst->used_count++;
        steady->used_count++;
    }
    place.remaining_count = steady->limit_count - steady->used_count;
    place.reset_s = seconds_rounded_up(steady->ends_at_ms - now_ms);
    assert(!place.is_throttled || place.retry_after_s >= 1);
    return place;
}
