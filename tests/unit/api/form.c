/* Forms: what they say, and what is no form. */
#include "api/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The form reads as this JSON, compact and with sorted members. */
static void assert_reads(const char *body, const char *expected) {
    json_t *document = NULL;
    struct err err = {0};
    assert_int_equal(form_parse(body, strlen(body), &document, &err), ERR_OK);
    char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(document);
}

static struct err refused(const char *body, size_t body_bytes) {
    json_t *document = NULL;
    struct err err = {0};
    assert_int_equal(form_parse(body, body_bytes, &document, &err), ERR_INVALID);
    assert_null(document);
    return err;
}

static void assert_refused(const char *body, const char *text) {
    struct err err = refused(body, strlen(body));
    assert_string_equal(err.text, text);
}

static void members_become_strings_of_the_same_name(void **state) {
    (void)state;
    assert_reads("email=a&price_id=b&color=c&locale=d&source=e&idempotency_key=f",
                 "{\"color\":\"c\",\"email\":\"a\",\"idempotency_key\":\"f\","
                 "\"locale\":\"d\",\"price_id\":\"b\",\"source\":\"e\"}");
    assert_reads("properties=x", "{\"properties\":\"x\"}");
}

static void what_is_not_said_is_not_there(void **state) {
    (void)state;
    assert_reads("", "{}");
    assert_reads("&&=&=x&submit=Go&submit=Go&Email=x&email[]=x", "{}");
    assert_reads("locale=&source=&color=", "{\"color\":\"\"}");
    assert_reads("email", "{\"email\":\"\"}");
}

static void escapes_and_pluses_are_decoded(void **state) {
    (void)state;
    assert_reads("%63olor=%41%2b+%2B%c3%A9%26%3D%0A==", "{\"color\":\"A+ +\xc3\xa9&=\\n==\"}");
    assert_reads("color=\xc3\xa9\x7f", "{\"color\":\"\xc3\xa9\x7f\"}");
}

static void properties_are_gathered(void **state) {
    (void)state;
    assert_reads("properties[b]=2&properties%5Ba%5D=1&properties[]=&properties[ c ]=3",
                 "{\"properties\":{\"\":\"\",\" c \":\"3\",\"a\":\"1\",\"b\":\"2\"}}");
    assert_reads("properties", "{\"properties\":\"\"}");
    assert_reads("properties(x)=1&property[x]=1", "{}");
}

static void nothing_may_be_said_twice(void **state) {
    (void)state;
    static const char twice[] = "the form has a member or a property twice";
    assert_refused("email=a&email=b", twice);
    assert_refused("locale=&locale=", twice);
    assert_refused("idempotency_key=a&%69dempotency_key=a", twice);
    assert_refused("properties[a]=1&properties[a]=1", twice);
    static const char both[] = "the form has both properties and properties[NAME]";
    assert_refused("properties=1&properties[a]=1", both);
    assert_refused("properties[a]=1&properties=1", twice);
}

static void a_property_has_one_pair_of_brackets(void **state) {
    (void)state;
    static const char *const bodies[] = {"properties[a",     "properties[a][b]=1",
                                         "properties[[a]=1", "properties[a]b=1",
                                         "properties[]]=1",  "properties["};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_refused(bodies[i], "a property of the form must be called properties[NAME], NAME "
                                  "without brackets");
    }
}

static void what_is_no_escape_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const bodies[] = {"abc=%",    "abc=%4",  "abc=%4&1",   "abc=%g0", "abc=%0g",
                                         "abc=%%41", "abc=%-1", "abc=%u0041", "abc=%4=1"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_refused(bodies[i], "the form has a % without two hexadecimal digits (byte 5)");
    }
    assert_refused("%=x", "the form has a % without two hexadecimal digits (byte 1)");
}

static void nul_is_refused(void **state) {
    (void)state;
    assert_refused("a=b%00", "the form holds a NUL (byte 4)");
    assert_refused("email%00=b", "the form holds a NUL (byte 6)");
    struct err err = refused("a=b\0c", 5);
    assert_string_equal(err.text, "the form holds a NUL (byte 4)");
}

static void what_is_not_utf_8_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {"a=%E9",       "a=\xe9",         "a=%C0%AF",
                                         "a=%ED%A0%80", "a=%F4%90%80%80", "a=%C3&%A9=b"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_refused(bodies[i], "the form is not UTF-8 (in the text from byte 3)");
    }
    assert_refused("x=1&%A9=b", "the form is not UTF-8 (in the text from byte 5)");
}

static void an_error_repeats_nothing_of_the_form(void **state) {
    (void)state;
    struct err err = refused("secret=secret&secret=%", 22);
    assert_null(strstr(err.text, "secret"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_become_strings_of_the_same_name),
        cmocka_unit_test(what_is_not_said_is_not_there),
        cmocka_unit_test(escapes_and_pluses_are_decoded),
        cmocka_unit_test(properties_are_gathered),
        cmocka_unit_test(nothing_may_be_said_twice),
        cmocka_unit_test(a_property_has_one_pair_of_brackets),
        cmocka_unit_test(what_is_no_escape_is_refused_with_its_place),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(what_is_not_utf_8_is_refused),
        cmocka_unit_test(an_error_repeats_nothing_of_the_form),
    };
    return cmocka_run_group_tests_name("api/form", tests, NULL, NULL);
}
