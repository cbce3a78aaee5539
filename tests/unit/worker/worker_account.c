/* The worker when the account is to wait, or is paused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/worker/scene.h"

static void a_429_stops_claims_and_gives_the_attempt_back(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 20, CONCURRENCY);
    scene_settle_down(&scene);
    fake_transport_answer_one(scene.wire, 429, "5");
    scene_settle_down(&scene);
    size_t start_count = scene.wire->start_count;
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    for (int i = 0; i < 4; i++) {
        scene_pass(&scene, 1249);
        assert_int_equal(scene.wire->start_count, start_count);
    }
    scene_pass(&scene, 4);
    assert_int_equal(fake_transport_up_count(scene.wire), CONCURRENCY);
    assert_int_equal(scene.store->events[0].attempts +
                         (int32_t)fake_store_count_lines(scene.store, OUTCOME_THROTTLED),
                     scene.store->events[0].is_claimed ? 2 : 1);
    scene_close(&scene);
}

static void nothing_is_claimed_while_a_pause_is_not_written_down(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 300, FAKE_SLOTS_MAX);
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 202);
    /* The last slot's answer stands in the second batch of settlements. */
    scene.wire->slots[FAKE_SLOTS_MAX - 1].answer.http_status = 401;
    size_t start_count = scene.wire->start_count;
    scene_settle_down(&scene);
    assert_int_equal(scene.wire->start_count, start_count);
    assert_true(scene.store->is_paused);
    scene_close(&scene);
}

static void a_pause_probes_slowly_and_ends_with_a_success(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 20, CONCURRENCY);
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 401);
    scene_settle_down(&scene);
    assert_true(scene.store->is_paused);
    static const int32_t failures[] = {401, 503, 0, 400, 422};
    for (size_t probe = 0; probe < sizeof failures / sizeof failures[0]; probe++) {
        scene_pass(&scene, PROBE_MS - 10);
        assert_int_equal(fake_transport_up_count(scene.wire), 0);
        scene_pass(&scene, 20);
        assert_int_equal(fake_transport_up_count(scene.wire), 1);
        fake_transport_answer_all(scene.wire, failures[probe]);
        scene_settle_down(&scene);
    }
    scene_pass(&scene, PROBE_MS + 10);
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    assert_false(scene.store->is_paused);
    assert_int_equal(fake_transport_up_count(scene.wire), CONCURRENCY);
    /* Not one attempt was burnt by the pause, whatever became of the probes. */
    for (size_t i = 0; i < scene.store->line_count; i++) {
        assert_true(scene.store->lines[i].is_burnt ==
                    (scene.store->lines[i].outcome == OUTCOME_SENT));
    }
    scene_close(&scene);
}

static void ten_refusals_in_a_row_pause_instead_of_burying_all(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 100, CONCURRENCY);
    for (int i = 0; i < 50; i++) {
        fake_transport_answer_all(scene.wire, 400);
        scene_pass(&scene, 100);
    }
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_DEAD), 9);
    assert_true(scene.store->is_paused);
    scene_close(&scene);
}

static void refusals_that_other_workers_met_count_too(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 20, 1);
    scene.store->refused_count = 8;
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 400);
    scene_settle_down(&scene);
    assert_false(scene.store->is_paused);
    fake_transport_answer_all(scene.wire, 400);
    scene_settle_down(&scene);
    assert_true(scene.store->is_paused);
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_DEAD), 1);
    scene_close(&scene);
}

static void a_success_between_refusals_starts_the_count_anew(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 60, 1);
    scene_settle_down(&scene);
    for (int i = 0; i < 60; i++) {
        fake_transport_answer_all(scene.wire, i % 9 == 8 ? 202 : 400);
        scene_settle_down(&scene);
    }
    assert_false(scene.store->is_paused);
    assert_int_equal(fake_store_count_sent(scene.store), 6);
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_DEAD), 54);
    scene_close(&scene);
}

/* ---- Beside the events ------------------------------------------------------------------------- */

static void a_store_that_is_busy_with_other_things_is_asked_again(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->bring_back_code = ERR_BUSY;
    scene_settle_down(&scene);
    scene.store->bring_back_code = ERR_OK;
    scene_pass(&scene, POLL_MS);
    scene.store->wal_pages = WORKER_LOG_PAGES_MIN;
    scene.store->checkpoint_code = ERR_BUSY;
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    assert_int_equal(fake_store_count_sent(scene.store), 1);
    assert_int_equal(scene.store->checkpoint_count, 0);
    scene.store->checkpoint_code = ERR_OK;
    for (int i = 0; i < 5; i++) {
        scene_pass(&scene, POLL_MS);
    }
    assert_int_equal(scene.store->checkpoint_count, 1);
    scene_close(&scene);
}

static void a_store_that_breaks_beside_the_events_ends_the_worker(void **state) {
    (void)state;
    for (int what = 0; what < 2; what++) {
        struct scene scene;
        scene_open(&scene, 1, CONCURRENCY);
        scene.store->wal_pages = WORKER_LOG_PAGES_MIN;
        scene.store->bring_back_code = what == 0 ? ERR_FATAL : ERR_OK;
        scene.store->checkpoint_code = what == 1 ? ERR_FATAL : ERR_OK;
        assert_int_equal(worker_step(scene.worker, &scene.wait_ms, &scene.err), ERR_FATAL);
        scene_close(&scene);
    }
}

static void what_a_wrong_clock_put_off_is_sent_at_once_when_it_is_right(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->events[0].due_at_ms = SCENE_START_AT_MS + INT64_C(1000) * HOUR_MS;
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    scene_close(&scene);
}

static void a_second_drain_changes_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene_settle_down(&scene);
    worker_drain(scene.worker, 10000);
    fake_clock_pass(&scene.clock, 9000);
    worker_drain(scene.worker, 10000);
    fake_clock_pass(&scene.clock, 1000);
    scene_step(&scene);
    assert_int_equal(scene.wire->cancel_count, 1);
    assert_true(worker_is_drained(scene.worker));
    scene_close(&scene);
}

static void a_store_that_does_not_count_delays_or_ends(void **state) {
    (void)state;
    static const enum err_code codes[] = {ERR_BUSY, ERR_FATAL};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        scene_open(&scene, 1, CONCURRENCY);
        worker_close(scene.worker);
        scene.options.bulk_threshold = 10;
        scene_open_worker(&scene, "worker-1");
        scene.store->count_code = codes[i];
        enum err_code code = worker_step(scene.worker, &scene.wait_ms, &scene.err);
        assert_int_equal(code, codes[i] == ERR_BUSY ? ERR_OK : ERR_FATAL);
        scene_close(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_429_stops_claims_and_gives_the_attempt_back),
        cmocka_unit_test(nothing_is_claimed_while_a_pause_is_not_written_down),
        cmocka_unit_test(a_pause_probes_slowly_and_ends_with_a_success),
        cmocka_unit_test(ten_refusals_in_a_row_pause_instead_of_burying_all),
        cmocka_unit_test(refusals_that_other_workers_met_count_too),
        cmocka_unit_test(a_success_between_refusals_starts_the_count_anew),
        cmocka_unit_test(a_store_that_is_busy_with_other_things_is_asked_again),
        cmocka_unit_test(a_store_that_breaks_beside_the_events_ends_the_worker),
        cmocka_unit_test(what_a_wrong_clock_put_off_is_sent_at_once_when_it_is_right),
        cmocka_unit_test(a_second_drain_changes_nothing),
        cmocka_unit_test(a_store_that_does_not_count_delays_or_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
