#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/clean.h"

static void a_line_loses_controls_and_broken_bytes(void **state) {
    (void)state;
    char line[64];
    clean_line("a\r\nb\x1b[0m\x7f\xc2\x9b\xe2\x80\xa9\xff\xc3", line, sizeof line);
    assert_string_equal(line, "a  b [0m   ??");
    clean_line("gr\xc3\xbc\xc3\x9f\x65", line, sizeof line);
    assert_string_equal(line, "gr\xc3\xbc\xc3\x9f\x65");
}

static void a_line_is_cut_between_characters(void **state) {
    (void)state;
    char line[4];
    clean_line("a\xc3\xa4\xc3\xa4", line, sizeof line);
    assert_string_equal(line, "a\xc3\xa4");
    clean_line("abcdef", line, sizeof line);
    assert_string_equal(line, "abc");
    char empty[1];
    clean_line("abc", empty, sizeof empty);
    assert_string_equal(empty, "");
}

static void a_line_masks_addresses_once(void **state) {
    (void)state;
    char once[64];
    char twice[64];
    clean_line("no: jane.doe@shop.example!", once, sizeof once);
    assert_null(strstr(once, "jane"));
    clean_line(once, twice, sizeof twice);
    assert_string_equal(once, twice);
}

static void a_body_keeps_its_lines(void **state) {
    (void)state;
    static const char body[] = "a\tb\r\nc\0d\xff\xc3\xa4\x01";
    char out[sizeof body];
    size_t length = clean_body(body, sizeof body - 1, out);
    assert_int_equal(length, 12);
    assert_memory_equal(out, "a\tb\r\nc d?\xc3\xa4 ", 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_loses_controls_and_broken_bytes),
        cmocka_unit_test(a_line_is_cut_between_characters),
        cmocka_unit_test(a_line_masks_addresses_once),
        cmocka_unit_test(a_body_keeps_its_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
