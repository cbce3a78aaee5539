#include "worker/pulse.h"

#include <inttypes.h>

void pulse_init(struct pulse *pulse, const struct clock *clock, int64_t stale_ms) {
    pulse->clock = clock;
    pulse->stale_ms = stale_ms;
    atomic_init(&pulse->turned_mono_ms, clock_mono_ms(clock));
    atomic_init(&pulse->is_draining, false);
}

void pulse_beat(struct pulse *pulse) {
    atomic_store(&pulse->turned_mono_ms, clock_mono_ms(pulse->clock));
}

void pulse_drain(struct pulse *pulse) {
    atomic_store(&pulse->is_draining, true);
}

enum err_code pulse_check_turning(void *context, struct err *err) {
    const struct pulse *pulse = context;
    int64_t still_ms = clock_mono_ms(pulse->clock) - atomic_load(&pulse->turned_mono_ms);
    if (still_ms >= pulse->stale_ms) {
        return err_set(err, ERR_BUSY, "the loop has not turned for %" PRId64 " ms", still_ms);
    }
    return ERR_OK;
}

enum err_code pulse_check_not_draining(void *context, struct err *err) {
    const struct pulse *pulse = context;
    if (atomic_load(&pulse->is_draining)) {
        return err_set(err, ERR_BUSY, "stopping: finishing what is in flight");
    }
    return ERR_OK;
}
