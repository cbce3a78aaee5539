/* Which keys are taken, and which requests count as the same. */
#include "api/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static enum err_code read_key(const char *value, char key[IDEMPOTENCY_KEY_BYTES]) {
    struct header header = {"idempotency-key", value};
    struct request request = {.headers = &header, .header_count = value == NULL ? 0 : 1};
    struct err err = {0};
    return idempotency_key(&request, NULL, key, &err);
}

static void takes_bare_and_quoted_keys(void **state) {
    (void)state;
    char key[IDEMPOTENCY_KEY_BYTES];
    assert_int_equal(read_key(NULL, key), ERR_OK);
    assert_string_equal(key, "");
    assert_int_equal(read_key("8e03978e-40d5", key), ERR_OK);
    assert_string_equal(key, "8e03978e-40d5");
    assert_int_equal(read_key("\"8e03978e-40d5\"", key), ERR_OK);
    assert_string_equal(key, "8e03978e-40d5");
    assert_int_equal(read_key("\"", key), ERR_OK);
    assert_string_equal(key, "\"");
    assert_int_equal(read_key("\"half", key), ERR_OK);
    assert_string_equal(key, "\"half");
}

static void takes_255_characters_and_no_more(void **state) {
    (void)state;
    char text[IDEMPOTENCY_KEY_CHARS_MAX + 2];
    char key[IDEMPOTENCY_KEY_BYTES];
    memset(text, 'k', sizeof text);
    text[IDEMPOTENCY_KEY_CHARS_MAX + 1] = '\0';
    assert_int_equal(read_key(text, key), ERR_INVALID);
    text[IDEMPOTENCY_KEY_CHARS_MAX] = '\0';
    assert_int_equal(read_key(text, key), ERR_OK);
    assert_string_equal(key, text);
}

static void refuses_what_is_no_key(void **state) {
    (void)state;
    char key[IDEMPOTENCY_KEY_BYTES];
    assert_int_equal(read_key("", key), ERR_INVALID);
    assert_int_equal(read_key("\"\"", key), ERR_INVALID);
    assert_int_equal(read_key("with space", key), ERR_INVALID);
    assert_int_equal(read_key("tab\there", key), ERR_INVALID);
    assert_int_equal(read_key("\xc3\xa9", key), ERR_INVALID);
}

static void refuses_two_keys(void **state) {
    (void)state;
    struct header headers[] = {{"Idempotency-Key", "a"}, {"idempotency-key", "a"}};
    struct request request = {.headers = headers, .header_count = 2};
    struct err err = {0};
    char key[IDEMPOTENCY_KEY_BYTES];
    assert_int_equal(idempotency_key(&request, NULL, key, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "one"));
}

static void fingerprints(const char *method, const char *path, const char *body,
                         uint8_t out[FINGERPRINT_BYTES]) {
    struct request request = {
        .method = method, .path = path, .body = body, .body_bytes = strlen(body)};
    struct err err = {0};
    assert_int_equal(idempotency_fingerprint(&request, out, &err), ERR_OK);
}

static void fingerprint_covers_method_path_and_body(void **state) {
    (void)state;
    uint8_t first[FINGERPRINT_BYTES], other[FINGERPRINT_BYTES];
    fingerprints("POST", "/pre-order", "{}", first);
    fingerprints("POST", "/pre-order", "{}", other);
    assert_memory_equal(first, other, FINGERPRINT_BYTES);
    fingerprints("POST", "/pre-order", "{} ", other);
    assert_memory_not_equal(first, other, FINGERPRINT_BYTES);
    fingerprints("POST", "/pre-order{", "}", other);
    assert_memory_not_equal(first, other, FINGERPRINT_BYTES);
    fingerprints("PUT", "/pre-order", "{}", other);
    assert_memory_not_equal(first, other, FINGERPRINT_BYTES);
}

static enum err_code read_both(const char *value, const char *member,
                               char key[IDEMPOTENCY_KEY_BYTES]) {
    struct header header = {"Idempotency-Key", value};
    struct request request = {.headers = &header, .header_count = value == NULL ? 0 : 1};
    struct err err = {0};
    return idempotency_key(&request, member, key, &err);
}

static void a_form_may_have_the_key_instead(void **state) {
    (void)state;
    char key[IDEMPOTENCY_KEY_BYTES];
    assert_int_equal(read_both(NULL, "\"k-1\"", key), ERR_OK);
    assert_string_equal(key, "k-1");
    assert_int_equal(read_both(NULL, "", key), ERR_INVALID);
    assert_int_equal(read_both(NULL, "k 1", key), ERR_INVALID);
}

static void header_and_form_must_agree(void **state) {
    (void)state;
    char key[IDEMPOTENCY_KEY_BYTES];
    assert_int_equal(read_both("k-1", "\"k-1\"", key), ERR_OK);
    assert_string_equal(key, "k-1");
    assert_int_equal(read_both("k-1", "K-1", key), ERR_INVALID);
    assert_int_equal(read_both("k-1", "", key), ERR_INVALID);
    assert_int_equal(read_both("", "k-1", key), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_bare_and_quoted_keys),
        cmocka_unit_test(takes_255_characters_and_no_more),
        cmocka_unit_test(refuses_what_is_no_key),
        cmocka_unit_test(refuses_two_keys),
        cmocka_unit_test(a_form_may_have_the_key_instead),
        cmocka_unit_test(header_and_form_must_agree),
        cmocka_unit_test(fingerprint_covers_method_path_and_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
