/*
 * Stripe-Signature, the first line of the input, over the rest of it as the body: what passes was signed, what was
 * signed passes.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/stripe_signature.h"
#include "tests/fuzz/target.h"

enum { NOW_S = 1700000000, MAC_BYTES = 32, TIME_CHARS_MAX = 12 };

static const char SECRETS[] = "whsec_test, whsec_old";
static const char *const SECRET[] = {"whsec_test", "whsec_old"};

struct input {
    char *header;
    const char *body;
    size_t body_bytes;
};

/* By OpenSSL's one call for it, unlike the code that is tested. */
static void sign(const char *secret, const char *time, size_t time_chars, const struct input *input,
                 char text[2 * MAC_BYTES + 1]) {
    unsigned char mac[MAC_BYTES];
    unsigned int mac_bytes = sizeof mac;
    size_t length = time_chars + 1 + input->body_bytes;
    unsigned char *signed_text = malloc(length);
    assert(signed_text != NULL);
    memcpy(signed_text, time, time_chars);
    signed_text[time_chars] = '.';
    memcpy(signed_text + time_chars + 1, input->body, input->body_bytes);
    assert(HMAC(EVP_sha256(), secret, (int)strlen(secret), signed_text, length, mac, &mac_bytes));
    free(signed_text);
    for (size_t i = 0; i < sizeof mac; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", mac[i]);
    }
}

static enum stripe_signature check(const char *header, const struct input *input) {
    return stripe_signature_check(header, input->body, input->body_bytes, SECRETS, NOW_S);
}

/* The header that passed holds what was signed at the time it names. */
static void prove(const struct input *input) {
    const char *time = strncmp(input->header, "t=", 2) == 0 ? input->header : NULL;
    if (time == NULL) {
        time = strstr(input->header, ",t=");
        assert(time != NULL);
        time++;
    }
    time += 2;
    size_t time_chars = strspn(time, "0123456789");
    assert(time_chars > 0 && time_chars <= TIME_CHARS_MAX);
    assert(labs(strtol(time, NULL, 10) - NOW_S) <= STRIPE_TOLERANCE_S);
    bool is_found = false;
    for (size_t i = 0; i < 2; i++) {
        char text[2 * MAC_BYTES + 1];
        sign(SECRET[i], time, time_chars, input, text);
        is_found = is_found || strstr(input->header, text) != NULL;
    }
    assert(is_found);
}

static void must_pass(const struct input *input) {
    char text[2 * MAC_BYTES + 1];
    char header[128];
    sign(SECRET[input->body_bytes % 2], "1700000000", 10, input, text);
    (void)snprintf(header, sizeof header, "t=1700000000,v1=%s", text);
    assert(check(header, input) == STRIPE_SIGNATURE_RIGHT);
    struct input longer = {
        .header = header, .body = input->body, .body_bytes = input->body_bytes + 1};
    assert(check(header, &longer) == STRIPE_SIGNATURE_WRONG); /* the NUL behind the body counts */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    char *text = malloc(byte_count + 1);
    assert(text != NULL);
    memcpy(text, bytes, byte_count);
    text[byte_count] = '\0';
    char *end = memchr(text, '\n', byte_count);
    struct input input = {.header = text, .body = ""};
    if (end != NULL) {
        *end = '\0';
        input.body = end + 1;
        input.body_bytes = byte_count - (size_t)(end + 1 - text);
    }
    enum stripe_signature signature = check(input.header, &input);
    assert(signature != STRIPE_SIGNATURE_MISSING && signature != STRIPE_SIGNATURE_UNCHECKED);
    if (signature == STRIPE_SIGNATURE_RIGHT) {
        prove(&input);
    }
    must_pass(&input);

    /* The same bytes as a list of secrets: it ends, and every secret is one. */
    const char *rest = text;
    const char *secret = NULL;
    for (size_t length = stripe_secret_next(&rest, &secret); length > 0;
         length = stripe_secret_next(&rest, &secret)) {
        assert(secret >= text && secret + length <= text + byte_count && rest == secret + length);
    }
    free(text);
    return 0;
}
