#pragma once
/*
 * An input as lines of text, for targets that take several texts or one that ends with NUL. Each line is a block of
 * exactly its size, so that a sanitizer sees a read behind its end.
 */
#include <stddef.h>
#include <stdint.h>

enum { LINES_MAX = 64 };

struct lines {
    char *texts[LINES_MAX + 1]; /* owned; without what ended the line; NULL after the last */
    size_t count;
};

/* Cuts at line feeds. A line ends at its first NUL; what follows LINES_MAX lines is left out. */
void lines_cut(struct lines *lines, const void *bytes, size_t byte_count);
void lines_release(struct lines *lines);

/* A text of the first `length` of these bytes, or up to a NUL among them; free() it. */
char *lines_text(const void *bytes, size_t length);

/* Stops the program unless the text is what every error promises to be: one line, not empty. */
void lines_check_message(const char *text);
