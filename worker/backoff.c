#include "worker/backoff.h"

#include <assert.h>

int64_t backoff_wait_ms(int64_t base_ms, int64_t max_ms, int32_t attempts,
                        const struct random *random) {
    assert(base_ms >= 0 && max_ms >= 0 && attempts >= 1);
    int64_t ceiling_ms = base_ms < max_ms ? base_ms : max_ms;
    for (int32_t i = 1; i < attempts && ceiling_ms > 0 && ceiling_ms < max_ms; i++) {
        ceiling_ms = ceiling_ms > max_ms / 2 ? max_ms : ceiling_ms * 2;
    }
    return (int64_t)random_below(random, (uint64_t)ceiling_ms + 1);
}
