#pragma once
/*
 * Media types as Content-Type has them (RFC 9110, section 8.3).
 *
 * Threads: any.
 */
#include <stdbool.h>

/* "text/html" in any case, whatever parameters follow. False for NULL. */
bool media_type_is(const char *value, const char *type);

/* As media_type_is, and the only parameter, if there is one, is charset=utf-8. */
bool media_type_is_utf8(const char *value, const char *type);
