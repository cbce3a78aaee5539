/* E-mail addresses and telephone numbers, as far as Klaviyo's pages say what they are. */
#include "sandbox/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void an_email_address_of_the_whatwg_is_one(void **state) {
    (void)state;
    static const char *const right[] = {
        "a@b.co",
        "a.b+c@klaviyo-demo.com",
        "o'neil@x-y.example",
        "ada@xn--bcher-kva.example",
        "!#$%&'*+/=?^_`{|}~-@a.b",
        "ada@localhost",
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        print_message("# %s\n", right[i]);
        assert_true(address_is_email(right[i]));
    }
}

static void anything_else_is_no_email_address(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "@",
        "a",
        "a@",
        "@b.co",
        "a b@c.de",
        "a@b@c.de",
        "a@b..de",
        "a@.de",
        "a@b.",
        "a@-b.de",
        "a@b-.de",
        "a@b_c.de",
        "a@z\xc3\xbcrich.de",
        "\xc3\xa9@b.de",
        "a@b.de\n",
        "<a@b.de>",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        print_message("# %s\n", wrong[i]);
        assert_false(address_is_email(wrong[i]));
    }
}

static void an_email_address_has_at_most_99_characters(void **state) {
    (void)state;
    char address[128];
    (void)snprintf(
        address, sizeof(address), "%.*s@b.de", 94,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaa");
    assert_int_equal(strlen(address), 99);
    assert_true(address_is_email(address));
    (void)snprintf(
        address, sizeof(address), "%.*s@bb.de", 94,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaa");
    assert_int_equal(strlen(address), 100);
    assert_false(address_is_email(address));
}

static void a_telephone_number_is_of_e164(void **state) {
    (void)state;
    assert_true(address_is_phone("+12345678901"));
    assert_true(address_is_phone("+123456789012345"));
    static const char *const wrong[] = {"",
                                        "+",
                                        "12345678901",
                                        "+0234567890",
                                        "+123456",
                                        "+1234567890123456",
                                        "+1 234 567 8901",
                                        "+1234567a"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(address_is_phone(wrong[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_email_address_of_the_whatwg_is_one),
        cmocka_unit_test(anything_else_is_no_email_address),
        cmocka_unit_test(an_email_address_has_at_most_99_characters),
        cmocka_unit_test(a_telephone_number_is_of_e164),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
