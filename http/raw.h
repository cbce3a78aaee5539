#pragma once
/*
 * The head of a request as it lay in memory: what libmicrohttpd 0.9.75 read leniently shows there.
 *
 * The library parses in place: it ends every name, value and part of the request line with NULs
 * written over what stood behind it, and moves nothing. So in a head without tricks each part
 * begins exactly where the one before it ended: method, one space, target, one space, version,
 * CRLF, then name, colon, blanks, value, CRLF for each header, and one more CRLF. A NUL inside a
 * part, a bare line feed, a folded line and a header without a name all leave a gap, though the
 * library hides them from its callbacks.
 *
 * One thing does not show: a NUL right before a bare line feed, which passes for CRLF. Nobody ends
 * the line elsewhere for it.
 *
 * Only addresses that the library handed out are compared. Libraries from 1.0 on parse strictly
 * themselves and may lay out a head differently: for them every head passes.
 */
#include <stdbool.h>
#include <stddef.h>

struct raw {
    const char *head;   /* where the method begins */
    const char *cursor; /* where the next part must begin */
    bool is_plain;
};

/* `target_bytes`: the target's length before the library cut the query off. */
void raw_begin(struct raw *raw, const char *method, const char *target, size_t target_bytes,
               const char *version);
void raw_add(struct raw *raw, const char *name, size_t name_bytes, const char *value,
             size_t value_bytes);
/* `head_bytes`: from the method to the end of the empty line. True: nothing was hidden. */
bool raw_end(const struct raw *raw, size_t head_bytes);
