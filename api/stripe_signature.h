#pragma once
/*
 * Stripe-Signature: whether a body was signed by somebody who has our secret, lately.
 *
 *   Stripe-Signature: t=1700000000,v1=<64 hex digits>[,v1=…][,v0=…]
 *
 * Signed is "<t>.<the body's bytes>" with HMAC-SHA256; the key is the whole text of the secret,
 * "whsec_" included (docs.stripe.com/webhooks/signature, and the official SDK). While a secret is
 * being rolled Stripe signs with the old and the new one, each in a v1 of its own. Other schemes are
 * ignored; v0 is for test mode and proves nothing.
 *
 * Stricter than the SDK: exactly one t, of digits alone and without leading zeros, and it may lie no
 * more in the future than in the past. A clock that is wrong by minutes shows itself that way,
 * instead of widening the time in which a recorded request can be played again.
 *
 * Pure, but for memory.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
    STRIPE_TOLERANCE_S = 300,   /* the SDK's default */
    STRIPE_SECRETS_MAX = 8,     /* of the setting; Stripe has two in use at a time */
    STRIPE_SIGNATURES_MAX = 16, /* v1 entries; more is no header of Stripe's */
    STRIPE_HEADER_CHARS_MAX = 4096,
};

enum stripe_signature {
    STRIPE_SIGNATURE_RIGHT,
    STRIPE_SIGNATURE_MISSING,   /* no header */
    STRIPE_SIGNATURE_MALFORMED, /* no t or several, no v1 or too many, too long */
    STRIPE_SIGNATURE_OLD,       /* t is more than the tolerance ago */
    STRIPE_SIGNATURE_EARLY,     /* or ahead: look at the clocks */
    STRIPE_SIGNATURE_WRONG,     /* no v1 fits any secret */
    STRIPE_SIGNATURE_UNCHECKED, /* out of memory: nothing is known */
};

/*
 * `header` is the value of the only header of that name, NULL if there is none. `secrets` are
 * separated by commas or white space; those beyond STRIPE_SECRETS_MAX are not tried.
 */
CHECKED enum stripe_signature stripe_signature_check(const char *header, const char *body,
                                                     size_t body_bytes, const char *secrets,
                                                     int64_t now_s);

/* For the log: "missing", "malformed" and so on; never NULL. */
const char *stripe_signature_name(enum stripe_signature signature);

/* The next of such secrets, from *rest on: its length, and *rest behind it; 0: there is none. */
size_t stripe_secret_next(const char **rest, const char **secret_out);
