#pragma once
/*
 * The Retry-After header (RFC 9110, 10.2.3): seconds, or a date in any of the three forms of 5.6.7.
 * Pure, and without the C library's locale.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * How long `text` asks to wait from now_ms on: 0 for a date that has passed, at most INT64_MAX / 2
 * however many digits there are. False if it is neither form (a sign, a fraction, words).
 */
bool retry_after_parse(const char *text, int64_t now_ms, int64_t *wait_ms_out);
