/* E-mail addresses: WHATWG's syntax, IDNA 2008 for international domains, 99 characters. */
#include "common/domain/email.h"

#include <idn2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct sample {
    const char *given;
    const char *kept; /* what becomes of it; for a wrong one, a part of the reason */
};

/* 63 characters, the longest label. */
#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

/* libidn2's call is wrapped by the linker: the test decides when it finds no memory. */
int __real_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags);
int __wrap_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags);

static bool memory_is_gone;

int __wrap_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags) {
    return memory_is_gone ? IDN2_MALLOC : __real_idn2_lookup_u8(text, ascii_out, flags);
}

static const struct sample RIGHT[] = {
    {"a@b", "a@b"},
    {"ada@shop.example", "ada@shop.example"},
    {"Ada.Lovelace@Shop.Example", "Ada.Lovelace@shop.example"},
    {".a..b.@shop.example", ".a..b.@shop.example"},
    {"!#$%&'*+/=?^_`{|}~-@shop.example", "!#$%&'*+/=?^_`{|}~-@shop.example"},
    {"ada@localhost", "ada@localhost"},
    {"ada@127.0.0.1", "ada@127.0.0.1"},
    {"ada@1.2", "ada@1.2"},
    {"ada@a-b.example", "ada@a-b.example"},
    {"ada@ab--cd.example", "ada@ab--cd.example"},
    {"ada@" LABEL_63 ".example", "ada@" LABEL_63 ".example"},
    {"ada@b\xC3\xBC"
     "cher.example",
     "ada@xn--bcher-kva.example"},
    {"ada@B\xC3\x9C"
     "CHER.Example",
     "ada@xn--bcher-kva.example"},
    {"ada@bu\xCC\x88"
     "cher.example",
     "ada@xn--bcher-kva.example"},
    {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
    {"ada@XN--Bcher-KVA.example", "ada@xn--bcher-kva.example"},
    {"ada@fa\xC3\x9F.de", "ada@xn--fa-hia.de"},
    {"ada@m\xC3\xBCnchen\xE3\x80\x82"
     "de",
     "ada@xn--mnchen-3ya.de"},
    {"ada@a\xEF\xBC\x8E"
     "b\xEF\xBD\xA1"
     "de",
     "ada@a.b.de"},
    {"ada@\xEF\xBD\x81.de", "ada@a.de"},
    {"ada@ab--cd.b\xC3\xBC"
     "cher.de",
     "ada@ab--cd.xn--bcher-kva.de"},
    {"ada@xn--bcher-kva.ab--cd.de", "ada@xn--bcher-kva.ab--cd.de"},
    {"ada@\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88",
     "ada@xn--r8jz45g.xn--zckzah"},
    {"ada@\xD7\x90\xD7\x91\xD7\x92.example", "ada@xn--4dbcd.example"},
};

static const struct sample WRONG[] = {
    {"", "with an @"},
    {"ada", "with an @"},
    {"@", "before the @"},
    {"@shop.example", "before the @"},
    {"ada@", "empty part"},
    {"ada@shop..example", "empty part"},
    {"ada@.example", "empty part"},
    {"ada@shop.example.", "empty part"},
    {"ada@shop.example,", "domain may not have"},
    {"ada@b@c", "domain may not have"},
    {"ada lovelace@shop.example", "before the @"},
    {" ada@shop.example", "before the @"},
    {"ada@shop.example ", "domain may not have"},
    {"ada@shop.example\n", "domain may not have"},
    {"\"ada\"@shop.example", "before the @"},
    {"ada(comment)@shop.example", "before the @"},
    {"Ada <ada@shop.example>", "before the @"},
    {"ada@[127.0.0.1]", "domain may not have"},
    {"ada@sh_op.example", "domain may not have"},
    {"ada@-shop.example", "hyphen"},
    {"ada@shop-.example", "hyphen"},
    {"ada@" LABEL_63 "1.example", "63 characters"},
    {"\xC3\xA4"
     "da@shop.example",
     "before the @"},
    {"ada\x7F@shop.example", "before the @"},
    {"ada@xn--.example", "IDNA"},
    {"ada@xn--zzzzzz-99.example", "IDNA"},
    {"ada@xn--ls8h.example", "IDNA"},
    {"ada@xn--bcher-kva8z.example", "IDNA"},
    {"ada@\xF0\x9F\x98\x80.example", "IDNA"},
    {"ada@\xD7\x90"
     "a.example",
     "IDNA"},
    {"ada@\xCC\x81"
     "a.example",
     "IDNA"},
    {"ada@-b\xC3\xBC"
     "cher.example",
     "IDNA"},
    {"ada@a_b\xC3\xBC"
     "cher.example",
     "domain may not have"},
    {"ada@\xEF\xBD\x98\xEF\xBD\x8E--zzzzzz-99.example", "IDNA"},
    {"ada@b\xC3.example", "IDNA"},
    {"ada@\xC2\xAD.example", "empty part"},
};

static void keeps_what_is_right_in_ascii_form(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(RIGHT) / sizeof(RIGHT[0]); i++) {
        char email[EMAIL_BYTES] = "";
        struct err err = {0};
        if (email_normalize(RIGHT[i].given, strlen(RIGHT[i].given), email, &err) != ERR_OK) {
            fail_msg("%s: %s", RIGHT[i].given, err.text);
        }
        assert_string_equal(email, RIGHT[i].kept);
    }
}

static void keeps_its_own_form_as_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(RIGHT) / sizeof(RIGHT[0]); i++) {
        char email[EMAIL_BYTES];
        struct err err = {0};
        assert_int_equal(email_normalize(RIGHT[i].kept, strlen(RIGHT[i].kept), email, &err),
                         ERR_OK);
        assert_string_equal(email, RIGHT[i].kept);
    }
}

static void refuses_the_rest_and_says_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        char email[EMAIL_BYTES] = "as before";
        struct err err = {0};
        if (email_normalize(WRONG[i].given, strlen(WRONG[i].given), email, &err) != ERR_INVALID) {
            fail_msg("accepted: %s", WRONG[i].given);
        }
        if (strstr(err.text, WRONG[i].kept) == NULL) {
            fail_msg("%s: %s", WRONG[i].given, err.text);
        }
        assert_null(strstr(err.text, "ada"));
        assert_string_equal(email, "as before");
    }
}

static void refuses_a_nul(void **state) {
    (void)state;
    char email[EMAIL_BYTES];
    struct err err = {0};
    assert_int_equal(email_normalize("ada\0@shop.example", 17, email, &err), ERR_INVALID);
    assert_int_equal(email_normalize("ada@shop.example\0", 17, email, &err), ERR_INVALID);
    assert_string_equal(err.text, "must not hold a NUL");
}

/* Writes "a...a@" and the domain, `length` characters together. */
static void write_address(char *text, size_t length, const char *domain) {
    size_t local = length - strlen(domain) - 1;
    memset(text, 'a', local);
    text[local] = '@';
    memcpy(text + local + 1, domain, strlen(domain) + 1);
}

static void takes_99_characters_and_no_more(void **state) {
    (void)state;
    char text[200];
    char email[EMAIL_BYTES];
    struct err err = {0};
    write_address(text, 99, "shop.example");
    assert_int_equal(email_normalize(text, 99, email, &err), ERR_OK);
    assert_string_equal(email, text);
    write_address(text, 100, "shop.example");
    assert_int_equal(email_normalize(text, 100, email, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 99"));
}

/* "bücher" has 7 bytes and is 13 characters long in ASCII form. */
static void counts_the_ascii_form(void **state) {
    (void)state;
    static const char domain[] = "b\xC3\xBC"
                                 "cher.example";
    char text[200];
    char email[EMAIL_BYTES];
    struct err err = {0};
    write_address(text, 99 - 6, domain);
    assert_int_equal(email_normalize(text, strlen(text), email, &err), ERR_OK);
    assert_int_equal(strlen(email), 99);
    write_address(text, 100 - 6, domain);
    assert_int_equal(email_normalize(text, strlen(text), email, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 99"));
}

static void counts_the_dots_of_the_domain(void **state) {
    (void)state;
    char text[200];
    char email[EMAIL_BYTES];
    struct err err = {0};
    write_address(text, 99, "shop");
    memcpy(text + 99, ".x", sizeof ".x");
    assert_int_equal(email_normalize(text, 101, email, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 99"));
}

static void without_memory_for_idna_it_says_so(void **state) {
    (void)state;
    static const char address[] = "ada@b\xC3\xBC"
                                  "cher.example";
    char email[EMAIL_BYTES];
    struct err err = {0};
    memory_is_gone = true;
    enum err_code code = email_normalize(address, sizeof address - 1, email, &err);
    memory_is_gone = false;
    assert_int_equal(code, ERR_FATAL);
    assert_string_equal(err.text, "out of memory while reading an e-mail address");
}

static void refuses_at_once_what_is_far_too_long(void **state) {
    (void)state;
    static char text[64 * 1024];
    char email[EMAIL_BYTES];
    struct err err = {0};
    memset(text, 'a', sizeof(text));
    assert_int_equal(email_normalize(text, sizeof(text), email, &err), ERR_INVALID);
    static const char dropped[] = {'\xE2', '\x80', '\x8B'}; /* U+200B, by the mapping */
    text[1] = '@';
    for (size_t i = 2; i < sizeof(text); i++) {
        text[i] = dropped[(i - 2) % sizeof(dropped)];
    }
    assert_int_equal(email_normalize(text, sizeof(text), email, &err), ERR_INVALID);
    assert_int_equal(email_normalize(text, 1024, email, &err), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_right_in_ascii_form),
        cmocka_unit_test(keeps_its_own_form_as_it_is),
        cmocka_unit_test(refuses_the_rest_and_says_why),
        cmocka_unit_test(refuses_a_nul),
        cmocka_unit_test(takes_99_characters_and_no_more),
        cmocka_unit_test(counts_the_ascii_form),
        cmocka_unit_test(counts_the_dots_of_the_domain),
        cmocka_unit_test(without_memory_for_idna_it_says_so),
        cmocka_unit_test(refuses_at_once_what_is_far_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
