#include "api/stripe_signature.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

enum {
    MAC_BYTES = 32,
    MAC_CHARS = 2 * MAC_BYTES,
    TIME_DIGITS_MAX = 12, /* until the year 33658 */
};

struct parts {
    const char *time_text; /* time_chars long */
    size_t time_chars;
    int64_t time_s;
    const char *signatures[STRIPE_SIGNATURES_MAX]; /* MAC_CHARS long each */
    size_t signature_count;
};

size_t stripe_secret_next(const char **rest, const char **secret_out) {
    static const char separators[] = ", \t\r\n";
    *secret_out = *rest + strspn(*rest, separators);
    size_t length = strcspn(*secret_out, separators);
    *rest = *secret_out + length;
    return length;
}

static bool take_time(struct parts *parts, const char *text, size_t length) {
    if (parts->time_text != NULL || length == 0 || length > TIME_DIGITS_MAX || text[0] == '0') {
        return false;
    }
    parts->time_text = text;
    parts->time_chars = length;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        parts->time_s = parts->time_s * 10 + (text[i] - '0');
    }
    return true;
}

/* One of another length cannot fit, but it is counted: it is an entry all the same. */
static bool take_signature(struct parts *parts, size_t *v1_count, const char *text, size_t length) {
    if (++*v1_count > STRIPE_SIGNATURES_MAX) {
        return false;
    }
    if (length == MAC_CHARS) {
        parts->signatures[parts->signature_count++] = text;
    }
    return true;
}

static bool take_entry(struct parts *parts, size_t *v1_count, const char *entry, size_t length) {
    if (length >= 2 && memcmp(entry, "t=", 2) == 0) {
        return take_time(parts, entry + 2, length - 2);
    }
    if (length >= 3 && memcmp(entry, "v1=", 3) == 0) {
        return take_signature(parts, v1_count, entry + 3, length - 3);
    }
    return true;
}

static bool split(const char *header, struct parts *parts) {
    size_t v1_count = 0;
    if (strnlen(header, STRIPE_HEADER_CHARS_MAX + 1) > STRIPE_HEADER_CHARS_MAX) {
        return false;
    }
    for (const char *entry = header; *entry != '\0';) {
        size_t length = strcspn(entry, ",");
        if (!take_entry(parts, &v1_count, entry, length)) {
            return false;
        }
        entry += length;
        entry += *entry == ',';
    }
    return parts->time_text != NULL && v1_count > 0;
}

/* The MAC of "<t>.<body>" in lower-case hexadecimal. False: out of memory. */
static bool compute(EVP_MAC *mac, const char *secret, size_t secret_chars,
                    const struct parts *parts, const char *body, size_t body_bytes,
                    char text_out[MAC_CHARS]) {
    static const char digits[] = "0123456789abcdef";
    char name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    const struct {
        const char *bytes;
        size_t byte_count;
    } signed_parts[] = {{parts->time_text, parts->time_chars}, {".", 1}, {body, body_bytes}};
    unsigned char bytes[MAC_BYTES];
    size_t length = sizeof bytes;
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    bool is_done = context != NULL &&
                   EVP_MAC_init(context, (const unsigned char *)secret, secret_chars, params) == 1;
    for (size_t i = 0; is_done && i < sizeof signed_parts / sizeof signed_parts[0]; i++) {
        is_done = EVP_MAC_update(context, (const unsigned char *)signed_parts[i].bytes,
                                 signed_parts[i].byte_count) == 1;
    }
    if (is_done) {
        is_done = EVP_MAC_final(context, bytes, &length, sizeof bytes) == 1;
    }
    EVP_MAC_CTX_free(context);
    assert(!is_done || length == sizeof bytes); /* SHA-256's */
    for (size_t i = 0; is_done && i < sizeof bytes; i++) {
        text_out[2 * i] = digits[bytes[i] >> 4];
        text_out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return is_done;
}

static bool fits_any(const struct parts *parts, const char text[MAC_CHARS]) {
    bool fits = false;
    for (size_t i = 0; i < parts->signature_count; i++) {
        fits |= CRYPTO_memcmp(parts->signatures[i], text, MAC_CHARS) == 0;
    }
    return fits;
}

static enum stripe_signature compare(const struct parts *parts, const char *body, size_t body_bytes,
                                     const char *secrets) {
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    enum stripe_signature result =
        mac == NULL ? STRIPE_SIGNATURE_UNCHECKED : STRIPE_SIGNATURE_WRONG;
    const char *rest = secrets;
    for (size_t i = 0; i < STRIPE_SECRETS_MAX && result == STRIPE_SIGNATURE_WRONG; i++) {
        char text[MAC_CHARS];
        const char *secret = NULL;
        size_t length = stripe_secret_next(&rest, &secret);
        if (length == 0) {
            break;
        }
        if (!compute(mac, secret, length, parts, body, body_bytes, text)) {
            result = STRIPE_SIGNATURE_UNCHECKED;
        } else if (fits_any(parts, text)) {
            result = STRIPE_SIGNATURE_RIGHT;
        }
    }
    EVP_MAC_free(mac);
    return result;
}

/* What costs little comes first: whoever knows no secret must not have bodies hashed for nothing. */
enum stripe_signature stripe_signature_check(const char *header, const char *body,
                                             size_t body_bytes, const char *secrets,
                                             int64_t now_s) {
    struct parts parts = {0};
    if (header == NULL) {
        return STRIPE_SIGNATURE_MISSING;
    }
    if (!split(header, &parts)) {
        return STRIPE_SIGNATURE_MALFORMED;
    }
    if (now_s - parts.time_s > STRIPE_TOLERANCE_S) {
        return STRIPE_SIGNATURE_OLD;
    }
    if (parts.time_s - now_s > STRIPE_TOLERANCE_S) {
        return STRIPE_SIGNATURE_EARLY;
    }
    return parts.signature_count == 0 ? STRIPE_SIGNATURE_WRONG
                                      : compare(&parts, body, body_bytes, secrets);
}

const char *stripe_signature_name(enum stripe_signature signature) {
    switch (signature) {
    case STRIPE_SIGNATURE_RIGHT:
        return "right";
    case STRIPE_SIGNATURE_MISSING:
        return "missing";
    case STRIPE_SIGNATURE_MALFORMED:
        return "malformed";
    case STRIPE_SIGNATURE_OLD:
        return "old";
    case STRIPE_SIGNATURE_EARLY:
        return "early";
    case STRIPE_SIGNATURE_WRONG:
        return "wrong";
    case STRIPE_SIGNATURE_UNCHECKED:
        break;
    }
    return "unchecked";
}
