#include "tests/unit/worker/scene.h"

#include <setjmp.h> /* cmocka.h needs these three before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

void open_worker(struct scene *scene, const char *id) {
    scene->options.id = id;
    fake_transport_init(scene->wire);
    assert_int_equal(worker_open(&scene->options, &scene->worker, &scene->err), ERR_OK);
}

void open_scene(struct scene *scene, size_t event_count, size_t concurrency) {
    memset(scene, 0, sizeof *scene);
    fake_clock_init(&scene->clock, START_AT_MS);
    scene->random = random_seeded(&scene->seeded, 5);
    scene->store = calloc(1, sizeof *scene->store);
    scene->wire = calloc(1, sizeof *scene->wire);
    assert_non_null(scene->store);
    assert_non_null(scene->wire);
    fake_store_init(scene->store);
    for (size_t i = 0; i < event_count; i++) {
        fake_store_add(scene->store, START_AT_MS);
    }
    scene->options = (struct worker_options){
        .clock = &scene->clock.clock,
        .random = &scene->random,
        .store = &scene->store->base,
        .transport = &scene->wire->transport,
        .concurrency = concurrency,
        .lease_ms = LEASE_MS,
        .request_timeout_ms = TIMEOUT_MS,
        .poll_interval_ms = POLL_MS,
        .limits = {.burst_count = 350, .steady_count = 3500},
        .policy = {.retry_base_ms = 2000,
                   .retry_max_ms = INT64_C(3600) * 1000,
                   .retry_attempts_max = 5,
                   .retry_age_max_ms = INT64_C(3) * 24 * 3600 * 1000,
                   .probe_interval_ms = PROBE_MS},
    };
    open_worker(scene, "worker-1");
}

void close_scene(struct scene *scene) {
    worker_close(scene->worker);
    free(scene->store);
    free(scene->wire);
}

void step(struct scene *scene) {
    assert_int_equal(worker_step(scene->worker, &scene->wait_ms, &scene->err), ERR_OK);
    assert_true(scene->wait_ms >= 0);
}

void settle_down(struct scene *scene) {
    for (int i = 0; i < 100; i++) {
        step(scene);
        if (scene->wait_ms > 0) {
            return;
        }
    }
    fail_msg("the worker spins");
}

void pass(struct scene *scene, int64_t ms) {
    fake_clock_pass(&scene->clock, ms);
    settle_down(scene);
}
