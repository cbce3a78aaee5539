/* Which signatures count. The values were made with `openssl dgst -sha256 -hmac whsec_test`. */
#include "api/stripe_signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BODY    "{\"id\":\"evt_1\"}"
#define BY_TEST "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
#define BY_OLD  "ef1b1b7e4b312671a75ef2a03e10529f7834a6528a49db77ad6568c8c8017843"
#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"

enum { NOW = 1700000000 };

static enum stripe_signature check_at(const char *header, const char *secrets, int64_t now_s) {
    return stripe_signature_check(header, BODY, sizeof BODY - 1, secrets, now_s);
}

static enum stripe_signature check(const char *header) {
    return check_at(header, "whsec_test", NOW);
}

static void takes_what_was_signed_with_the_secret(void **state) {
    (void)state;
    assert_int_equal(check("t=1700000000,v1=" BY_TEST), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("v1=" BY_TEST ",t=1700000000"), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("t=1700000000,v1=" BY_OLD), STRIPE_SIGNATURE_WRONG);
}

static void takes_any_of_several_signatures(void **state) {
    (void)state;
    assert_int_equal(check("t=1700000000,v1=" ZEROS ",v1=" BY_TEST), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("t=1700000000,v1=" BY_TEST ",v1=" ZEROS), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("t=1700000000,v1=short,v1=,v1=" BY_TEST), STRIPE_SIGNATURE_RIGHT);
}

static void takes_any_of_several_secrets(void **state) {
    (void)state;
    static const char *const lists[] = {"whsec_old,whsec_test", "whsec_test,whsec_old",
                                        " whsec_old ,\twhsec_test ", "whsec_old\nwhsec_test\n"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        assert_int_equal(check_at("t=1700000000,v1=" BY_TEST, lists[i], NOW),
                         STRIPE_SIGNATURE_RIGHT);
        assert_int_equal(check_at("t=1700000000,v1=" BY_OLD, lists[i], NOW),
                         STRIPE_SIGNATURE_RIGHT);
    }
    assert_int_equal(check_at("t=1700000000,v1=" BY_TEST, "a,b,c,d,e,f,g,whsec_test", NOW),
                     STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check_at("t=1700000000,v1=" BY_TEST, "a,b,c,d,e,f,g,h,whsec_test", NOW),
                     STRIPE_SIGNATURE_WRONG);
    assert_int_equal(check_at("t=1700000000,v1=" BY_TEST, " , ", NOW), STRIPE_SIGNATURE_WRONG);
}

static void ignores_other_schemes(void **state) {
    (void)state;
    assert_int_equal(check("t=1700000000,v0=" BY_TEST ",v1=" BY_TEST), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("t=1700000000,v1=" BY_TEST ",v2=x,y,,=,"), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check("t=1700000000,v0=" BY_TEST), STRIPE_SIGNATURE_MALFORMED);
    assert_int_equal(check("t=1700000000,v0=" BY_TEST ",v1=" ZEROS), STRIPE_SIGNATURE_WRONG);
    assert_int_equal(check("t=1700000000,v1=short"), STRIPE_SIGNATURE_WRONG);
    assert_int_equal(check("t=170000000:,v1=" BY_TEST), STRIPE_SIGNATURE_MALFORMED);
}

static void takes_300_s_either_way(void **state) {
    (void)state;
    static const char header[] = "t=1700000000,v1=" BY_TEST;
    assert_int_equal(check_at(header, "whsec_test", NOW + 300), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check_at(header, "whsec_test", NOW + 301), STRIPE_SIGNATURE_OLD);
    assert_int_equal(check_at(header, "whsec_test", NOW - 300), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check_at(header, "whsec_test", NOW - 301), STRIPE_SIGNATURE_EARLY);
    assert_int_equal(check("t=999999999999,v1=" BY_TEST), STRIPE_SIGNATURE_EARLY);
}

static void a_change_of_any_byte_shows(void **state) {
    (void)state;
    char body[] = BODY;
    char header[] = "t=1700000000,v1=" BY_TEST;
    for (size_t i = 0; i < sizeof body - 1; i++) {
        body[i] ^= 1;
        assert_int_equal(stripe_signature_check(header, body, sizeof body - 1, "whsec_test", NOW),
                         STRIPE_SIGNATURE_WRONG);
        body[i] ^= 1;
    }
    for (size_t i = sizeof "t=1700000000,v1=" - 1; i < sizeof header - 1; i++) {
        header[i] ^= 1;
        assert_int_equal(check(header), STRIPE_SIGNATURE_WRONG);
        header[i] ^= 1;
    }
    assert_int_equal(check(header), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(stripe_signature_check(header, BODY, sizeof BODY - 2, "whsec_test", NOW),
                     STRIPE_SIGNATURE_WRONG);
    assert_int_equal(stripe_signature_check(header, BODY, sizeof BODY, "whsec_test", NOW),
                     STRIPE_SIGNATURE_WRONG); /* a NUL more */
    assert_int_equal(check("t=1700000001,v1=" BY_TEST), STRIPE_SIGNATURE_WRONG);
}

static void refuses_what_is_no_header_of_stripes(void **state) {
    (void)state;
    static const char *const headers[] = {
        "",
        ",",
        "t",
        "v1=" BY_TEST,
        "t=1700000000",
        "t=1700000000,v1",
        "t=,v1=" BY_TEST,
        "t=1700000000,t=1700000000,v1=" BY_TEST,
        "t=01700000000,v1=" BY_TEST,
        "t=+1700000000,v1=" BY_TEST,
        "t=-1700000000,v1=" BY_TEST,
        "t=1700000000 ,v1=" BY_TEST,
        "t= 1700000000,v1=" BY_TEST,
        "t=1.7e9,v1=" BY_TEST,
        "t=1700000000.0,v1=" BY_TEST,
        "t=1000000000000,v1=" BY_TEST,
        "t=99999999999999999999999,v1=" BY_TEST,
        "T=1700000000,V1=" BY_TEST,
        "t=1700000000; v1=" BY_TEST,
        "t=1700000000, v1=" BY_TEST,
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (check(headers[i]) != STRIPE_SIGNATURE_MALFORMED) {
            fail_msg("taken for a header: %s", headers[i]);
        }
    }
    assert_int_equal(check(NULL), STRIPE_SIGNATURE_MISSING);
}

/* `count` entries of v1, the last of them right. */
static enum stripe_signature check_many(size_t count) {
    char header[STRIPE_HEADER_CHARS_MAX + 2] = "t=1700000000";
    size_t length = strlen(header);
    for (size_t i = 0; i < count; i++) {
        int more = snprintf(header + length, sizeof header - length, ",v1=%s",
                            i + 1 == count ? BY_TEST : ZEROS);
        length += (size_t)more;
    }
    return check(header);
}

static void bounds_what_it_looks_at(void **state) {
    (void)state;
    assert_int_equal(check_many(STRIPE_SIGNATURES_MAX), STRIPE_SIGNATURE_RIGHT);
    assert_int_equal(check_many(STRIPE_SIGNATURES_MAX + 1), STRIPE_SIGNATURE_MALFORMED);
    char header[STRIPE_HEADER_CHARS_MAX + 2];
    static const char start[] = "t=1700000000,v1=" BY_TEST ",v9=";
    memset(header, 'x', sizeof header);
    memcpy(header, start, sizeof start - 1);
    header[sizeof header - 1] = '\0';
    assert_int_equal(check(header), STRIPE_SIGNATURE_MALFORMED);
    header[sizeof header - 2] = '\0';
    assert_int_equal(check(header), STRIPE_SIGNATURE_RIGHT);
}

static void capital_digits_are_not_stripes(void **state) {
    (void)state;
    char header[] = "t=1700000000,v1=" BY_TEST;
    for (char *digit = header + sizeof "t=1700000000,v1=" - 1; *digit != '\0'; digit++) {
        if (*digit >= 'a') {
            *digit = (char)(*digit - 'a' + 'A');
        }
    }
    assert_int_equal(check(header), STRIPE_SIGNATURE_WRONG);
}

static void every_result_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = STRIPE_SIGNATURE_RIGHT; i <= STRIPE_SIGNATURE_UNCHECKED; i++) {
        for (int j = STRIPE_SIGNATURE_RIGHT; j < i; j++) {
            assert_string_not_equal(stripe_signature_name((enum stripe_signature)i),
                                    stripe_signature_name((enum stripe_signature)j));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_was_signed_with_the_secret),
        cmocka_unit_test(takes_any_of_several_signatures),
        cmocka_unit_test(takes_any_of_several_secrets),
        cmocka_unit_test(ignores_other_schemes),
        cmocka_unit_test(takes_300_s_either_way),
        cmocka_unit_test(a_change_of_any_byte_shows),
        cmocka_unit_test(refuses_what_is_no_header_of_stripes),
        cmocka_unit_test(bounds_what_it_looks_at),
        cmocka_unit_test(capital_digits_are_not_stripes),
        cmocka_unit_test(every_result_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
