#include "worker/neighbours.h"

enum {
    /* How often to look whether a neighbour died: an event is to be claimed again within a second. */
    AGAIN_MS_MIN = 150,
    AGAIN_MS_SPREAD = 100,
};

void neighbours_init(struct neighbours *neighbours, int64_t now_mono_ms) {
    *neighbours = (struct neighbours){.from_mono_ms = now_mono_ms, .by_mono_ms = now_mono_ms};
}

bool neighbours_are_due(const struct neighbours *neighbours, int64_t now_mono_ms, bool looks) {
    return now_mono_ms >= neighbours->by_mono_ms ||
           (looks && now_mono_ms >= neighbours->from_mono_ms);
}

void neighbours_plan(struct neighbours *neighbours, const struct tend_report *tended,
                     int64_t now_mono_ms, int64_t poll_interval_ms, const struct random *random) {
    int64_t soon_ms = AGAIN_MS_MIN + (int64_t)random_below(random, AGAIN_MS_SPREAD);
    int64_t late_ms = poll_interval_ms * 5 / 4; /* the longest poll */
    neighbours->from_mono_ms = now_mono_ms + (tended->is_more ? 0 : soon_ms);
    neighbours->by_mono_ms = neighbours->from_mono_ms;
    if (tended->neighbour_count == 0 && !tended->is_more) {
        neighbours->by_mono_ms = now_mono_ms + late_ms;
    }
}
