/* Idempotency keys, of header and form: what is taken is a key, and means the same quoted or not. */
#include "api/idempotency.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/target.h"

enum { TEXT_BYTES = 2048, HAS_HEADER = 1, HAS_MEMBER = 2, HAS_SECOND_HEADER = 4 };

static void check_key(const char *key, bool may_be_none) {
    size_t length = strlen(key);
    assert(length <= IDEMPOTENCY_KEY_CHARS_MAX && (length > 0 || may_be_none));
    for (size_t i = 0; i < length; i++) {
        assert(key[i] > ' ' && key[i] < 0x7f);
    }
}

/* In quotes it is the same key. */
static void check_quoted(const char *key) {
    char quoted[IDEMPOTENCY_KEY_BYTES + 2];
    char again[IDEMPOTENCY_KEY_BYTES];
    struct err err = {0};
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const struct request nothing = {0};
    enum err_code code = idempotency_key(&nothing, quoted, again, &err);
    assert(code == ERR_OK && strcmp(again, key) == 0);
}

static void fingerprint(const struct request *request, uint8_t out[FINGERPRINT_BYTES]) {
    struct err err = {0};
    enum err_code code = idempotency_fingerprint(request, out, &err);
    assert(code == ERR_OK);
}

/* Moving bytes from one part of a request to the next makes another request. */
static void check_fingerprint(const char *text, size_t byte_count) {
    uint8_t first[FINGERPRINT_BYTES], again[FINGERPRINT_BYTES], other[FINGERPRINT_BYTES];
    struct request request = {
        .method = "POST", .path = "/pre-order", .body = text, .body_bytes = byte_count};
    fingerprint(&request, first);
    fingerprint(&request, again);
    assert(memcmp(first, again, FINGERPRINT_BYTES) == 0);
    if (byte_count > 0) {
        char path[] = "/pre-order?";
        path[sizeof path - 2] = text[0] != '\0' ? text[0] : '?';
        request.path = path;
        request.body++;
        request.body_bytes--;
        fingerprint(&request, other);
        assert(memcmp(first, other, FINGERPRINT_BYTES) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0 || byte_count >= TEXT_BYTES) {
        return 0;
    }
    /* What there is, then the header, a line feed and the member. */
    char text[TEXT_BYTES];
    memcpy(text, bytes + 1, byte_count - 1);
    text[byte_count - 1] = '\0';
    check_fingerprint(text, byte_count - 1);
    char *member = strchr(text, '\n');
    if (member != NULL) {
        *member++ = '\0';
    }
    const struct header headers[] = {{"Idempotency-Key", text}, {"idempotency-key", text}};
    struct request request = {.headers = headers};
    request.header_count = (bytes[0] & HAS_SECOND_HEADER) != 0 ? 2 : (bytes[0] & HAS_HEADER);
    bool has_member = (bytes[0] & HAS_MEMBER) != 0 && member != NULL;

    char key[IDEMPOTENCY_KEY_BYTES];
    struct err err = {0};
    enum err_code code = idempotency_key(&request, has_member ? member : NULL, key, &err);
    if (code == ERR_OK) {
        assert(request.header_count < 2);
        check_key(key, request.header_count == 0 && !has_member);
        if (key[0] != '\0') {
            check_quoted(key);
        }
    } else {
        assert(code == ERR_INVALID && err.text[0] != '\0');
        assert(request.header_count > 0 || has_member);
    }
    return 0;
}
