#pragma once
/*
 * RFC 3339 date-times, as Klaviyo's `time` and `consented_at` have them.
 */
#include <stdbool.h>
#include <stdint.h>

/* "2026-07-23T12:00:00Z", with an optional fraction (dropped) and any offset, to seconds since
   1970-01-01 UTC. false: it is no such time. */
bool instant_parse(const char *text, int64_t *second_out);
