#include "ctl/state.h"

#include <string.h>

const char *state_name(const struct event_view *event, int64_t now_ms) {
    if (strcmp(event->status, "pending") != 0) {
        return event->status;
    }
    if (event->is_claimed) {
        return "sending";
    }
    bool is_due = event->next_attempt_at_ms != 0 && event->next_attempt_at_ms <= now_ms;
    return is_due ? "due" : "waiting";
}
