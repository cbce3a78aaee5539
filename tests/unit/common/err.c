/* Errors: what ends up in the caller's struct, and that it is one line that fits. */
#include "common/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_code_and_text(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_BUSY, "gate held by %d", 42), ERR_BUSY);
    assert_int_equal(err.code, ERR_BUSY);
    assert_string_equal(err.text, "gate held by 42");
}

static void set_errno_appends_the_reason(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(err_set_errno(&err, ERR_FATAL, ENOSPC, "cannot write %s", "x.db"), ERR_FATAL);
    assert_string_equal(err.text, "cannot write x.db: No space left on device");
    assert_int_equal(err_set_errno(&err, ERR_FATAL, 123456, "cannot write"), ERR_FATAL);
    assert_string_equal(err.text, "cannot write: unknown error");
}

static void wrap_goes_before_and_keeps_the_code(void **state) {
    (void)state;
    struct err err;
    (void)err_set(&err, ERR_CONFLICT, "inner");
    assert_int_equal(err_wrap(&err, "outer %d", 1), ERR_CONFLICT);
    assert_string_equal(err.text, "outer 1: inner");
}

static void its_own_text_may_be_an_argument(void **state) {
    (void)state;
    struct err err;
    (void)err_set(&err, ERR_CONFLICT, "cause");
    (void)err_set(&err, ERR_INVALID, "%s; do this", err.text);
    assert_string_equal(err.text, "cause; do this");
}

static void line_breaks_become_spaces(void **state) {
    (void)state;
    struct err err;
    (void)err_set(&err, ERR_INVALID, "a\nb\r\tc\x7F");
    assert_string_equal(err.text, "a b  c ");
}

static void text_of_the_largest_size_is_kept_whole(void **state) {
    (void)state;
    struct err err;
    char text[ERR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", text);
    assert_string_equal(err.text, text);
}

static void longer_text_is_cut_with_dots(void **state) {
    (void)state;
    struct err err;
    char text[3 * ERR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_string_equal(err.text + ERR_TEXT_BYTES - 1 - 4, "x...");
    (void)err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
}

static void no_character_is_cut_in_half(void **state) {
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        struct err err;
        char text[2 * ERR_TEXT_BYTES] = "";
        memset(text, 'x', lead);
        for (size_t i = lead; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xF0\x9F\x8E\x81", 5); /* U+1F381, a present */
        }
        (void)err_set(&err, ERR_INVALID, "%s", text);
        size_t kept = strlen(err.text) - strlen("...");
        assert_int_equal((kept - lead) % 4, 0);
        assert_true(kept > ERR_TEXT_BYTES - 10);
    }
}

static void bytes_that_are_no_characters_are_cut_anywhere(void **state) {
    (void)state;
    struct err err;
    char text[2 * ERR_TEXT_BYTES];
    memset(text, '\x80', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", text);
    assert_true(strlen(err.text) > ERR_TEXT_BYTES - 10);
    assert_string_equal(err.text + strlen(err.text) - 4, "\x80...");
}

static void a_text_that_cannot_be_written_leaves_the_code(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_BUSY, "%ls", L"\x20AC"), ERR_BUSY); /* no euro in C */
    assert_string_equal(err.text, "");
    (void)err_set(&err, ERR_CONFLICT, "inner");
    assert_int_equal(err_wrap(&err, "%ls", L"\x20AC"), ERR_CONFLICT);
    assert_string_equal(err.text, ": inner");
}

static void every_code_has_a_name(void **state) {
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ok");
    assert_string_equal(err_name(ERR_INVALID), "invalid");
    assert_string_equal(err_name(ERR_NOT_FOUND), "not_found");
    assert_string_equal(err_name(ERR_CONFLICT), "conflict");
    assert_string_equal(err_name(ERR_BUSY), "busy");
    assert_string_equal(err_name(ERR_UNKNOWN), "unknown");
    assert_string_equal(err_name(ERR_FATAL), "fatal");
    assert_non_null(err_name((enum err_code)99));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_code_and_text),
        cmocka_unit_test(set_errno_appends_the_reason),
        cmocka_unit_test(wrap_goes_before_and_keeps_the_code),
        cmocka_unit_test(its_own_text_may_be_an_argument),
        cmocka_unit_test(line_breaks_become_spaces),
        cmocka_unit_test(text_of_the_largest_size_is_kept_whole),
        cmocka_unit_test(longer_text_is_cut_with_dots),
        cmocka_unit_test(no_character_is_cut_in_half),
        cmocka_unit_test(bytes_that_are_no_characters_are_cut_anywhere),
        cmocka_unit_test(a_text_that_cannot_be_written_leaves_the_code),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests_name("common/err", tests, NULL, NULL);
}
