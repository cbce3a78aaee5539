/* Which links a product may have. */
#include "common/domain/payment_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void accepts_https_and_this_machine(void **state) {
    (void)state;
    static const char *const right[] = {
        "https://buy.stripe.com/test_4gw5kC0Qh2Wd0aA7ss",
        "https://pay.shop.example",
        "https://pay.shop.example/",
        "https://pay.shop.example:8443/a?b=c&d",
        "https://pay.shop.example?b=c",
        "https://pay.shop.example/a%20b?mylocale=1&locales=2",
        "https://[2001:db8::1]/a",
        "https://192.0.2.1/a",
        "http://localhost:4242/pay",
        "http://127.0.0.1/pay",
        "http://127.8.9.1:80",
        "http://[::1]:4242/pay",
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct err err = {0};
        if (payment_link_check(right[i], &err) != ERR_OK) {
            fail_msg("%s: %s", right[i], err.text);
        }
    }
}

static void refuses_the_rest_and_says_why(void **state) {
    (void)state;
    static const struct {
        const char *link;
        const char *reason;
    } wrong[] = {
        {"", "https://"},
        {"buy.stripe.com/x", "https://"},
        {"ftp://buy.stripe.com/x", "https://"},
        {"HTTPS://buy.stripe.com/x", "https://"},
        {"javascript:alert(1)", "https://"},
        {"http://buy.stripe.com/x", "this machine"},
        {"http://localhost.shop.example/x", "this machine"},
        {"http://127.0.0.1.shop.example/x", "this machine"},
        {"http://128.0.0.1/x", "this machine"},
        {"http://[::2]/x", "this machine"},
        {"https://", "host"},
        {"https:///x", "host"},
        {"https://?x", "host"},
        {"https://[::1/x", "host"},
        {"https://[]/x", "host"},
        {"https://user@shop.example/x", "after its host"},
        {"https://user:secret@shop.example/x", "after its host"},
        {"https://shop.example:80a/x", "after its host"},
        {"https://shop.example\\x", "ASCII"},
        {"https://shop.example/x#y", "fragment"},
        {"https://shop.example/x#", "fragment"},
        {"https://shop.example/a b", "ASCII"},
        {"https://shop.example/\"", "ASCII"},
        {"https://shop.example/\x7F", "ASCII"},
        {"https://shop.example/\r\nX: y", "ASCII"},
        {"https://sh\xC3\xB6p.example/x", "ASCII"},
        {"https://shop.example/x?locale=de", "locale"},
        {"https://shop.example/x?a=b&locale=de", "locale"},
        {"https://shop.example/x?a&locale", "locale"},
        {"https://shop.example/x?prefilled_email=a", "prefilled_email"},
        {"https://shop.example/x?client_reference_id=", "client_reference_id"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        if (payment_link_check(wrong[i].link, &err) != ERR_INVALID) {
            fail_msg("accepted: %s", wrong[i].link);
        }
        if (strstr(err.text, wrong[i].reason) == NULL) {
            fail_msg("%s: %s", wrong[i].link, err.text);
        }
    }
}

static void refuses_a_host_that_is_too_long(void **state) {
    (void)state;
    char link[400] = "https://";
    struct err err = {0};
    memset(link + 8, 'a', 253);
    assert_int_equal(payment_link_check(link, &err), ERR_OK);
    memset(link + 8, 'a', 254);
    assert_int_equal(payment_link_check(link, &err), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_https_and_this_machine),
        cmocka_unit_test(refuses_the_rest_and_says_why),
        cmocka_unit_test(refuses_a_host_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
