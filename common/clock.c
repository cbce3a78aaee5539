#include "common/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000, NS_PER_MS = 1000000 };

static struct timespec read_clock(clockid_t id) {
    struct timespec now;
    int result = clock_gettime(id, &now);
    assert(result == 0); /* both clocks exist on every Linux */
    return now;
}

static int64_t system_wall_ms(void *context) {
    (void)context;
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static int64_t system_mono_us(void *context) {
    (void)context;
    struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

const struct clock *clock_system(void) {
    static const struct clock system_clock = {
        .wall_ms = system_wall_ms,
        .mono_us = system_mono_us,
    };
    return &system_clock;
}

int64_t clock_wall_ms(const struct clock *clock) {
    return clock->wall_ms(clock->context);
}

int64_t clock_mono_us(const struct clock *clock) {
    return clock->mono_us(clock->context);
}

int64_t clock_mono_ms(const struct clock *clock) {
    return clock_mono_us(clock) / US_PER_MS;
}

void clock_format_rfc3339(int64_t wall_ms, char text[CLOCK_RFC3339_BYTES]) {
    static const int64_t first_ms = -62167219200000; /* 0000-01-01T00:00:00.000Z */
    static const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */
    int64_t clamped_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t ms = clamped_ms % MS_PER_S;
    if (ms < 0) {
        ms += MS_PER_S;
    }
    time_t seconds = (time_t)((clamped_ms - ms) / MS_PER_S);
    struct tm utc = {0};
    const struct tm *converted = gmtime_r(&seconds, &utc);
    assert(converted != NULL); /* years were clamped */
    /* The masks change nothing: they tell the compiler that the text fits. */
    int length =
        snprintf(text, CLOCK_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                 (unsigned)(utc.tm_year + 1900) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
                 (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u,
                 (unsigned)utc.tm_min % 100u, (unsigned)utc.tm_sec % 100u, (unsigned)ms % 1000u);
    assert(length == CLOCK_RFC3339_BYTES - 1);
}
