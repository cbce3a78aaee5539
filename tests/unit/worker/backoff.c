#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/backoff.h"

enum { BASE_MS = 2000, MAX_MS = 3600 * 1000, DRAWS = 2000 };

/* The longest of many waits: near the ceiling, never above it. */
static int64_t longest_of_many(int32_t attempts, int64_t max_ms) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 42);
    int64_t longest_ms = 0;
    for (int i = 0; i < DRAWS; i++) {
        int64_t wait_ms = backoff_wait_ms(BASE_MS, max_ms, attempts, &random);
        assert_true(wait_ms >= 0);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
    }
    return longest_ms;
}

static void the_ceiling_doubles_with_each_attempt(void **state) {
    (void)state;
    for (int32_t attempts = 1; attempts <= 8; attempts++) {
        int64_t ceiling_ms = (int64_t)BASE_MS << (attempts - 1);
        int64_t longest_ms = longest_of_many(attempts, MAX_MS);
        assert_true(longest_ms <= ceiling_ms);
        assert_true(longest_ms > ceiling_ms * 95 / 100);
    }
}

static void the_ceiling_stops_at_the_maximum(void **state) {
    (void)state;
    assert_true(longest_of_many(200, MAX_MS) <= MAX_MS);
    assert_true(longest_of_many(200, MAX_MS) > MAX_MS * 95LL / 100);
    assert_true(longest_of_many(INT32_MAX, MAX_MS) <= MAX_MS);
    assert_true(longest_of_many(200, INT64_MAX - 1) >= 0);
}

static void waits_are_spread_over_the_whole_range(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 7);
    int quarter_counts[4] = {0};
    for (int i = 0; i < DRAWS; i++) {
        int64_t wait_ms = backoff_wait_ms(BASE_MS, MAX_MS, 1, &random);
        quarter_counts[wait_ms * 4 / (BASE_MS + 1)]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_in_range(quarter_counts[i], DRAWS / 4 - DRAWS / 10, DRAWS / 4 + DRAWS / 10);
    }
}

static void a_maximum_below_the_base_wins(void **state) {
    (void)state;
    assert_true(longest_of_many(1, 10) <= 10);
    assert_true(longest_of_many(9, 10) <= 10);
}

static void no_base_means_no_wait(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    assert_int_equal(backoff_wait_ms(0, MAX_MS, INT32_MAX, &random), 0);
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

/* The most that any second holds, of whatever phase. */
static size_t most_in_a_second(int64_t *due_at_ms, size_t count) {
    qsort(due_at_ms, count, sizeof *due_at_ms, compare);
    size_t most = 0;
    size_t first = 0;
    for (size_t last = 0; last < count; last++) {
        while (due_at_ms[last] - due_at_ms[first] >= 1000) {
            first++;
        }
        most = last - first + 1 > most ? last - first + 1 : most;
    }
    return most;
}

static void ten_thousand_that_failed_at_once_do_not_come_back_at_once(void **state) {
    (void)state;
    enum { EVENTS = 10000, TRIES = 8 };
    static int64_t due_at_ms[EVENTS];
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 3);
    for (int32_t attempts = 1; attempts <= TRIES; attempts++) {
        for (size_t i = 0; i < EVENTS; i++) {
            due_at_ms[i] = backoff_wait_ms(2000, 3600 * 1000, attempts, &random);
        }
        size_t mean = EVENTS / (size_t)(1 << attempts);
        size_t most = most_in_a_second(due_at_ms, EVENTS);
        print_message("# attempt %d: %zu in the fullest second, %zu in the mean\n", attempts, most,
                      mean);
        assert_true(most <= 3 * mean);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_doubles_with_each_attempt),
        cmocka_unit_test(the_ceiling_stops_at_the_maximum),
        cmocka_unit_test(waits_are_spread_over_the_whole_range),
        cmocka_unit_test(a_maximum_below_the_base_wins),
        cmocka_unit_test(no_base_means_no_wait),
        cmocka_unit_test(ten_thousand_that_failed_at_once_do_not_come_back_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
