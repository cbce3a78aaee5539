#pragma once
/*
 * A JSON document (RFC 8259) from outside, and JSON text for the outside.
 *
 * Reading is jansson's, with what it lacks put around it: nesting is bounded before it parses, so
 * that a hostile document never recurses; a member that stands twice is refused; errors say line
 * and column and never repeat a piece of the document, which may hold an e-mail address.
 *
 * Limits: whole numbers must fit in 64 bits with sign, others in a double; larger ones are refused
 * rather than rounded. NUL (raw or as \u0000) and lone surrogates are refused.
 */
#include <jansson.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

/*
 * Reads one document of any type. `what` begins the error: "the body", "catalog.json".
 * ERR_INVALID: it is not such a document; ERR_FATAL: out of memory. Release with json_decref.
 */
CHECKED enum err_code document_parse(const char *what, const char *bytes, size_t byte_count,
                                     size_t depth_max, json_t **document_out, struct err *err);

/* "an object", "a number", "missing" for NULL: how errors call a value. */
const char *document_type_name(const json_t *value);

/* Appends a text as a JSON string, quotes included. `text` is UTF-8. */
void document_append_text(struct buf *buf, const char *text);
