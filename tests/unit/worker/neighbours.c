/* The worker and its neighbours: how soon it finds that one died, and what it does then. */
#include <setjmp.h> /* cmocka.h needs these three before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/worker/scene.h"

static void a_lone_worker_wakes_for_nobody(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, 0, CONCURRENCY);
    settle_down(&scene);
    size_t tend_count = scene.store->tend_count;
    for (int i = 0; i < 50; i++) {
        assert_in_range(scene.wait_ms, POLL_MS * 3 / 4, POLL_MS * 5 / 4);
        pass(&scene, scene.wait_ms);
    }
    assert_int_equal(scene.store->tend_count, tend_count + 50);
    close_scene(&scene);
}

static void the_death_of_a_neighbour_is_found_within_250_ms(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, 0, CONCURRENCY);
    scene.store->neighbour_count = 1;
    settle_down(&scene);
    for (int i = 0; i < 50; i++) {
        assert_in_range(scene.wait_ms, 1, 250);
        size_t tend_count = scene.store->tend_count;
        fake_clock_pass(&scene.clock, 250);
        step(&scene);
        assert_int_equal(scene.store->tend_count, tend_count + 1);
    }
    close_scene(&scene);
}

static void what_a_dead_neighbour_had_in_hand_is_sent_in_the_same_turn(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, 0, CONCURRENCY);
    settle_down(&scene);
    size_t event = fake_store_add(scene.store, START_AT_MS);
    scene.store->events[event].is_claimed = true;
    scene.store->events[event].due_at_ms = START_AT_MS + LEASE_MS;
    snprintf(scene.store->events[event].holder, WORKER_ID_BYTES, "worker-0");
    scene.store->dying = "worker-0";
    fake_clock_pass(&scene.clock, POLL_MS * 5 / 4);
    step(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), 1);
    assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_UNKNOWN), 1);
    close_scene(&scene);
}

static void a_busy_worker_without_a_free_slot_tends_all_the_same(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, CONCURRENCY + 1, CONCURRENCY);
    scene.store->neighbour_count = 1;
    settle_down(&scene);
    assert_int_equal(fake_transport_up_count(scene.wire), CONCURRENCY);
    assert_in_range(scene.wait_ms, 1, 250);
    size_t tend_count = scene.store->tend_count;
    pass(&scene, 250);
    assert_int_equal(scene.store->tend_count, tend_count + 1);
    close_scene(&scene);
}

static void a_busy_store_is_not_tended_at_once_again(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, 0, CONCURRENCY);
    scene.store->tend_code = ERR_BUSY;
    step(&scene);
    assert_in_range(scene.wait_ms, 50, 200);
    assert_int_equal(scene.store->tend_count, 1);
    step(&scene);
    assert_int_equal(scene.store->tend_count, 1);
    close_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_worker_wakes_for_nobody),
        cmocka_unit_test(the_death_of_a_neighbour_is_found_within_250_ms),
        cmocka_unit_test(what_a_dead_neighbour_had_in_hand_is_sent_in_the_same_turn),
        cmocka_unit_test(a_busy_worker_without_a_free_slot_tends_all_the_same),
        cmocka_unit_test(a_busy_store_is_not_tended_at_once_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
