/* JSON from outside: what is refused, in which words, and what never recurses. */
#include "common/domain/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEPTH_MAX = 4 };

static enum err_code parse(const char *text, size_t length, struct err *err) {
    json_t *document = NULL;
    enum err_code code = document_parse("it", text, length, DEPTH_MAX, &document, err);
    json_decref(document);
    return code;
}

static void reads_documents_of_any_type(void **state) {
    (void)state;
    static const char *const right[] = {"{}",
                                        "[]",
                                        "\"a\"",
                                        "1",
                                        "-0.5e3",
                                        "true",
                                        "null",
                                        " {\"a\": [1, {\"b\": []}]}\r\n\t",
                                        "[\"[[[[[[[[[[[[\"]",
                                        "[\"\\\"[[[[[[\\\\\"]",
                                        "[[[[]]], [[[]]]]"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct err err = {0};
        if (parse(right[i], strlen(right[i]), &err) != ERR_OK) {
            fail_msg("%s: %s", right[i], err.text);
        }
    }
}

static void refuses_what_is_not_json_and_says_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } wrong[] = {
        {"", "it is empty, JSON is expected"},
        {" ", "it is not JSON: unexpected token (line 1, column 1)"},
        {"{\n \"a\": tru\n}", "it is not JSON: invalid token (line 2, column 9)"},
        {"{\"a\":1", "it is not JSON: '}' expected (line 1, column 6)"},
        {"{\"a\":1}}", "it is not JSON: end of file expected (line 1, column 8)"},
        {"{'a':1}", "it is not JSON: string or '}' expected (line 1, column 2)"},
        {"{\"a\" 1}", "it is not JSON: ':' expected (line 1, column 6)"},
        {"{\"a\":01}", "it is not JSON: invalid token (line 1, column 6)"},
        {"{\"a\":\"b", "it is not JSON: premature end of input (line 1, column 7)"},
        {"{\"a\":\"\\q\"}", "it is not JSON: invalid escape (line 1, column 8)"},
        {"{\"a\":\"\n\"}", "it is not JSON: unexpected newline (line 1, column 6)"},
        {"{\"a\":\"\xFF\"}", "it is not JSON: unable to decode byte 0xff (line 1, column 6)"},
        {"{\"a\":\"\\uD800\"}", "it is not JSON: invalid Unicode '\\uD800' (line 1, column 13)"},
        {"{\"a\":\"\\uDC00\"}", "it is not JSON: invalid Unicode '\\uDC00' (line 1, column 13)"},
        {"\xEF\xBB\xBF{}", "it is not JSON: invalid token (line 1, column 1)"},
        {"{\"a\":1,\"a\":1}", "it has a member twice (line 1, column 10)"},
        {"{\"a\":1,\"\\u0061\":1}", "it has a member twice (line 1, column 15)"},
        {"[[[[[]]]]]", "it is nested deeper than 4 levels"},
        {"[{\"a\":[{\"a\":[]}]}]", "it is nested deeper than 4 levels"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        if (parse(wrong[i].text, strlen(wrong[i].text), &err) != ERR_INVALID) {
            fail_msg("accepted: %s", wrong[i].text);
        }
        assert_string_equal(err.text, wrong[i].reason);
    }
}

static void refuses_a_nul_in_any_form(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(parse("{\"a\":\"\0\"}", 9, &err), ERR_INVALID);
    assert_int_equal(parse("{}\0", 3, &err), ERR_INVALID);
    assert_int_equal(parse("\0{}", 3, &err), ERR_INVALID);
    assert_int_equal(parse("{\"a\":\"\\u0000\"}", 14, &err), ERR_INVALID);
    assert_int_equal(parse("{\"a\\u0000\":1}", 13, &err), ERR_INVALID);
}

static void refuses_numbers_that_it_could_not_keep(void **state) {
    (void)state;
    static const char *const wrong[] = {"9223372036854775808", "-9223372036854775809",
                                        "12345678901234567890", "1e400", "-1e309"};
    static const char *const right[] = {"9223372036854775807", "-9223372036854775808", "1e308",
                                        "1e-400"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        assert_int_equal(parse(wrong[i], strlen(wrong[i]), &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "it holds a number out of range (line 1, column"));
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct err err = {0};
        assert_int_equal(parse(right[i], strlen(right[i]), &err), ERR_OK);
    }
}

static void never_repeats_a_piece_of_the_document(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"ada@x\" \"ada@x\"}", "{\"ada@x\":1,\"ada@x\":2}",
                                        "{\"a\":\"ada@x",        "{\"a\":ada@x}",
                                        "[\"ada@x\" 1]",         "{\"a\":\"ada@x\\q\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        assert_int_equal(parse(wrong[i], strlen(wrong[i]), &err), ERR_INVALID);
        assert_null(strstr(err.text, "ada"));
    }
}

static void a_mebibyte_of_brackets_is_only_looked_at(void **state) {
    (void)state;
    enum { BYTES = 1024 * 1024 };
    char *text = malloc(BYTES);
    struct err err = {0};
    assert_non_null(text);
    memset(text, '[', BYTES);
    assert_int_equal(parse(text, BYTES, &err), ERR_INVALID);
    assert_string_equal(err.text, "it is nested deeper than 4 levels");
    memset(text, ']', BYTES);
    assert_int_equal(parse(text, BYTES, &err), ERR_INVALID);
    free(text);
}

static void names_types_for_people(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {{"{}", "an object"},    {"[]", "a list"},    {"\"\"", "a string"},
                 {"1", "a number"},      {"1.5", "a number"}, {"true", "a boolean"},
                 {"false", "a boolean"}, {"null", "null"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *value = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
        assert_string_equal(document_type_name(value), cases[i].name);
        json_decref(value);
    }
    assert_string_equal(document_type_name(NULL), "missing");
}

static void writes_text_that_reads_back_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {"", "plain", "\"quoted\" \\ / slash",
                                        "a\tb\nc\rd\x01\x1F\x7F",
                                        "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        document_append_text(&buf, texts[i]);
        assert_false(buf_failed(&buf));
        json_t *value = json_loads(buf_text(&buf), JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        assert_string_equal(json_string_value(value), texts[i]);
        json_decref(value);
        buf_release(&buf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_documents_of_any_type),
        cmocka_unit_test(refuses_what_is_not_json_and_says_where),
        cmocka_unit_test(refuses_a_nul_in_any_form),
        cmocka_unit_test(refuses_numbers_that_it_could_not_keep),
        cmocka_unit_test(never_repeats_a_piece_of_the_document),
        cmocka_unit_test(a_mebibyte_of_brackets_is_only_looked_at),
        cmocka_unit_test(names_types_for_people),
        cmocka_unit_test(writes_text_that_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
