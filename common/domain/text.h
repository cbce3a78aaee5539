#pragma once
/*
 * What a text from outside may hold, beyond being UTF-8.
 *
 * Refused everywhere: control characters (C0, DEL, C1), noncharacters (U+FFFE, U+FFFF and their
 * like), and the characters that force a direction of writing (U+202A to U+202E, U+2066 to
 * U+2069): they make a line show something else than it holds, to support staff and in terminals.
 * A single line may not hold the separators U+2028 and U+2029 either; a text of many lines may
 * hold tab, line feed and carriage return.
 *
 * Threads: any.
 */
#include <stddef.h>
#include <stdint.h>

enum text_kind { TEXT_LINE, TEXT_LINES };

/* How many characters (code points) the UTF-8 in `bytes` has. */
size_t text_count_chars(const char *bytes, size_t byte_count);

/* The first character that a text of this kind may not hold; -1 if all is well. Bytes that are not
   UTF-8 count as U+FFFD, refused. */
int32_t text_find_forbidden(const char *bytes, size_t byte_count, enum text_kind kind);
