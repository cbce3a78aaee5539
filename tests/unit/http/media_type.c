/* Which Content-Type counts as which type. */
#include "http/media_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_type_is_the_same_in_any_case_and_with_any_parameters(void **state) {
    (void)state;
    assert_true(media_type_is("text/html", "text/html"));
    assert_true(media_type_is("Text/HTML", "text/html"));
    assert_true(media_type_is("text/html;charset=latin-1", "text/html"));
    assert_true(media_type_is("text/html \t; level=1; q=2", "text/html"));
}

static void what_only_begins_like_it_is_another_type(void **state) {
    (void)state;
    assert_false(media_type_is(NULL, "text/html"));
    assert_false(media_type_is("", "text/html"));
    assert_false(media_type_is("text/htm", "text/html"));
    assert_false(media_type_is("text/html5", "text/html"));
    assert_false(media_type_is("text/html, text/plain", "text/html"));
    assert_false(media_type_is(" text/html", "text/html"));
}

static void the_charset_is_utf_8_or_not_said(void **state) {
    (void)state;
    assert_true(media_type_is_utf8("application/json", "application/json"));
    assert_true(media_type_is_utf8("application/json ", "application/json"));
    assert_true(media_type_is_utf8("application/json; charset=utf-8", "application/json"));
    assert_true(media_type_is_utf8("application/json ;Charset=\"UTF-8\"", "application/json"));
    assert_false(media_type_is_utf8("application/json; charset=latin-1", "application/json"));
    assert_false(media_type_is_utf8("application/json; charset=utf-8; x=y", "application/json"));
    assert_false(media_type_is_utf8("application/json;", "application/json"));
    assert_false(media_type_is_utf8("text/json", "application/json"));
    assert_false(media_type_is_utf8(NULL, "application/json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_is_the_same_in_any_case_and_with_any_parameters),
        cmocka_unit_test(what_only_begins_like_it_is_another_type),
        cmocka_unit_test(the_charset_is_utf_8_or_not_said),
    };
    return cmocka_run_group_tests_name("http/media_type", tests, NULL, NULL);
}
