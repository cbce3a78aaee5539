#pragma once
/*
 * Text as a JSON string: jansson's dumper costs more than the rest of a ledger line.
 */
#include "common/buf.h"

/* Appends the text in quotes, escaped as JSON asks for. The text should be UTF-8: bytes that are
   not are replaced by "?", so that the line stays JSON whatever comes. */
void escape_append_quoted(struct buf *buf, const char *text);
/* The same, or null for NULL. */
void escape_append_quoted_or_null(struct buf *buf, const char *text);
