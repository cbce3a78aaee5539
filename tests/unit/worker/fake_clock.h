#pragma once
/* A clock that stands still until the test moves it. */
#include "common/clock.h"

struct fake_clock {
    struct clock clock; /* hand this in */
    int64_t wall_ms;
    int64_t mono_ms;
};

void fake_clock_init(struct fake_clock *fake, int64_t wall_ms);
void fake_clock_pass(struct fake_clock *fake, int64_t ms);
