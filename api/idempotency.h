#pragma once
/*
 * Idempotency-Key: reading the header, or what a form has in its place, and telling one request from
 * another.
 *
 * Follows draft-ietf-httpapi-idempotency-key-header-07, but takes the bare token that clients send
 * as well as the quoted string that the draft asks for.
 */
#include "common/store.h"
#include "http/message.h"

enum { IDEMPOTENCY_KEY_BYTES = IDEMPOTENCY_KEY_CHARS_MAX + 1 };

/*
 * The key without its quotes; "" if the request has none. `member` is what the form says, NULL if it
 * has no such member: header or member will do, and both must agree. ERR_INVALID: they don't, or
 * more than one header, or not 1 to 255 visible ASCII characters; the text is a sentence for the
 * client's developer.
 */
CHECKED enum err_code idempotency_key(const struct request *request, const char *member,
                                      char key_out[IDEMPOTENCY_KEY_BYTES], struct err *err);

/* SHA-256 over method, path and body bytes. ERR_FATAL: out of memory. */
CHECKED enum err_code idempotency_fingerprint(const struct request *request,
                                              uint8_t fingerprint_out[FINGERPRINT_BYTES],
                                              struct err *err);
