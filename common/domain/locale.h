#pragma once
/*
 * Language tags: BCP 47 (RFC 5646, section 2.1) well-formedness: langtag, private use, and the
 * irregular grandfathered tags. At most 35 characters, the length RFC 5646, section 4.4.1, asks
 * implementations to support. Nothing is looked up in the registry.
 */
#include <stdbool.h>
#include <stddef.h>

enum { LOCALE_CHARS_MAX = 35, LOCALE_BYTES = LOCALE_CHARS_MAX + 1 };

bool locale_is_well_formed(const char *text, size_t length);
