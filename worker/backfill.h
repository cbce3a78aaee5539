#pragma once
/*
 * The one change that an event's body may see: `backfill` from false to true, for events that are
 * sent so late that they should trigger no flows. Every other byte stays. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * Turns it true where the body ends as event_render ends it; a body that has it true already, or
 * that ends otherwise, is left alone. The body gets one byte shorter. True: it is true now.
 */
bool backfill_turn(char *payload, size_t *payload_bytes);
