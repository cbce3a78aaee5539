/* Currencies: the exponent of each, and amounts written without rounding. */
#include "common/domain/currency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void every_exponent_that_is_not_two_is_as_in_iso_4217(void **state) {
    (void)state;
    static const char none[] =
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND ";
    static const char four[] = "CLF UYW ";
    static const struct {
        const char *codes;
        int exponent;
    } groups[] = {{none, 0}, {three, 3}, {four, 4}};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (const char *code = groups[i].codes; *code != '\0'; code += 4) {
            char text[CURRENCY_BYTES];
            (void)snprintf(text, sizeof(text), "%.3s", code);
            assert_int_equal(currency_exponent(text), groups[i].exponent);
        }
    }
}

/* Walks through all codes, so that a table out of order (which a binary search would miss) shows.
   */
static void knows_every_currency_in_use(void **state) {
    (void)state;
    int counts[5] = {0};
    for (int i = 0; i < 26 * 26 * 26; i++) {
        const char code[CURRENCY_BYTES] = {(char)('A' + i / 676), (char)('A' + i / 26 % 26),
                                           (char)('A' + i % 26), '\0'};
        int exponent = currency_exponent(code);
        if (exponent >= 0) {
            counts[exponent]++;
        }
    }
    assert_int_equal(counts[0], 17);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 139);
    assert_int_equal(counts[3], 7);
    assert_int_equal(counts[4], 2);
}

static void does_not_know_what_is_no_currency(void **state) {
    (void)state;
    static const char *const wrong[] = {"",    "usd", "US",  "USDX", "XXX",
                                        "XAU", "DEM", "ZZZ", "AAA",  "U D"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(currency_exponent(wrong[i]), -1);
    }
}

static void writes_major_units_exactly(void **state) {
    (void)state;
    static const struct {
        int64_t amount;
        const char *code;
        const char *text;
    } cases[] = {
        {4999, "USD", "49.99"},
        {4990, "USD", "49.90"},
        {5, "EUR", "0.05"},
        {0, "EUR", "0.00"},
        {100, "EUR", "1.00"},
        {500, "JPY", "500"},
        {0, "JPY", "0"},
        {1234, "KWD", "1.234"},
        {1, "KWD", "0.001"},
        {12345, "CLF", "1.2345"},
        {99999999999, "USD", "999999999.99"},
        {-4999, "USD", "-49.99"},
        {-5, "USD", "-0.05"},
        {-500, "JPY", "-500"},
        {INT64_MAX, "USD", "92233720368547758.07"},
        {INT64_MIN, "USD", "-92233720368547758.08"},
        {INT64_MIN, "JPY", "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[CURRENCY_AMOUNT_BYTES];
        currency_format_major(cases[i].amount, cases[i].code, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_exponent_that_is_not_two_is_as_in_iso_4217),
        cmocka_unit_test(knows_every_currency_in_use),
        cmocka_unit_test(does_not_know_what_is_no_currency),
        cmocka_unit_test(writes_major_units_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
