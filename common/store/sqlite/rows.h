#pragma once
/*
 * Rows of an answer, gathered in an array.
 */
#include <stddef.h>

#include "common/err.h"

/* The array with room for one more: it doubles at 1, 2, 4, 8 … elements. NULL when out of memory;
   then `elements` is as it was. */
void *sqlite_grown(void *elements, size_t count, size_t element_bytes, struct err *err);
