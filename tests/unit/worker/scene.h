#pragma once
/* A worker with everything around it played: clock, randomness, store, wire. */
#include "tests/unit/worker/fake_clock.h"
#include "tests/unit/worker/fake_store.h"
#include "tests/unit/worker/fake_transport.h"
#include "worker/worker.h"

enum {
    LEASE_MS = 60000,
    TIMEOUT_MS = 15000,
    POLL_MS = 1000,
    PROBE_MS = 30000,
    CONCURRENCY = 4,
    HOUR_MS = 3600000,
};

#define SCENE_START_AT_MS INT64_C(1795353434000)

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

/* `event_count` events, all due now, and a worker named "worker-1" that has not turned yet. */
void scene_open(struct scene *scene, size_t event_count, size_t concurrency);
void scene_close(struct scene *scene);

/* A new worker on an empty wire; the one before it is the caller's to close. */
void scene_open_worker(struct scene *scene, const char *id);

void scene_step(struct scene *scene);
/* Steps until the worker has nothing more to do at this moment. */
void scene_settle_down(struct scene *scene);
/* Lets time pass, then settles down. */
void scene_pass(struct scene *scene, int64_t ms);
