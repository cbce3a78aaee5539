#include "common/domain/holder.h"

enum holder holder_judge(bool is_same_host, bool has_lock) {
    if (!is_same_host) {
        return HOLDER_ELSEWHERE;
    }
    return has_lock ? HOLDER_ALIVE : HOLDER_DEAD;
}

bool holder_loses_claims(enum holder holder) {
    return holder == HOLDER_DEAD;
}

bool holder_keeps_lapsed_claims(enum holder holder) {
    return holder == HOLDER_ALIVE;
}

bool holder_is_gone(enum holder holder, bool has_claims, int64_t seen_at_ms, int64_t lease_ms,
                    int64_t now_ms) {
    if (holder == HOLDER_ELSEWHERE) {
        return !has_claims && now_ms - seen_at_ms >= lease_ms + HOLDER_UNSEEN_MS;
    }
    return holder == HOLDER_DEAD;
}
