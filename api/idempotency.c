#include "api/idempotency.h"

#include <openssl/evp.h>
#include <string.h>

static enum err_code read_key(const char *key, char key_out[IDEMPOTENCY_KEY_BYTES],
                              struct err *err) {
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

enum err_code idempotency_key(const struct request *request, const char *member,
                              char key_out[IDEMPOTENCY_KEY_BYTES], struct err *err) {
    const char *header = request_header(request, "Idempotency-Key");
    char header_key[IDEMPOTENCY_KEY_BYTES] = "";
    char member_key[IDEMPOTENCY_KEY_BYTES] = "";
    if (request_header_count(request, "Idempotency-Key") > 1) {
        return err_set(err, ERR_INVALID, "Send one Idempotency-Key, not several.");
    }
    enum err_code code = header != NULL ? read_key(header, header_key, err) : ERR_OK;
    if (code == ERR_OK && member != NULL) {
        code = read_key(member, member_key, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (header != NULL && member != NULL && strcmp(header_key, member_key) != 0) {
        return err_set(err, ERR_INVALID,
                       "The header Idempotency-Key and the form's idempotency_key differ; send one "
                       "of them.");
    }
    memcpy(key_out, header != NULL ? header_key : member_key, IDEMPOTENCY_KEY_BYTES);
    return ERR_OK;
}

enum err_code idempotency_fingerprint(const struct request *request,
                                      uint8_t fingerprint_out[FINGERPRINT_BYTES], struct err *err) {
    /* With their NULs, so that the borders between the parts cannot move. */
    const struct {
        const char *bytes;
        size_t byte_count;
    } parts[] = {
        {request->method, strlen(request->method) + 1},
        {request->path, strlen(request->path) + 1},
        {request->body, request->body_bytes},
    };
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; is_done && i < sizeof parts / sizeof parts[0]; i++) {
        is_done = EVP_DigestUpdate(context, parts[i].bytes, parts[i].byte_count) == 1;
    }
    if (is_done) {
        is_done = EVP_DigestFinal_ex(context, fingerprint_out, NULL) == 1;
    }
    EVP_MD_CTX_free(context);
    return is_done ? ERR_OK
                   : err_set(err, ERR_FATAL, "out of memory while reading the Idempotency-Key");
}
