/* Language tags: the grammar of RFC 5646, with the examples of its appendix A. */
#include "common/domain/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const RIGHT[] = {
    "en",
    "de",
    "fr",
    "ja",
    "i-enochian",
    "I-ENOCHIAN",
    "zh-Hant",
    "zh-Hans",
    "sr-Cyrl",
    "sr-Latn",
    "zh-cmn-Hans-CN",
    "cmn-Hans-CN",
    "zh-yue-HK",
    "yue-HK",
    "zh-Hans-CN",
    "sr-Latn-RS",
    "sl-rozaj",
    "sl-rozaj-biske",
    "sl-nedis",
    "de-CH-1901",
    "sl-IT-nedis",
    "hy-Latn-IT-arevela",
    "de-DE",
    "en-US",
    "es-419",
    "pt-BR",
    "de-CH-x-phonebk",
    "az-Arab-x-AZE-derbend",
    "x-whatever",
    "X-WHATEVER",
    "qaa-Qaaa-QM-x-southern",
    "de-Qaaa",
    "sr-Latn-QM",
    "sr-Qaaa-RS",
    "en-US-u-islamcal",
    "zh-CN-a-myext-x-private",
    "en-a-myext-b-another",
    "auto",
    "en-GB-oed",
    "sgn-BE-FR",
    "art-lojban",
    "zh-min-nan",
    "abcdefgh",
    "en-x-a",
    "x-1",
    "de-1996-rozaj",
    "en-aaa-bbb-ccc-Latn-GB-1234567-x-1",
};

static const char *const WRONG[] = {
    "",
    "-",
    "e",
    "1",
    "en-",
    "-en",
    "en--US",
    "en_US",
    "en US",
    "en-US ",
    "de-419-DE",
    "a-DE",
    "abcdefghi",
    "en-abcdefghi",
    "12",
    "e1",
    "en-x",
    "en-a",
    "en-a-b",
    "en-u-",
    "x",
    "x-",
    "i-none",
    "en-aaa-bbb-ccc-ddd",
    "abcd-aaa",
    "en-US-US",
    "en-Latn-Latn",
    "en-US-123",
    "en-US-x-123456789",
    "\xC3\xA9n",
    "en\n",
    "en-\xD9\xA1",
    "en;q=0.8",
    "en{",
    "*",
    "C",
    "en-US-u-islamcal-a",
    "en-abcdefgh-abcdefgh-abcdefgh-abcdef", /* 36 characters */
};

static void accepts_what_is_well_formed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(RIGHT) / sizeof(RIGHT[0]); i++) {
        if (!locale_is_well_formed(RIGHT[i], strlen(RIGHT[i]))) {
            fail_msg("refused: %s", RIGHT[i]);
        }
    }
}

static void refuses_what_is_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        if (locale_is_well_formed(WRONG[i], strlen(WRONG[i]))) {
            fail_msg("accepted: %s", WRONG[i]);
        }
    }
}

static void reads_no_further_than_the_length(void **state) {
    (void)state;
    assert_true(locale_is_well_formed("en-US and more", 5));
    assert_true(locale_is_well_formed("en-", 2));
    assert_false(locale_is_well_formed("en-US", 3));
    assert_false(locale_is_well_formed("en\0-US", 6));
    assert_false(locale_is_well_formed("i-enochian", 9 - 7));
}

static void takes_35_characters_and_no_more(void **state) {
    (void)state;
    static const char longest[] = "en-abcdefgh-abcdefgh-abcdefgh-abcde";
    assert_int_equal(strlen(longest), LOCALE_CHARS_MAX);
    assert_true(locale_is_well_formed(longest, LOCALE_CHARS_MAX));
    assert_false(
        locale_is_well_formed("en-abcdefgh-abcdefgh-abcdefgh-abcdef", LOCALE_CHARS_MAX + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_well_formed),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(reads_no_further_than_the_length),
        cmocka_unit_test(takes_35_characters_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
