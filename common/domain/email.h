#pragma once
/*
 * E-mail addresses: WHATWG syntax (HTML, "valid e-mail address"), at most 99 characters because
 * Klaviyo wants fewer than 100. An international domain is turned into its ASCII form (IDNA 2008,
 * libidn2, non-transitional, UTS 46 mapping); the local part stays as it is, in ASCII only, since
 * WHATWG allows nothing else. The domain is folded to lower case, the local part is not.
 */
#include <stddef.h>

#include "common/err.h"

enum { EMAIL_CHARS_MAX = 99, EMAIL_BYTES = EMAIL_CHARS_MAX + 1 };

/*
 * Reads `length` bytes of UTF-8 (may hold anything, NUL too).
 * ERR_INVALID: the text says which rule is broken, without repeating the address, as in "must have
 * ...". ERR_FATAL: out of memory.
 * Only international labels, and those that claim to be one ("xn--"), are judged by IDNA.
 */
CHECKED enum err_code email_normalize(const char *text, size_t length, char email_out[EMAIL_BYTES],
                                      struct err *err);

/* "someone@shop.example" to "s***@shop.example"; also masks every address inside a longer text. The
   result is cut to `text_out_bytes`, NUL included, never inside a UTF-8 character. For last_error
   and the like. */
void email_mask(const char *text, char *text_out, size_t text_out_bytes);
