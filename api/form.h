#pragma once
/*
 * HTML forms: from application/x-www-form-urlencoded (WHATWG URL, section 5.1) to the JSON object
 * that says the same, so that one set of rules judges both.
 *
 * Stricter than that parser where it guesses: percent-escapes that are none and bytes that are not
 * UTF-8 are refused, as is NUL, which no text of ours may hold.
 */
#include <jansson.h>
#include <stddef.h>

#include "common/err.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

/*
 * The members of a preorder and `idempotency_key` become strings of the same name,
 * properties[NAME] the member NAME of the object `properties`; all others are left out. A form
 * cannot leave a field out: an empty `locale` or `source` counts as left out.
 * ERR_INVALID: not such a form, or one of these twice; the text says what and where, and repeats
 * nothing of the body. ERR_FATAL: out of memory. Release with json_decref.
 */
CHECKED enum err_code form_parse(const char *body, size_t body_bytes, json_t **document_out,
                                 struct err *err);
