/* The worker's step with everything around it played: clock, store, wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/worker/scene.h"

/* ---- The usual -------------------------------------------------------------------------------- */

static void a_due_event_is_claimed_sent_and_settled(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    assert_true(scene.store->events[0].is_sent);
    assert_int_equal(scene.store->events[0].attempts, 1);
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_SENT), 1);
    assert_int_equal(worker_held_count(scene.worker), 0);
    scene_close(&scene);
}

static void only_free_slots_are_filled(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 10, CONCURRENCY);
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), CONCURRENCY);
    assert_int_equal(fake_store_count_claimed(scene.store), CONCURRENCY);
    size_t call_count = scene.store->call_count;
    scene_pass(&scene, 5000);
    assert_int_equal(scene.store->call_count, call_count); /* no room, no question */
    fake_transport_answer_one(scene.wire, 202, "");
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), CONCURRENCY);
    scene_close(&scene);
}

static void settling_and_claiming_are_one_call(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 8, CONCURRENCY);
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 202);
    size_t call_count = scene.store->call_count;
    scene_step(&scene);
    assert_int_equal(scene.store->call_count, call_count + 1);
    assert_int_equal(fake_store_count_sent(scene.store), 4);
    assert_int_equal(fake_transport_up_count(scene.wire), 4);
    scene_close(&scene);
}

static void a_call_is_never_larger_than_a_batch(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 300, FAKE_SLOTS_MAX);
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), FAKE_SLOTS_MAX);
    for (int round = 0; round < 10; round++) {
        fake_transport_answer_all(scene.wire, 202);
        scene_settle_down(&scene);
    }
    assert_int_equal(fake_store_count_sent(scene.store), 300);
    assert_int_equal(scene.store->settlements_max, WORKER_BATCH_MAX);
    assert_int_equal(scene.store->claims_max, WORKER_BATCH_MAX);
    scene_close(&scene);
}

static void an_idle_worker_polls_and_no_more(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 0, CONCURRENCY);
    scene_settle_down(&scene);
    int64_t total_ms = 0;
    size_t call_count = scene.store->call_count;
    for (int i = 0; i < 50; i++) {
        assert_in_range(scene.wait_ms, POLL_MS * 3 / 4, POLL_MS * 5 / 4);
        total_ms += scene.wait_ms;
        scene_step(&scene); /* woken early: nothing to ask yet */
        scene_pass(&scene, scene.wait_ms);
    }
    assert_int_equal(scene.store->call_count, call_count + 50);
    assert_in_range(total_ms, 45 * POLL_MS, 55 * POLL_MS);
    scene_close(&scene);
}

static void what_lands_within_moments_is_settled_together(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, CONCURRENCY, CONCURRENCY);
    scene.options.gather_ms = 4;
    worker_close(scene.worker);
    scene_open_worker(&scene, "worker-1");
    scene_settle_down(&scene);
    size_t call_count = scene.store->call_count;
    fake_transport_answer_one(scene.wire, 202, "");
    scene_step(&scene);
    assert_int_equal(scene.store->call_count, call_count); /* one of four: not yet */
    assert_int_equal(scene.wait_ms, 4);
    scene_pass(&scene, 4);
    assert_int_equal(scene.store->call_count, call_count + 1);
    scene_close(&scene);
}

static void with_nothing_in_hand_it_claims_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.options.gather_ms = 4;
    worker_close(scene.worker);
    scene_open_worker(&scene, "worker-1");
    scene_settle_down(&scene);
    fake_transport_answer_one(scene.wire, 202, "");
    scene_pass(&scene, 4);
    assert_int_equal(fake_store_count_sent(scene.store), 1);
    fake_store_add(scene.store, SCENE_START_AT_MS);
    worker_wake(scene.worker);
    scene_step(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    scene_close(&scene);
}

static void all_that_is_in_hand_is_settled_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, CONCURRENCY, CONCURRENCY);
    scene.options.gather_ms = 4;
    worker_close(scene.worker);
    scene_open_worker(&scene, "worker-1");
    scene_settle_down(&scene);
    size_t call_count = scene.store->call_count;
    for (size_t i = 0; i < CONCURRENCY; i++) {
        assert_int_equal(scene.store->call_count, call_count);
        fake_transport_answer_one(scene.wire, 202, "");
        scene_step(&scene);
    }
    assert_int_equal(scene.store->call_count, call_count + 1);
    scene_close(&scene);
}

static void a_worker_wakes_for_the_next_due_event(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 0, CONCURRENCY);
    fake_store_add(scene.store, SCENE_START_AT_MS + 300);
    scene_settle_down(&scene);
    assert_int_equal(scene.wait_ms, 300);
    scene_pass(&scene, 300);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    scene_close(&scene);
}

static void with_a_backlog_it_need_not_be_woken(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 2 * CONCURRENCY, CONCURRENCY);
    assert_true(worker_is_about_to_look(scene.worker)); /* it has just begun */
    scene_settle_down(&scene);
    assert_true(worker_is_about_to_look(scene.worker)); /* more is due than it has slots */
    scene_close(&scene);
}

static void with_nothing_due_it_must_be_woken(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene_settle_down(&scene);
    assert_false(worker_is_about_to_look(scene.worker));
    worker_wake(scene.worker);
    assert_true(worker_is_about_to_look(scene.worker));
    scene_close(&scene);
}

static void a_call_wakes_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 0, CONCURRENCY);
    scene_settle_down(&scene);
    fake_store_add(scene.store, SCENE_START_AT_MS);
    scene_step(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 0);
    worker_wake(scene.worker);
    scene_step(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    scene_close(&scene);
}

static void a_store_that_gives_nothing_is_not_asked_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->withholds = true;
    scene_settle_down(&scene);
    assert_in_range(scene.wait_ms, 10, 100);
    assert_int_equal(scene.store->call_count, 1);
    scene.store->withholds = false;
    scene_pass(&scene, scene.wait_ms);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    scene_close(&scene);
}

static void a_trace_goes_on_with_a_new_parent(void **state) {
    (void)state;
    static const char parent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    memcpy(scene.store->events[0].traceparent, parent, sizeof parent);
    scene_settle_down(&scene);
    assert_memory_equal(scene.wire->slots[0].traceparent, parent, 36);
    assert_string_not_equal(scene.wire->slots[0].traceparent, parent);
    scene_close(&scene);
}

static void the_log_is_kept_short(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->wal_pages = WORKER_LOG_PAGES_MIN - 1;
    scene_settle_down(&scene);
    assert_int_equal(scene.store->checkpoint_count, 0);
    scene.store->wal_pages = WORKER_LOG_PAGES_MIN;
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    assert_int_equal(scene.store->checkpoint_count, 1);
    scene_close(&scene);
}

/* ---- Failures --------------------------------------------------------------------------------- */

static void a_failure_is_tried_again_when_it_is_due(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 503);
    scene_settle_down(&scene);
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_RETRY), 1);
    assert_int_equal(fake_transport_up_count(scene.wire), 0);
    int64_t due_ms = scene.store->events[0].due_at_ms - scene.clock.wall_ms;
    assert_in_range(due_ms, 1, 2000);
    scene_pass(&scene, due_ms);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    fake_transport_answer_all(scene.wire, 202);
    scene_settle_down(&scene);
    assert_true(scene.store->events[0].is_sent);
    assert_int_equal(scene.store->events[0].attempts, 2);
    scene_close(&scene);
}

static void the_last_attempt_buries(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    for (int i = 0; i < 5; i++) {
        scene_pass(&scene, HOUR_MS);
        fake_transport_answer_all(scene.wire, 0);
        scene_settle_down(&scene);
    }
    assert_true(scene.store->events[0].is_dead);
    assert_int_equal(scene.wire->received[0], 5);
    assert_non_null(strstr(scene.store->events[0].error, "given up after 5 attempts"));
    scene_close(&scene);
}

static void an_event_that_killed_every_worker_is_buried_unsent(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->events[0].attempts = 5;
    scene_settle_down(&scene);
    assert_int_equal(scene.wire->start_count, 0);
    assert_true(scene.store->events[0].is_dead);
    scene_close(&scene);
}

static void what_cannot_be_started_is_given_back(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 2, CONCURRENCY);
    scene.wire->refusals_left = 2;
    scene_step(&scene);
    assert_int_equal(fake_store_count_claimed(scene.store), 2);
    /* Not at once: it would be claimed again, and again. */
    assert_in_range(scene.wait_ms, 50, 200);
    scene_pass(&scene, 300);
    assert_int_equal(fake_transport_up_count(scene.wire), 2);
    assert_int_equal(scene.store->line_count, 0);
    assert_int_equal(scene.store->events[0].attempts, 1);
    scene_close(&scene);
}

/* ---- The store in trouble --------------------------------------------------------------------- */

static void settlements_survive_a_busy_store(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 8, CONCURRENCY);
    scene_settle_down(&scene);
    fake_transport_answer_all(scene.wire, 202);
    scene.store->next_code = ERR_BUSY;
    scene.store->failures_left = 5;
    for (int i = 0; i < 5; i++) {
        scene_settle_down(&scene);
        assert_in_range(scene.wait_ms, 50, 200);
        size_t call_count = scene.store->call_count;
        scene_step(&scene);
        assert_int_equal(scene.store->call_count, call_count);
        assert_int_equal(scene.store->line_count, 0);
        assert_int_equal(worker_held_count(scene.worker), CONCURRENCY);
        fake_clock_pass(&scene.clock, scene.wait_ms);
    }
    scene_settle_down(&scene);
    assert_int_equal(fake_store_count_sent(scene.store), CONCURRENCY);
    scene_close(&scene);
}

static void a_worker_that_cannot_know_what_it_holds_ends(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 2, CONCURRENCY);
    scene.store->next_code = ERR_UNKNOWN;
    scene.store->failures_left = 1;
    assert_int_equal(worker_step(scene.worker, &scene.wait_ms, &scene.err), ERR_UNKNOWN);
    scene_close(&scene);
}

static void a_broken_store_ends_the_worker(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 1, CONCURRENCY);
    scene.store->next_code = ERR_FATAL;
    scene.store->failures_left = 1;
    assert_int_equal(worker_step(scene.worker, &scene.wait_ms, &scene.err), ERR_FATAL);
    assert_string_equal(scene.err.text, "told to fail");
    scene_close(&scene);
}

static void a_stale_token_changes_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 2, 2);
    scene_settle_down(&scene);
    /* Somebody else took both over and one of them was sent by them. */
    scene.store->events[0].token++;
    scene.store->events[1].token++;
    fake_transport_answer_event(scene.wire, 0, 503);
    fake_transport_answer_event(scene.wire, 1, 202);
    scene_settle_down(&scene);
    assert_true(scene.store->events[0].is_claimed);
    assert_false(scene.store->events[0].is_sent);
    /* What Klaviyo took is sent, whoever holds it. */
    assert_true(scene.store->events[1].is_sent);
    assert_int_equal(scene.store->line_count, 2);
    scene_close(&scene);
}

static void stop_for_the_lease(struct fake_store *fake, void *context) {
    struct scene *scene = context;
    fake->on_call = NULL;
    fake_clock_pass(&scene->clock, LEASE_MS);
}

static void a_worker_that_stood_still_does_not_send(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 3, CONCURRENCY);
    scene.store->on_call = stop_for_the_lease;
    scene.store->on_call_context = &scene;
    scene_step(&scene);
    assert_int_equal(scene.wire->start_count, 0);
    assert_int_equal(worker_held_count(scene.worker), 3);
    scene_settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 3);
    assert_int_equal(scene.store->line_count, 0);
    assert_int_equal(scene.store->events[0].attempts, 1);
    scene_close(&scene);
}

/* ---- Stopping --------------------------------------------------------------------------------- */

static void a_drain_finishes_what_flies_and_claims_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 10, CONCURRENCY);
    scene_settle_down(&scene);
    worker_drain(scene.worker, 10000);
    scene_settle_down(&scene);
    assert_false(worker_is_drained(scene.worker));
    fake_transport_answer_all(scene.wire, 202);
    scene_step(&scene);
    assert_true(worker_is_drained(scene.worker));
    assert_int_equal(fake_store_count_sent(scene.store), CONCURRENCY);
    assert_int_equal(fake_store_count_claimed(scene.store), 0);
    assert_int_equal(scene.wire->start_count, CONCURRENCY);
    scene_close(&scene);
}

static void a_drain_ends_what_takes_too_long(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 4, CONCURRENCY);
    scene_settle_down(&scene);
    worker_drain(scene.worker, 10000);
    scene_pass(&scene, 7999);
    assert_int_equal(scene.wire->cancel_count, 0);
    assert_int_equal(scene.wait_ms, 1);
    fake_clock_pass(&scene.clock, 1);
    scene_step(&scene);
    assert_int_equal(scene.wire->cancel_count, 4);
    assert_true(worker_is_drained(scene.worker));
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_RETRY), 4);
    scene_close(&scene);
}

static void a_drain_ends_even_if_the_store_does_not_answer(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 4, CONCURRENCY);
    scene_settle_down(&scene);
    scene.store->next_code = ERR_BUSY;
    scene.store->failures_left = SIZE_MAX;
    fake_transport_answer_all(scene.wire, 202);
    worker_drain(scene.worker, 1000);
    int64_t stopped_ms = 0;
    while (!worker_is_drained(scene.worker)) {
        scene_step(&scene);
        fake_clock_pass(&scene.clock, scene.wait_ms > 0 ? scene.wait_ms : 1);
        stopped_ms += scene.wait_ms > 0 ? scene.wait_ms : 1;
        assert_true(stopped_ms < 2000);
    }
    assert_int_equal(worker_held_count(scene.worker), 4);
    scene_close(&scene);
}

static void an_idle_worker_drains_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 0, CONCURRENCY);
    scene_settle_down(&scene);
    assert_false(worker_is_drained(scene.worker));
    worker_drain(scene.worker, 10000);
    assert_true(worker_is_drained(scene.worker));
    scene_close(&scene);
}

/* ---- Dying ------------------------------------------------------------------------------------ */

/*
 * Kills the worker after so many calls of the store, its last call done (or lost) and its requests
 * under way, lets a new one take over, and so on with every worker; the last one may live.
 */
static void die_after(struct scene *scene, size_t calls, bool is_received) {
    int64_t wait_ms = 0;
    size_t call_count = scene->store->call_count;
    for (int turn = 0; turn < 100 && scene->store->call_count < call_count + calls; turn++) {
        if (is_received) {
            fake_transport_answer_one(scene->wire, 202, "");
        }
        assert_int_equal(worker_step(scene->worker, &wait_ms, &scene->err), ERR_OK);
        fake_clock_pass(&scene->clock, wait_ms + 1);
        is_received = fake_transport_up_count(scene->wire) > 0;
    }
    worker_close(scene->worker);
}

static void no_kill_loses_or_repeats_an_event_without_a_line(void **state) {
    (void)state;
    for (size_t calls = 1; calls <= 12; calls++) {
        struct scene scene;
        scene_open(&scene, 10, 3);
        die_after(&scene, calls, false);
        size_t received[10];
        memcpy(received, scene.wire->received, sizeof received);
        (void)fake_store_bury_holder(scene.store, "worker-1", scene.clock.wall_ms);
        scene_open_worker(&scene, "worker-2");
        for (int turn = 0; turn < 100 && fake_store_count_sent(scene.store) < 10; turn++) {
            fake_transport_answer_all(scene.wire, 202);
            scene_pass(&scene, 100);
        }
        assert_int_equal(fake_store_count_sent(scene.store), 10);
        for (size_t event = 0; event < 10; event++) {
            size_t line_count = 0;
            for (size_t i = 0; i < scene.store->line_count; i++) {
                line_count += scene.store->lines[i].event == event ? 1 : 0;
            }
            size_t request_count = received[event] + scene.wire->received[event];
            assert_true(request_count >= 1 && request_count <= line_count);
            assert_true(line_count <= 2);
            assert_int_equal(scene.store->events[event].attempts, line_count);
        }
        scene_close(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_due_event_is_claimed_sent_and_settled),
        cmocka_unit_test(only_free_slots_are_filled),
        cmocka_unit_test(settling_and_claiming_are_one_call),
        cmocka_unit_test(a_call_is_never_larger_than_a_batch),
        cmocka_unit_test(an_idle_worker_polls_and_no_more),
        cmocka_unit_test(what_lands_within_moments_is_settled_together),
        cmocka_unit_test(with_nothing_in_hand_it_claims_at_once),
        cmocka_unit_test(all_that_is_in_hand_is_settled_at_once),
        cmocka_unit_test(a_worker_wakes_for_the_next_due_event),
        cmocka_unit_test(with_a_backlog_it_need_not_be_woken),
        cmocka_unit_test(with_nothing_due_it_must_be_woken),
        cmocka_unit_test(a_call_wakes_at_once),
        cmocka_unit_test(a_store_that_gives_nothing_is_not_asked_at_once),
        cmocka_unit_test(a_trace_goes_on_with_a_new_parent),
        cmocka_unit_test(the_log_is_kept_short),
        cmocka_unit_test(a_failure_is_tried_again_when_it_is_due),
        cmocka_unit_test(the_last_attempt_buries),
        cmocka_unit_test(an_event_that_killed_every_worker_is_buried_unsent),
        cmocka_unit_test(what_cannot_be_started_is_given_back),
        cmocka_unit_test(settlements_survive_a_busy_store),
        cmocka_unit_test(a_worker_that_cannot_know_what_it_holds_ends),
        cmocka_unit_test(a_broken_store_ends_the_worker),
        cmocka_unit_test(a_stale_token_changes_nothing),
        cmocka_unit_test(a_worker_that_stood_still_does_not_send),
        cmocka_unit_test(a_drain_finishes_what_flies_and_claims_nothing),
        cmocka_unit_test(a_drain_ends_what_takes_too_long),
        cmocka_unit_test(a_drain_ends_even_if_the_store_does_not_answer),
        cmocka_unit_test(an_idle_worker_drains_at_once),
        cmocka_unit_test(no_kill_loses_or_repeats_an_event_without_a_line),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
