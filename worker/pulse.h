#pragma once
/*
 * Signs of life of the loop, for the admin thread: when it last turned, and whether it drains.
 *
 * Threads: pulse_beat and pulse_drain from the loop, pulse_check_* from any thread.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

struct pulse {
    const struct clock *clock;
    int64_t stale_ms; /* without a turn for so long, the loop is stuck */
    _Atomic int64_t turned_mono_ms;
    _Atomic bool is_draining;
};

void pulse_init(struct pulse *pulse, const struct clock *clock, int64_t stale_ms);
void pulse_beat(struct pulse *pulse);
void pulse_drain(struct pulse *pulse);

/* For struct admin_check; `context` is the pulse. ERR_BUSY: not so, the text says why. */
CHECKED enum err_code pulse_check_turning(void *context, struct err *err);
CHECKED enum err_code pulse_check_not_draining(void *context, struct err *err);
