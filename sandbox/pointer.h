#pragma once
/*
 * A JSON pointer (RFC 6901) that grows and shrinks while somebody walks a document.
 *
 * What does not fit is cut off; pop brings back what was there before.
 */
#include <stddef.h>

#include "sandbox/refusal.h"

struct pointer {
    char text[REFUSAL_POINTER_BYTES];
    size_t length; /* what it would be without a limit */
};

/* "" for the whole document, or the text given. */
void pointer_init(struct pointer *pointer, const char *text);

/* Both return the length before, for pointer_pop. */
size_t pointer_push_name(struct pointer *pointer, const char *name);
size_t pointer_push_index(struct pointer *pointer, size_t index);
void pointer_pop(struct pointer *pointer, size_t length_before);
