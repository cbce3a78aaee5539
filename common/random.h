#pragma once
/*
 * Randomness (ids, preorder numbers, jitter), handed in from `main` so that a test can replay it.
 *
 * Threads: random_system() may be used by any number of threads; a seeded one by one at a time.
 */
#include <stddef.h>
#include <stdint.h>

struct random {
    void (*fill)(void *context, void *bytes, size_t byte_count);
    void *context;
};

/* The kernel's generator (getrandom). Aborts if the kernel has none: nothing could be unguessable. */
const struct random *random_system(void);

void random_fill(const struct random *random, void *bytes, size_t byte_count);

/* A number from 0 to `bound` - 1, each equally likely. `bound` is at least 1. */
uint64_t random_below(const struct random *random, uint64_t bound);

/* A repeatable sequence (SplitMix64), for tests and simulations only: it is guessable. */
struct random_seeded {
    uint64_t state;
};
struct random random_seeded(struct random_seeded *seeded, uint64_t seed);
