#pragma once
/*
 * Time, handed in from `main` so that a test can own it.
 *
 * Wall time orders what people see and what outlives the process: created_at, next_attempt_at. It
 * may jump. Monotonic time measures waits inside one process: deadlines, durations. It never
 * jumps and means nothing to another process.
 *
 * Threads: clock_system() may be used by any number of threads.
 */
#include <stdint.h>

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

struct clock {
    int64_t (*wall_ms)(void *context); /* milliseconds since 1970-01-01 UTC */
    int64_t (*mono_us)(void *context); /* microseconds since some fixed point (CLOCK_MONOTONIC) */
    void *context;
};

/* The machine's clocks. The pointer stays valid for ever. */
const struct clock *clock_system(void);

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_us(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);

enum { CLOCK_RFC3339_BYTES = 25 }; /* "2026-11-22T13:17:14.123Z" and NUL */

/* Writes wall time as RFC 3339 in UTC with milliseconds. Years outside 0..9999 are clamped. */
void clock_format_rfc3339(int64_t wall_ms, char text[CLOCK_RFC3339_BYTES]);
