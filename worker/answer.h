#pragma once
/*
 * Klaviyo's words in an error answer: the first of `errors` (JSON:API), its detail and the pointer to
 * what it means. The body is hostile input: any bytes, any size up to what the transport keeps.
 * Nothing is decided by it. Pure.
 */
#include <jansson.h>
#include <stddef.h>

enum { ANSWER_DETAIL_BYTES = 512, ANSWER_POINTER_BYTES = 256 };

struct answer {
    char detail[ANSWER_DETAIL_BYTES]; /* or its title, or code; "" if there is none */
    char
        pointer[ANSWER_POINTER_BYTES]; /* source.pointer or source.parameter; "" if there is none */
};

/* Reads what can be read; the rest stays "". One line each, e-mail addresses masked. */
void answer_read(const char *body, size_t body_bytes, struct answer *answer_out);

/* The same for one of the `errors`; NULL gives nothing. */
void answer_read_error(const json_t *error, struct answer *answer_out);
