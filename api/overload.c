#include "api/overload.h"

#include "common/clock.h"
#include "common/log.h"

bool overload_refuses(struct overload *overload, size_t queued_count, int64_t oldest_us,
                      int64_t now_us) {
    if (queued_count < OVERLOAD_QUEUE_MIN ||
        now_us - oldest_us < (int64_t)OVERLOAD_WAIT_MS * US_PER_MS) {
        return false;
    }
    if (!overload->is_on) {
        *overload = (struct overload){.is_on = true, .began_us = now_us};
        log_warning(LOG_MSG("overloaded, refusing requests"),
                    LOG_INT("queued", (int64_t)queued_count));
    }
    overload->last_us = now_us;
    overload->refused_count++;
    return true;
}

void overload_persist(struct overload *overload, size_t queued_count, int64_t oldest_us,
                      int64_t now_us) {
    if (overload->is_on && queued_count >= OVERLOAD_QUEUE_MIN &&
        now_us - oldest_us >= (int64_t)OVERLOAD_WAIT_MS * US_PER_MS / 2) {
        overload->last_us = now_us;
    }
}

void overload_tend(struct overload *overload, int64_t now_us) {
    if (overload->is_on && now_us - overload->last_us >= (int64_t)OVERLOAD_CALM_MS * US_PER_MS) {
        overload->is_on = false;
        log_warning(LOG_MSG("no longer overloaded"), LOG_INT("refused", overload->refused_count),
                    LOG_INT("duration_ms", (overload->last_us - overload->began_us) / US_PER_MS));
    }
}
