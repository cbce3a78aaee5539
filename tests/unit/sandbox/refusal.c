/* Refusals as documents, and the pointers and escapes in them. */
#include "sandbox/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "sandbox/escape.h"
#include "sandbox/pointer.h"

/* The whole document, for json_decref. */
static json_t *rendered(const struct refusal *refusal) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    struct buf body;
    buf_init(&body, REFUSAL_BODY_BYTES_MAX);
    refusal_render(refusal, &random, &body);
    assert_false(buf_failed(&body));
    json_t *json = json_loads(buf_text(&body), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buf_release(&body);
    return json;
}

static const char *text_of(const json_t *json, const char *name) {
    return json_string_value(json_object_get(json, name));
}

static size_t rendered_count(const struct refusal *refusal) {
    json_t *document = rendered(refusal);
    size_t count = json_array_size(json_object_get(document, "errors"));
    json_decref(document);
    return count;
}

static void a_document_is_json_api(void **state) {
    (void)state;
    struct refusal refusal = {0};
    refusal_add(&refusal, 400, "/data/attributes/\"x\"", "Not \"%s\",\nplease.", "so");
    refusal_add(&refusal, 400, NULL, "Nor so.");
    json_t *document = rendered(&refusal);
    const json_t *errors = json_object_get(document, "errors");
    assert_int_equal(json_array_size(errors), 2);
    json_t *first = json_array_get(errors, 0), *second = json_array_get(errors, 1);
    assert_int_equal(json_integer_value(json_object_get(first, "status")), 400);
    assert_string_equal(text_of(first, "code"), "invalid");
    assert_string_equal(text_of(first, "title"), "Invalid input.");
    assert_string_equal(text_of(first, "detail"), "Not \"so\",\nplease.");
    assert_string_equal(text_of(json_object_get(first, "source"), "pointer"),
                        "/data/attributes/\"x\"");
    assert_int_equal(strlen(text_of(first, "id")), 36);
    assert_string_not_equal(text_of(first, "id"), text_of(second, "id"));
    assert_null(text_of(json_object_get(second, "source"), "pointer"));
    json_decref(document);
}

static void too_many_faults_are_counted_and_dropped(void **state) {
    (void)state;
    struct refusal refusal = {0};
    for (int i = 0; i < 100; i++) {
        refusal_add(&refusal, 400, "/data", "Fault %d.", i);
    }
    assert_int_equal(refusal.fault_count, 100);
    assert_int_equal(rendered_count(&refusal), REFUSAL_FAULTS_MAX);
}

static void the_largest_document_fits(void **state) {
    (void)state;
    char text[1024];
    memset(text, '\x01', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct refusal refusal = {0};
    for (int i = 0; i < REFUSAL_FAULTS_MAX; i++) {
        refusal_add(&refusal, 400, text, "%s", text);
    }
    assert_int_equal(rendered_count(&refusal), REFUSAL_FAULTS_MAX);
}

static void what_is_no_utf8_is_replaced(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    escape_append_quoted(&buf, "a\x7f\xff\xc3\xa9\xe2\x82\\");
    assert_string_equal(buf_text(&buf), "\"a\\u007f?\xc3\xa9??\\u005c\"");
    buf_clear(&buf);
    escape_append_quoted_or_null(&buf, NULL);
    assert_string_equal(buf_text(&buf), "null");
    buf_release(&buf);
}

static void a_pointer_grows_and_shrinks(void **state) {
    (void)state;
    struct pointer pointer;
    pointer_init(&pointer, "/data");
    size_t before = pointer_push_name(&pointer, "a/b~c");
    assert_string_equal(pointer.text, "/data/a~1b~0c");
    size_t inner = pointer_push_index(&pointer, 12);
    assert_string_equal(pointer.text, "/data/a~1b~0c/12");
    pointer_pop(&pointer, inner);
    assert_string_equal(pointer.text, "/data/a~1b~0c");
    pointer_pop(&pointer, before);
    assert_string_equal(pointer.text, "/data");
}

static void a_pointer_that_is_too_long_comes_back(void **state) {
    (void)state;
    struct pointer pointer;
    pointer_init(&pointer, "");
    size_t lengths[40];
    for (int i = 0; i < 40; i++) {
        lengths[i] = pointer_push_name(&pointer, "a long name of a member");
    }
    assert_int_equal(strlen(pointer.text), REFUSAL_POINTER_BYTES - 1);
    for (int i = 39; i >= 1; i--) {
        pointer_pop(&pointer, lengths[i]);
    }
    assert_string_equal(pointer.text, "/a long name of a member");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_json_api),
        cmocka_unit_test(too_many_faults_are_counted_and_dropped),
        cmocka_unit_test(the_largest_document_fits),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(a_pointer_grows_and_shrinks),
        cmocka_unit_test(a_pointer_that_is_too_long_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
