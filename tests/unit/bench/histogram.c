/* Latencies in buckets: what percentiles say of known numbers. */
#include "bench/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static struct histogram histogram;

static int empty(void **state) {
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    return 0;
}

static void nothing_counted_is_nothing(void **state) {
    (void)state;
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    assert_int_equal(histogram.count, 0);
}

static void small_numbers_are_exact(void **state) {
    (void)state;
    for (int64_t us = 1; us <= 100; us++) {
        histogram_add(&histogram, us);
    }
    assert_int_equal(histogram_percentile(&histogram, 0.5), 50);
    assert_int_equal(histogram_percentile(&histogram, 0.99), 99);
    assert_int_equal(histogram_percentile(&histogram, 1.0), 100);
    assert_int_equal(histogram.sum_us, 5050);
}

static void large_numbers_are_right_within_a_sixtieth(void **state) {
    (void)state;
    for (int64_t us = 1; us <= SECOND; us++) {
        histogram_add(&histogram, us);
    }
    static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        int64_t exact_us = (int64_t)(shares[i] * (double)SECOND + 0.5);
        int64_t us = histogram_percentile(&histogram, shares[i]);
        assert_in_range(us, exact_us, exact_us + exact_us / 60);
    }
}

static void one_outlier_is_the_maximum_and_nothing_else(void **state) {
    (void)state;
    for (int i = 0; i < 999; i++) {
        histogram_add(&histogram, 100);
    }
    histogram_add(&histogram, 123456);
    assert_int_equal(histogram_percentile(&histogram, 0.999), 100);
    assert_int_equal(histogram_percentile(&histogram, 1.0), 123456);
    assert_int_equal(histogram.max_us, 123456);
}

static void what_no_bucket_holds_is_still_counted(void **state) {
    (void)state;
    histogram_add(&histogram, -5);
    histogram_add(&histogram, INT64_C(1) << 50);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    assert_int_equal(histogram.max_us, INT64_C(1) << 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_counted_is_nothing, empty),
        cmocka_unit_test_setup(small_numbers_are_exact, empty),
        cmocka_unit_test_setup(large_numbers_are_right_within_a_sixtieth, empty),
        cmocka_unit_test_setup(one_outlier_is_the_maximum_and_nothing_else, empty),
        cmocka_unit_test_setup(what_no_bucket_holds_is_still_counted, empty),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
