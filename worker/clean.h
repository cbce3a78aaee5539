#pragma once
/*
 * Turning bytes from outside into text that the database, a log and a terminal can take: valid UTF-8
 * without NUL. Pure.
 */
#include <stddef.h>

/* One line: control characters become spaces, what is no UTF-8 becomes "?"; e-mail addresses are
   masked. Cut between characters to `line_bytes`, NUL included (at least 1). */
void clean_line(const char *text, char *line_out, size_t line_bytes);

/* Many lines: as clean_line, but line ends and tabs stay and nothing is masked. At most one byte is
   written for each byte read; no NUL is added. Returns how many. */
size_t clean_body(const char *bytes, size_t byte_count, char *body_out);
