/*
 * Reading and writing JSON while memory runs out: right or not at all.
 *
 * Method: the program is linked with --wrap=malloc; each allocation of a reading fails in turn, alone
 * and with all that follow.
 */
#include "common/domain/document_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int calls_left = -1; /* negative: nothing fails */
static bool is_lasting, has_struck;

void *__real_malloc(size_t byte_count);
void *__wrap_malloc(size_t byte_count);
void __real_free(void *block);
void __wrap_free(void *block);

void *__wrap_malloc(size_t byte_count) {
    if (calls_left == 0) {
        has_struck = true;
        calls_left = is_lasting ? 0 : -1;
        return NULL;
    }
    calls_left -= calls_left > 0 ? 1 : 0;
    return __real_malloc(byte_count);
}

void __wrap_free(void *block) {
    __real_free(block);
}

static json_t *load(const char *text, bool *is_out_of_memory_out) {
    return document_load(text, strlen(text), JSON_REJECT_DUPLICATES, NULL, is_out_of_memory_out);
}

/* Fails every allocation of reading `text`. */
static void fail_each(const char *text, bool lasting) {
    bool is_out_of_memory = false;
    json_t *whole = load(text, &is_out_of_memory);
    assert_non_null(whole);
    is_lasting = lasting;
    has_struck = true;
    for (int call = 0; has_struck; call++) {
        assert_in_range(call, 0, 10000);
        has_struck = false;
        calls_left = call;
        json_t *read = load(text, &is_out_of_memory);
        calls_left = -1;
        assert_int_equal(is_out_of_memory, has_struck);
        assert_int_equal(read == NULL, has_struck);
        assert_true(read == NULL || json_equal(read, whole));
        json_decref(read);
    }
    json_decref(whole);
}

/* A text grows at 16, 32, … bytes: that is where jansson leaves bytes out. */
static const char order[] =
    "{\"email\":\"customer11@shop.example\",\"price_id\":\"price_1\","
    "\"pointer\":\"/data/attributes/events-bulk-create/data/17/email\","
    "\"n\":[1234567890123456789,-0.12345678901234567,true,null,\"\\u00e9\"]}";

static void a_single_failure_spoils_the_document_and_nothing_else(void **state) {
    (void)state;
    fail_each(order, false);
}

static void a_lasting_failure_spoils_the_document_and_nothing_else(void **state) {
    (void)state;
    fail_each(order, true);
}

static void a_document_larger_than_the_reserve_is_refused(void **state) {
    (void)state;
    enum { ITEMS = 20000 };
    static char text[2 * ITEMS + 1];
    bool is_out_of_memory = false;
    text[0] = '[';
    for (size_t i = 0; i < ITEMS; i++) {
        text[1 + 2 * i] = '1';
        text[2 + 2 * i] = i + 1 < ITEMS ? ',' : ']';
    }
    is_lasting = true;
    calls_left = 10;
    json_t *read = document_load(text, sizeof text - 1, 0, NULL, &is_out_of_memory);
    calls_left = -1;
    assert_null(read);
    assert_true(is_out_of_memory);
}

static void a_text_is_written_whole_or_not_at_all(void **state) {
    (void)state;
    bool is_out_of_memory = false;
    json_t *whole = load(order, &is_out_of_memory);
    char *text = document_dump(whole, JSON_COMPACT);
    assert_non_null(text);
    is_lasting = false;
    has_struck = true;
    for (int call = 0; has_struck; call++) {
        has_struck = false;
        calls_left = call;
        char *written = document_dump(whole, JSON_COMPACT);
        calls_left = -1;
        assert_int_equal(written == NULL, has_struck);
        assert_true(written == NULL || strcmp(written, text) == 0);
        free(written);
    }
    free(text);
    json_decref(whole);
}

static void what_is_no_json_is_no_want_of_memory(void **state) {
    (void)state;
    bool is_out_of_memory = true;
    assert_null(load("{\"a\":", &is_out_of_memory));
    assert_false(is_out_of_memory);
    assert_null(document_load(NULL, 0, 0, NULL, &is_out_of_memory));
    assert_false(is_out_of_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_failure_spoils_the_document_and_nothing_else),
        cmocka_unit_test(a_lasting_failure_spoils_the_document_and_nothing_else),
        cmocka_unit_test(a_document_larger_than_the_reserve_is_refused),
        cmocka_unit_test(a_text_is_written_whole_or_not_at_all),
        cmocka_unit_test(what_is_no_json_is_no_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
