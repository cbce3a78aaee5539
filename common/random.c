#include "common/random.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *context, void *bytes, size_t byte_count) {
    (void)context;
    unsigned char *next = bytes;
    size_t left = byte_count;
    while (left > 0) {
        ssize_t got = getrandom(next, left, 0);
        if (got < 0) {
            assert(errno == EINTR); /* getrandom(2): it fails for no other reason */
            continue;
        }
        next += got;
        left -= (size_t)got;
    }
}

const struct random *random_system(void) {
    static const struct random system_random = {.fill = system_fill};
    return &system_random;
}

void random_fill(const struct random *random, void *bytes, size_t byte_count) {
    random->fill(random->context, bytes, byte_count);
}

uint64_t random_below(const struct random *random, uint64_t bound) {
    assert(bound >= 1);
    /* The highest value that leaves every remainder equally often. */
    uint64_t fair_max = UINT64_MAX - (UINT64_MAX % bound + 1) % bound;
    uint64_t value = 0;
    /* Each round fails with less than one half: 128 in a row mean a broken source, whose last number
       is as good as any. */
    for (int round = 0; round < 128; round++) {
        random_fill(random, &value, sizeof value);
        if (value <= fair_max) {
            break;
        }
    }
    return value % bound;
}

/* SplitMix64, Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators". */
static uint64_t seeded_next(struct random_seeded *seeded) {
    seeded->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = seeded->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static void seeded_fill(void *context, void *bytes, size_t byte_count) {
    struct random_seeded *seeded = context;
    unsigned char *next = bytes;
    size_t left = byte_count;
    while (left > 0) {
        uint64_t word = seeded_next(seeded);
        size_t taken = left < sizeof word ? left : sizeof word;
        memcpy(next, &word, taken);
        next += taken;
        left -= taken;
    }
}

struct random random_seeded(struct random_seeded *seeded, uint64_t seed) {
    seeded->state = seed;
    return (struct random){.fill = seeded_fill, .context = seeded};
}
