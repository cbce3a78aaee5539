#pragma once
/*
 * Ids: UUID version 7 (RFC 9562, section 5.7), written as 36 characters in lower case.
 *
 * The first 48 bits are wall time in ms, so that rows made together stand together in an index; the
 * rest (74 bits) is random, so that an id cannot be guessed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/random.h"

enum { IDENT_BYTES = 37 }; /* 36 characters and NUL */

struct ident {
    char text[IDENT_BYTES];
};

struct ident ident_make(int64_t wall_ms, const struct random *random);

/* True if `text` is a UUID in the form above (any version; upper-case digits are accepted and come
   back in lower case in *ident_out, which may be NULL). */
CHECKED bool ident_parse(const char *text, struct ident *ident_out);
