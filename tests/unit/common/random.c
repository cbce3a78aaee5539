/* Randomness: fair below any bound, repeatable from a seed, and never stuck on a broken source. */
#include "common/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

/* getrandom is wrapped by the linker: the test decides how it is interrupted. */
ssize_t __real_getrandom(void *bytes, size_t byte_count, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t byte_count, unsigned flags);

static bool is_interrupted;
static int getrandom_calls;

/* If interrupted: every other call gives nothing, the others one byte. */
ssize_t __wrap_getrandom(void *bytes, size_t byte_count, unsigned flags) {
    if (is_interrupted && getrandom_calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_getrandom(bytes, is_interrupted ? 1 : byte_count, flags);
}

static void system_fills_every_byte(void **state) {
    (void)state;
    enum { BYTES = 700 }; /* more than getrandom gives without being interruptible */
    unsigned char seen[BYTES] = {0};
    for (int round = 0; round < 20; round++) {
        unsigned char bytes[BYTES] = {0};
        random_fill(random_system(), bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_int_not_equal(seen[i], 0); /* chance of a false alarm: 700 in 2^160 */
    }
}

static void signals_only_slow_it_down(void **state) {
    (void)state;
    unsigned char seen[16] = {0};
    is_interrupted = true;
    for (int round = 0; round < 20; round++) {
        unsigned char bytes[sizeof seen] = {0};
        random_fill(random_system(), bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            seen[i] |= bytes[i];
        }
    }
    is_interrupted = false;
    assert_int_equal(getrandom_calls, 20 * 2 * sizeof seen);
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_int_not_equal(seen[i], 0);
    }
}

static void seeded_repeats_itself(void **state) {
    (void)state;
    struct random_seeded a;
    struct random_seeded b;
    struct random first = random_seeded(&a, 7);
    struct random second = random_seeded(&b, 7);
    char left[21];
    char right[21];
    random_fill(&first, left, sizeof left);
    random_fill(&second, right, sizeof right);
    assert_memory_equal(left, right, sizeof left);
}

/* The first numbers of SplitMix64 from seed 1234567, as its authors' program prints them. */
static void seeded_is_splitmix64(void **state) {
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317),
        UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),
    };
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1234567);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint64_t value = 0;
        random_fill(&random, &value, sizeof value);
        assert_true(value == expected[i]);
    }
}

static void below_stays_below_and_reaches_everything(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    int counts[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint64_t value = random_below(&random, 6);
        assert_true(value < 6);
        counts[value]++;
    }
    for (size_t i = 0; i < 6; i++) {
        assert_in_range(counts[i], 850, 1150); /* five standard deviations of a fair die */
    }
    assert_int_equal(random_below(&random, 1), 0);
}

struct script {
    const uint64_t *values;
    size_t next;
};

static void fill_from_script(void *context, void *bytes, size_t byte_count) {
    struct script *script = context;
    assert_int_equal(byte_count, sizeof(uint64_t));
    memcpy(bytes, &script->values[script->next++], byte_count);
}

static void below_rejects_what_would_be_unfair(void **state) {
    (void)state;
    /* 2^64 leaves 1 when divided by 3: the last number would favour 0. */
    static const uint64_t values[] = {UINT64_MAX, UINT64_MAX - 2};
    struct script script = {.values = values};
    struct random random = {.fill = fill_from_script, .context = &script};
    assert_int_equal(random_below(&random, 3), (UINT64_MAX - 2) % 3);
    assert_int_equal(script.next, 2);
}

static void fill_with_ones(void *context, void *bytes, size_t byte_count) {
    (void)context;
    memset(bytes, 0xFF, byte_count);
}

static void below_ends_even_with_a_broken_source(void **state) {
    (void)state;
    struct random random = {.fill = fill_with_ones};
    assert_true(random_below(&random, 3) < 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_fills_every_byte),
        cmocka_unit_test(signals_only_slow_it_down),
        cmocka_unit_test(seeded_repeats_itself),
        cmocka_unit_test(seeded_is_splitmix64),
        cmocka_unit_test(below_stays_below_and_reaches_everything),
        cmocka_unit_test(below_rejects_what_would_be_unfair),
        cmocka_unit_test(below_ends_even_with_a_broken_source),
    };
    return cmocka_run_group_tests_name("common/random", tests, NULL, NULL);
}
