#include "api/idempotency.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum err_code idempotency_key(const struct request *request, char key_out[IDEMPOTENCY_KEY_BYTES],
                              struct err *err) {
    size_t header_count = request_header_count(request, "Idempotency-Key");
    if (header_count == 0) {
        key_out[0] = '\0';
        return ERR_OK;
    }
    if (header_count > 1) {
        return err_set(err, ERR_INVALID, "Send one Idempotency-Key, not several.");
    }
    const char *key = request_header(request, "Idempotency-Key");
    size_t length = strlen(key);
    if (length >= 2 && key[0] == '"' && key[length - 1] == '"') {
        key++;
        length -= 2;
    }
    bool is_visible = true;
    for (size_t i = 0; i < length; i++) {
        is_visible = is_visible && key[i] >= '!' && key[i] <= '~';
    }
    if (length == 0 || length > IDEMPOTENCY_KEY_CHARS_MAX || !is_visible) {
        return err_set(err, ERR_INVALID,
                       "An Idempotency-Key has 1 to %d visible ASCII characters; a fresh UUID for "
                       "each preorder is a good one.",
                       IDEMPOTENCY_KEY_CHARS_MAX);
    }
    memcpy(key_out, key, length);
    key_out[length] = '\0';
    return ERR_OK;
}

void idempotency_fingerprint(const struct request *request,
                             uint8_t fingerprint_out[FINGERPRINT_BYTES]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert(context != NULL); /* out of memory: the process can't go on */
    int ok = EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    /* With their NULs, so that the borders between the parts cannot move. */
    ok &= EVP_DigestUpdate(context, request->method, strlen(request->method) + 1);
    ok &= EVP_DigestUpdate(context, request->path, strlen(request->path) + 1);
    ok &= EVP_DigestUpdate(context, request->body, request->body_bytes);
    ok &= EVP_DigestFinal_ex(context, fingerprint_out, NULL);
    assert(ok == 1);
    EVP_MD_CTX_free(context);
}
