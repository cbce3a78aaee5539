#pragma once
/*
 * A worker with everything around it played: clock, store, wire. What the tests of its step share.
 *
 * Every function fails the running test when something goes wrong.
 */
#include <stdint.h>

#include "tests/unit/worker/fake_clock.h"
#include "tests/unit/worker/fake_store.h"
#include "tests/unit/worker/fake_transport.h"
#include "worker/worker.h"

enum {
    LEASE_MS = 60 * 1000,
    TIMEOUT_MS = 15 * 1000,
    POLL_MS = 1000,
    PROBE_MS = 30 * 1000,
    CONCURRENCY = 4,
};

#define START_AT_MS INT64_C(1795353434000)

struct scene {
    struct fake_clock clock;
    struct random_seeded seeded;
    struct random random;
    struct fake_store *store;
    struct fake_transport *wire;
    struct worker *worker;
    struct worker_options options;
    int64_t wait_ms; /* what the last step said */
    struct err err;
};

/* A worker named "worker-1", and so many events that are due. */
void open_scene(struct scene *scene, size_t event_count, size_t concurrency);
void close_scene(struct scene *scene);
/* Another worker in the place of one that was closed. */
void open_worker(struct scene *scene, const char *id);

void step(struct scene *scene);
/* Steps until the worker has nothing more to do at this moment. */
void settle_down(struct scene *scene);
/* Lets time pass, then settles down. */
void pass(struct scene *scene, int64_t ms);
