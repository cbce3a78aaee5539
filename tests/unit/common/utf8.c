/* UTF-8: every character there is goes through, and nothing else does. */
#include "common/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static size_t encode(uint32_t code_point, char bytes[4]) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80u | (code_point & 0x3Fu));
        code_point >>= 6;
    }
    bytes[0] = (char)(leads[length] | code_point);
    return length;
}

static void every_character_is_read_back(void **state) {
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char bytes[4];
        size_t length = encode(code_point, bytes);
        uint32_t read = 0;
        bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        assert_int_equal(utf8_decode(bytes, length, &read), is_surrogate ? 0 : length);
        assert_true(is_surrogate || read == code_point);
    }
}

static void assert_refused(const char *bytes, size_t byte_count) {
    uint32_t untouched = 7;
    assert_int_equal(utf8_decode(bytes, byte_count, &untouched), 0);
    assert_int_equal(untouched, 7);
}

static void what_is_no_character_is_refused(void **state) {
    (void)state;
    assert_refused("", 0);
    assert_refused("\x80", 1);             /* begins with a continuation */
    assert_refused("\xC0\x80", 2);         /* U+0000 in two bytes */
    assert_refused("\xC1\xBF", 2);         /* U+007F in two */
    assert_refused("\xE0\x9F\xBF", 3);     /* U+07FF in three */
    assert_refused("\xF0\x8F\xBF\xBF", 4); /* U+FFFF in four */
    assert_refused("\xF4\x90\x80\x80", 4); /* U+110000 */
    assert_refused("\xF5\x80\x80\x80", 4);
    assert_refused("\xFF", 1);
    assert_refused("\xC3\x41", 2); /* no continuation */
}

static void a_cut_character_is_refused(void **state) {
    (void)state;
    assert_refused("\xC3", 1);
    assert_refused("\xE2\x82", 2);
    assert_refused("\xF0\x9F\x8E", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_read_back),
        cmocka_unit_test(what_is_no_character_is_refused),
        cmocka_unit_test(a_cut_character_is_refused),
    };
    return cmocka_run_group_tests_name("common/utf8", tests, NULL, NULL);
}
