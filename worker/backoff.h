#pragma once
/*
 * How long to wait before the next attempt: exponential, capped, with full jitter, so that events
 * which failed together do not come back together. Pure.
 */
#include <stdint.h>

#include "common/random.h"

/*
 * A wait from 0 to min(max_ms, base_ms * 2^(attempts - 1)), each equally likely. `attempts` counts
 * those made (at least 1); base_ms and max_ms are at least 0.
 */
int64_t backoff_wait_ms(int64_t base_ms, int64_t max_ms, int32_t attempts,
                        const struct random *random);
