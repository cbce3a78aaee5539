#pragma once
/*
 * Makes one call of our own code fail: an allocation, or a function of a library.
 *
 * A program names in its meson.build which functions it wants to deny: the linker then sends our calls of them to the
 * wrappers (--wrap), which ask here. What a library calls for itself is not reached, but for what it takes from us as
 * a hook (jansson: json_set_alloc_funcs(malloc, free), in the test itself).
 */
#include <stdbool.h>

#define DENY_MEMORY "memory" /* any allocation, whichever function makes it */

enum { DENY_EVERY = 0 };

/* The nth call (from 1) of that name from now on fails once, with `number` in errno; all others go through. DENY_EVERY:
   each of them fails. */
void deny(const char *call, int nth, int number);

/* Ends that; true if it came to the nth call. */
bool deny_end(void);

/* For the wrappers: true if this call is the one. Any thread may ask. */
bool deny_strikes(const char *call);

/* Descriptors that this process has open: what was denied must not leak any. */
int deny_count_descriptors(void);
