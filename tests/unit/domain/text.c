/* What texts may hold. */
#include "common/domain/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void counts_characters_not_bytes(void **state) {
    (void)state;
    assert_int_equal(text_count_chars("", 0), 0);
    assert_int_equal(text_count_chars("abc", 3), 3);
    assert_int_equal(text_count_chars("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9), 3);
    assert_int_equal(text_count_chars("a\0b", 3), 3);
}

static void finds_the_first_forbidden_character(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t in_line;
        int32_t in_lines;
    } cases[] = {
        {"plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", -1, -1},
        {"a\tb", '\t', -1},
        {"a\nb", '\n', -1},
        {"a\rb", '\r', -1},
        {"a\x01"
         "b",
         1, 1},
        {"a\x1B[31m", 0x1B, 0x1B},
        {"a\x7F", 0x7F, 0x7F},
        {"\xC2\x80", 0x80, 0x80},
        {"\xC2\x9F", 0x9F, 0x9F},
        {"\xC2\xA0", -1, -1},
        {"\xE2\x80\xA8", 0x2028, -1},
        {"\xE2\x80\xA9", 0x2029, -1},
        {"\xE2\x80\xAA", 0x202A, 0x202A},
        {"\xE2\x80\xAE", 0x202E, 0x202E},
        {"\xE2\x80\xAF", -1, -1},
        {"\xE2\x81\xA5", -1, -1},
        {"\xE2\x81\xA6", 0x2066, 0x2066},
        {"\xE2\x81\xA9", 0x2069, 0x2069},
        {"\xE2\x80\x8E\xE2\x80\x8F", -1, -1}, /* marks only hint */
        {"\xEF\xB7\x8F", -1, -1},
        {"\xEF\xB7\x90", 0xFDD0, 0xFDD0},
        {"\xEF\xB7\xAF", 0xFDEF, 0xFDEF},
        {"\xEF\xBF\xBD", -1, -1},
        {"\xEF\xBF\xBE", 0xFFFE, 0xFFFE},
        {"\xEF\xBF\xBF", 0xFFFF, 0xFFFF},
        {"\xF4\x8F\xBF\xBF", 0x10FFFF, 0x10FFFF},
        {"\xF4\x8F\xBF\xBD", -1, -1},
        {"a\n\x07", '\n', 7},
        {"a\xFF", 0xFFFD, 0xFFFD},
        {"a\xC3", 0xFFFD, 0xFFFD},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].text);
        assert_int_equal(text_find_forbidden(cases[i].text, length, TEXT_LINE), cases[i].in_line);
        assert_int_equal(text_find_forbidden(cases[i].text, length, TEXT_LINES), cases[i].in_lines);
    }
}

static void a_nul_is_a_control_character(void **state) {
    (void)state;
    assert_int_equal(text_find_forbidden("a\0b", 3, TEXT_LINES), 0);
    assert_int_equal(text_find_forbidden("a\0b", 1, TEXT_LINES), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_characters_not_bytes),
        cmocka_unit_test(finds_the_first_forbidden_character),
        cmocka_unit_test(a_nul_is_a_control_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
