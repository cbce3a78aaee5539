/* Where values stand in a JSON text. */
#include "sandbox/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_span(struct span span, const char *expected) {
    assert_int_equal(span.byte_count, strlen(expected));
    assert_memory_equal(span.bytes, expected, span.byte_count);
}

static struct span whole(const char *text) {
    return span_of(text, strlen(text));
}

static void a_member_is_found_as_it_was_written(void **state) {
    (void)state;
    struct span value;
    struct span object =
        whole(" {\"a\" : 1.50 , \"b\":{ \"c\": [1, 2 ] },\"d\":\"x\\\"}\",\"e\":null}\n");
    assert_true(span_member(object, "a", &value));
    assert_span(value, "1.50");
    assert_true(span_member(object, "b", &value));
    assert_span(value, "{ \"c\": [1, 2 ] }");
    assert_true(span_member(object, "d", &value));
    assert_span(value, "\"x\\\"}\"");
    assert_true(span_member(object, "e", &value));
    assert_span(value, "null");
    assert_false(span_member(object, "c", &value));
}

static void an_escaped_name_is_the_same_name(void **state) {
    (void)state;
    struct span value;
    assert_true(span_member(whole("{\"\\u0064ata\":1,\"x\\/y\":2}"), "data", &value));
    assert_span(value, "1");
    assert_true(span_member(whole("{\"\\u0064ata\":1,\"x\\/y\":2}"), "x/y", &value));
    assert_span(value, "2");
}

static void braces_in_strings_are_text(void **state) {
    (void)state;
    struct span value;
    assert_true(
        span_member(whole("{\"a\":\"}]{[\\\\\",\"b\":[\"]\",{\"c\":\"}\"}]}"), "b", &value));
    assert_span(value, "[\"]\",{\"c\":\"}\"}]");
}

static void elements_come_one_after_the_other(void **state) {
    (void)state;
    struct span list = whole("[ {\"a\":1} , [2,3],\"4\" ,5 ]");
    static const char *const expected[] = {"{\"a\":1}", "[2,3]", "\"4\"", "5"};
    size_t offset = 0;
    struct span value;
    for (size_t i = 0; i < 4; i++) {
        assert_true(span_element(list, &offset, &value));
        assert_span(value, expected[i]);
    }
    assert_false(span_element(list, &offset, &value));
}

static void what_is_empty_has_nothing(void **state) {
    (void)state;
    size_t offset = 0;
    struct span value;
    assert_false(span_element(whole("[ ]"), &offset, &value));
    assert_false(span_member(whole("{ }"), "a", &value));
    offset = 0;
    assert_false(span_element(whole("{\"a\":[1]}"), &offset, &value));
    assert_false(span_member(whole("[\"a\",1]"), "a", &value));
}

static void a_path_leads_through_members(void **state) {
    (void)state;
    static const char *const path[] = {"a", "b", NULL};
    struct span value;
    assert_true(span_descend(whole("{\"a\":{\"x\":0,\"b\":[7]}}"), path, &value));
    assert_span(value, "[7]");
    assert_false(span_descend(whole("{\"a\":{\"x\":0}}"), path, &value));
    assert_false(span_descend(whole("{\"a\":3}"), path, &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_found_as_it_was_written),
        cmocka_unit_test(an_escaped_name_is_the_same_name),
        cmocka_unit_test(braces_in_strings_are_text),
        cmocka_unit_test(elements_come_one_after_the_other),
        cmocka_unit_test(what_is_empty_has_nothing),
        cmocka_unit_test(a_path_leads_through_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
