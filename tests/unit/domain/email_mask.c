/* Addresses in texts are masked, wherever they stand, and cuts leave valid UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/domain/email.h"

static void masks_every_address(void **state) {
    (void)state;
    static const struct {
        const char *given;
        const char *masked;
    } cases[] = {
        {"", ""},
        {"nothing to hide", "nothing to hide"},
        {"someone@shop.example", "s***@shop.example"},
        {"a@b", "a***@b"},
        {"Invalid email: someone@shop.example.", "Invalid email: s***@shop.example."},
        {"a@b, cd@e and f.g+h@i.example", "a***@b, c***@e and f***@i.example"},
        {"<someone@shop.example>", "<s***@shop.example>"},
        {"\"someone@shop.example\"", "\"s***@shop.example\""},
        {"a@bc@d", "a***@b***@d"},
        {"@", "@"},
        {"@home", "@home"},
        {"at 5 @ noon", "at 5 @ noon"},
        {"someone@", "s***@"},
        {"\xC3\xA9mile@shop.example", "\xC3\xA9***@shop.example"},
        {"o'brien@shop.example", "o***@shop.example"},
        {"no\nlines@shop.example\n", "no\nl***@shop.example\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[100];
        email_mask(cases[i].given, text, sizeof(text));
        assert_string_equal(text, cases[i].masked);
    }
}

static void cuts_to_the_room_there_is(void **state) {
    (void)state;
    static const char given[] = "to someone@shop.example";
    for (size_t room = 1; room < sizeof(given); room++) {
        char text[sizeof(given) + 1];
        memset(text, '#', sizeof(text));
        email_mask(given, text, room);
        assert_true(strlen(text) < room);
        assert_int_equal(text[room], '#');
        assert_null(strstr(text, "so"));
    }
}

static void never_cuts_inside_a_character(void **state) {
    (void)state;
    char text[6];
    email_mask("caf\xC3\xA9 \xE2\x82\xAC", text, sizeof(text));
    assert_string_equal(text, "caf\xC3\xA9");
    email_mask("caf\xC3\xA9", text, 5);
    assert_string_equal(text, "caf");
    email_mask("\xE2\x82\xAC"
               "a",
               text, 3);
    assert_string_equal(text, "");
}

static void survives_bytes_that_are_not_utf_8(void **state) {
    (void)state;
    char text[20];
    email_mask("\xFF\xC3@x \xE2\x82", text, sizeof(text));
    assert_string_equal(text, "\xFF***@x \xE2\x82");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_every_address),
        cmocka_unit_test(cuts_to_the_room_there_is),
        cmocka_unit_test(never_cuts_inside_a_character),
        cmocka_unit_test(survives_bytes_that_are_not_utf_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
