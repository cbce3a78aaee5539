#pragma once
/*
 * Values as people read them: times in the local zone with their distance from now, durations,
 * amounts, sizes, and text from outside that must not steer a terminal.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FORMAT_TIME_BYTES = 32,     /* "2026-11-22 14:03:07" */
    FORMAT_DURATION_BYTES = 32, /* "850 ms", "3 min", "2 days" */
    FORMAT_WHEN_BYTES = 80,     /* "2026-11-22 14:03:07 (3 min ago)" */
    FORMAT_AMOUNT_BYTES = 48,   /* "49.99 USD" */
    FORMAT_SIZE_BYTES = 32,     /* "12.3 MiB" */
};

/* The largest whole unit, rounded down; a negative duration counts as none. */
void format_duration(int64_t duration_ms, char text[FORMAT_DURATION_BYTES]);
/* "3 min ago", "in 5 s", "now". */
void format_distance(int64_t at_ms, int64_t now_ms, char text[FORMAT_DURATION_BYTES]);
void format_time(int64_t at_ms, char text[FORMAT_TIME_BYTES]);
/* Time and distance. */
void format_when(int64_t at_ms, int64_t now_ms, char text[FORMAT_WHEN_BYTES]);
void format_amount(int64_t amount, const char *currency, char text[FORMAT_AMOUNT_BYTES]);
void format_size(int64_t byte_count, char text[FORMAT_SIZE_BYTES]);

/* C0 and C1 controls, DEL, line separators, and what turns the direction of writing. */
bool format_steers_terminal(uint32_t code_point);

/* Copies text from outside as one line of valid UTF-8 without control characters (each becomes a
   blank; bytes that are no UTF-8 become '?'), cut at `safe_out_bytes` between characters. */
void format_safe(const char *text, size_t text_bytes, char *safe_out, size_t safe_out_bytes);
