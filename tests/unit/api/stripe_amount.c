/* What Stripe's amounts are in minor units. */
#include "api/stripe_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/domain/payment.h"

static void most_are_the_same(void **state) {
    (void)state;
    static const char *const currencies[] = {"USD", "JPY", "KWD", "HUF", "TWD", "KRW", "XXX", ""};
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++) {
        assert_int_equal(stripe_amount_minor(4990, currencies[i]), 4990);
        assert_int_equal(stripe_amount_minor(0, currencies[i]), 0);
    }
}

static void kronur_and_shillings_of_uganda_come_in_hundredths(void **state) {
    (void)state;
    assert_int_equal(stripe_amount_minor(500, "ISK"), 5);
    assert_int_equal(stripe_amount_minor(500, "UGX"), 5);
    assert_int_equal(stripe_amount_minor(0, "ISK"), 0);
    assert_int_equal(stripe_amount_minor(501, "ISK"), PAYMENT_AMOUNT_UNKNOWN);
}

static void ariary_come_whole(void **state) {
    (void)state;
    assert_int_equal(stripe_amount_minor(500, "MGA"), 50000);
    assert_int_equal(stripe_amount_minor(INT64_MAX / 100, "MGA"), INT64_MAX / 100 * 100);
    assert_int_equal(stripe_amount_minor(INT64_MAX / 100 + 1, "MGA"), PAYMENT_AMOUNT_UNKNOWN);
}

static void what_is_unknown_stays_so(void **state) {
    (void)state;
    static const char *const currencies[] = {"USD", "ISK", "MGA", ""};
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++) {
        assert_int_equal(stripe_amount_minor(PAYMENT_AMOUNT_UNKNOWN, currencies[i]),
                         PAYMENT_AMOUNT_UNKNOWN);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_are_the_same),
        cmocka_unit_test(kronur_and_shillings_of_uganda_come_in_hundredths),
        cmocka_unit_test(ariary_come_whole),
        cmocka_unit_test(what_is_unknown_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
