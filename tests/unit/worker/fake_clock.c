#include "tests/unit/worker/fake_clock.h"

static int64_t fake_wall_ms(void *context) {
    return ((const struct fake_clock *)context)->wall_ms;
}

static int64_t fake_mono_us(void *context) {
    return ((const struct fake_clock *)context)->mono_ms * US_PER_MS;
}

void fake_clock_init(struct fake_clock *fake, int64_t wall_ms) {
    *fake = (struct fake_clock){
        .clock = {.wall_ms = fake_wall_ms, .mono_us = fake_mono_us, .context = fake},
        .wall_ms = wall_ms,
        .mono_ms = 1000,
    };
}

void fake_clock_pass(struct fake_clock *fake, int64_t ms) {
    fake->wall_ms += ms;
    fake->mono_ms += ms;
}
