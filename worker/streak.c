#include "worker/streak.h"

int32_t streak_count(const struct streak *streak) {
    return streak->account_count + streak->unsettled_count;
}

void streak_note_refused(struct streak *streak) {
    streak->unsettled_count++;
}

void streak_note_sent(struct streak *streak) {
    streak->account_count = 0;
    streak->unsettled_count = 0;
}

void streak_settled(struct streak *streak, const struct settlement *settlements,
                    size_t settlement_count, int32_t account_count) {
    for (size_t i = 0; i < settlement_count; i++) {
        bool was_noted = settlements[i].outcome == OUTCOME_DEAD && settlements[i].is_refused;
        /* One that was noted before something was sent is forgotten already. */
        streak->unsettled_count -= was_noted && streak->unsettled_count > 0 ? 1 : 0;
    }
    streak->account_count = account_count;
}
