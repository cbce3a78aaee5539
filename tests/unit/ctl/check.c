/* Is anything wrong, and how much. */
#include "ctl/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = 1795354634000;

/* Nothing is wrong: one worker, seen a second ago. */
struct scene {
    struct store_status status;
    struct worker_view worker_views[3];
    struct worker_list workers;
    struct check_input input;
    struct check check;
};

static struct scene scene;

static int setup(void **state) {
    (void)state;
    memset(&scene, 0, sizeof scene);
    scene.workers = (struct worker_list){.workers = scene.worker_views, .worker_count = 1};
    scene.worker_views[0] = (struct worker_view){.is_alive = true, .seen_at_ms = now_ms - 1000};
    scene.input = (struct check_input){
        .status = &scene.status,
        .workers = &scene.workers,
        .limits = {.oldest_warning_ms = 60000,
                   .oldest_critical_ms = 300000,
                   .dead_warning = 0,
                   .dead_critical = 100,
                   .flagged_warning = 0,
                   .flagged_critical = 2,
                   .workers_min = 1},
        .now_ms = now_ms,
    };
    return 0;
}

static void expect(enum check_level level, const char *text) {
    check_judge(&scene.input, &scene.check);
    assert_string_equal(scene.check.text, text);
    assert_int_equal(scene.check.level, level);
}

static void all_is_well(void **state) {
    (void)state;
    scene.status.due_count = 3;
    scene.status.oldest_due_at_ms = now_ms - 2500;
    expect(CHECK_OK, "3 due, oldest 2 s, 0 dead, 1 worker");
    assert_string_equal(
        scene.check.figures,
        "oldest_due=2.500s;60;300;0 dead=0;0;100;0 flagged=0;0;2;0 due=3;;;0 waiting=0;;;0 "
        "sending=0;;;0 workers=1;;1:;0 paused=0;;0;0;1 breaker_open=0;0;;0;1");
}

static void what_is_due_later_is_not_late(void **state) {
    (void)state;
    scene.status.oldest_due_at_ms = now_ms + 5000;
    expect(CHECK_OK, "0 due, oldest 0 ms, 0 dead, 1 worker");
}

static void a_late_event_is_worse_the_later(void **state) {
    (void)state;
    scene.status.oldest_due_at_ms = now_ms - 60000;
    expect(CHECK_OK, "0 due, oldest 60 s, 0 dead, 1 worker");
    scene.status.oldest_due_at_ms = now_ms - 60001;
    expect(CHECK_WARNING, "the oldest due event waits for 60 s");
    scene.status.oldest_due_at_ms = now_ms - 300001;
    expect(CHECK_CRITICAL, "the oldest due event waits for 5 min");
}

static void dead_events_are_worse_the_more(void **state) {
    (void)state;
    scene.status.dead_count = 1;
    expect(CHECK_WARNING, "1 dead event");
    scene.status.dead_count = 101;
    expect(CHECK_CRITICAL, "101 dead events");
}

static void flagged_preorders_are_worse_the_more(void **state) {
    (void)state;
    scene.status.flagged_count = 1;
    expect(CHECK_WARNING, "1 flagged preorder");
    assert_non_null(strstr(scene.check.figures, " flagged=1;0;2;0 "));
    scene.status.flagged_count = 3;
    scene.status.dead_count = 1;
    expect(CHECK_CRITICAL, "1 dead event; 3 flagged preorders");
}

static void a_paused_account_is_critical_and_its_reason_stays_one_line(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 1;
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "check the key | or\nnot");
    expect(CHECK_CRITICAL, "the account is paused: check the key / or not");
    assert_non_null(strstr(scene.check.figures, " paused=1;"));
}

static void a_pause_that_a_person_ordered_is_a_warning(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 1;
    scene.status.account_is_paused_by_person = true;
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "moving house");
    expect(CHECK_WARNING, "the account is paused by a person: moving house");
}

static void an_open_breaker_is_a_warning(void **state) {
    (void)state;
    scene.status.breaker_opened_at_ms = now_ms - 5000;
    expect(CHECK_WARNING, "the breaker is open for 5 s: Klaviyo fails");
    assert_non_null(strstr(scene.check.figures, " breaker_open=1;"));
}

static void a_missing_worker_is_critical(void **state) {
    (void)state;
    scene.workers.worker_count = 0;
    expect(CHECK_CRITICAL, "0 workers are running, at least 1 wanted");
    scene.workers.worker_count = 1;
    scene.worker_views[0].is_alive = false;
    expect(CHECK_CRITICAL, "0 workers are running, at least 1 wanted");
    scene.input.limits.workers_min = 0;
    expect(CHECK_OK, "0 due, oldest 0 ms, 0 dead, 0 workers");
}

static void a_worker_that_stands_still_does_not_count(void **state) {
    (void)state;
    scene.workers.worker_count = 2;
    scene.worker_views[1] =
        (struct worker_view){.is_alive = true, .seen_at_ms = now_ms - CHECK_UNSEEN_MS - 1};
    expect(CHECK_WARNING, "1 worker is alive and doing nothing (stopped?)");
    scene.input.limits.workers_min = 2;
    expect(CHECK_CRITICAL, "1 worker is running, at least 2 wanted; 1 worker is alive and doing "
                           "nothing (stopped?)");
    scene.worker_views[0].seen_at_ms = scene.worker_views[1].seen_at_ms;
    expect(CHECK_CRITICAL, "0 workers are running, at least 2 wanted; 2 workers are alive and "
                           "doing nothing (stopped?)");
}

static void the_worst_of_all_counts_and_all_are_told(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 1;
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "check the key");
    scene.status.dead_count = 2;
    scene.status.oldest_due_at_ms = now_ms - 100000;
    expect(CHECK_CRITICAL,
           "the account is paused: check the key; the oldest due event waits for 100 "
           "s; 2 dead events");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_is_well, setup),
        cmocka_unit_test_setup(what_is_due_later_is_not_late, setup),
        cmocka_unit_test_setup(a_late_event_is_worse_the_later, setup),
        cmocka_unit_test_setup(dead_events_are_worse_the_more, setup),
        cmocka_unit_test_setup(flagged_preorders_are_worse_the_more, setup),
        cmocka_unit_test_setup(a_paused_account_is_critical_and_its_reason_stays_one_line, setup),
        cmocka_unit_test_setup(a_pause_that_a_person_ordered_is_a_warning, setup),
        cmocka_unit_test_setup(an_open_breaker_is_a_warning, setup),
        cmocka_unit_test_setup(a_missing_worker_is_critical, setup),
        cmocka_unit_test_setup(a_worker_that_stands_still_does_not_count, setup),
        cmocka_unit_test_setup(the_worst_of_all_counts_and_all_are_told, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
