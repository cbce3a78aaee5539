#pragma once
/*
 * The one word for how an event stands: due, waiting, sending, sent, dead or cancelled.
 */
#include "common/store.h"

const char *state_name(const struct event_view *event, int64_t now_ms);
