/* What is counted, and what of the account's state is remembered, so that it is said once. */
#include "worker/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/metrics.h"

struct scene {
    struct metrics *metrics;
    struct report report;
};

static void open_scene(struct scene *scene) {
    struct err err = {0};
    *scene = (struct scene){0};
    assert_int_equal(metrics_open(worker_metrics, WORKER_METRIC_COUNT, &scene->metrics, &err),
                     ERR_OK);
    scene->report.metrics = scene->metrics;
}

static void close_scene(struct scene *scene) {
    metrics_close(scene->metrics);
}

static bool shows(const struct scene *scene, const char *line) {
    struct buf text;
    buf_init(&text, 1 << 20);
    metrics_render(scene->metrics, &text);
    bool is_there = strstr(buf_text(&text), line) != NULL;
    buf_release(&text);
    return is_there;
}

static struct flight flight_with(enum outcome outcome, int64_t started_at_ms,
                                 int64_t finished_at_ms) {
    struct flight flight = {
        .http_status = outcome == OUTCOME_SENT ? 202 : 401,
        .started_at_ms = started_at_ms,
        .finished_at_ms = finished_at_ms,
        .claim = {.created_at_ms = 1000, .attempts = 2},
        .verdict = {.outcome = outcome},
    };
    (void)snprintf(flight.claim.metric, sizeof flight.claim.metric, "Preorder Started");
    return flight;
}

static void no_delivery_took_less_than_nothing(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct flight flight = flight_with(OUTCOME_SENT, 400, 500); /* the clock was set back since */
    report_attempt(&scene.report, &flight);
    assert_true(shows(&scene, "preorder_delivery_lag_seconds_sum 0\n"));
    assert_true(shows(&scene, "preorder_delivery_lag_seconds_count 1\n"));
    flight = flight_with(OUTCOME_SENT, 2000, 3000);
    report_attempt(&scene.report, &flight);
    assert_true(shows(&scene, "preorder_delivery_lag_seconds_sum 2\n"));
    close_scene(&scene);
}

static void a_success_ends_a_pause_only_if_it_began_after_it(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct flight paused = flight_with(OUTCOME_PAUSED, 4000, 5000);
    struct flight before = flight_with(OUTCOME_SENT, 4999, 6000);
    struct flight after = flight_with(OUTCOME_SENT, 5000, 6000);
    report_attempt(&scene.report, &paused);
    assert_true(scene.report.is_paused);
    report_attempt(&scene.report, &paused);
    report_attempt(&scene.report, &before);
    assert_true(scene.report.is_paused);
    report_attempt(&scene.report, &after);
    assert_false(scene.report.is_paused);
    report_attempt(&scene.report, &after);
    close_scene(&scene);
}

static void a_pause_is_learned_from_its_probe_and_ends_with_claims(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct claim_batch probe = {
        .claim_count = 1, .is_probe = true, .reason = ACCOUNT_REASON_PAUSED};
    struct claim_batch empty = {.claim_count = 0};
    struct claim_batch more = {.claim_count = 3};
    report_claims(&scene.report, &probe, 7000);
    assert_true(scene.report.is_paused);
    report_claims(&scene.report, &probe, 8000);
    assert_int_equal(scene.report.paused_at_ms, 7000);
    report_claims(&scene.report, &empty, 9000);
    assert_true(scene.report.is_paused);
    report_claims(&scene.report, &more, 9000);
    assert_false(scene.report.is_paused);
    report_claims(&scene.report, &more, 9000);
    close_scene(&scene);
}

static void overlapping_waits_are_counted_once(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct flight flight = flight_with(OUTCOME_THROTTLED, 1000, 2000);
    flight.verdict.account_not_before_ms = 7000;
    report_attempt(&scene.report, &flight);
    flight.finished_at_ms = 3000;
    flight.verdict.account_not_before_ms = 8000;
    report_attempt(&scene.report, &flight);
    flight.verdict.account_not_before_ms = 6000; /* already waited for */
    report_attempt(&scene.report, &flight);
    assert_true(shows(&scene, "preorder_throttle_wait_seconds_total 6\n"));
    assert_int_equal(scene.report.throttled_until_ms, 8000);
    close_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_delivery_took_less_than_nothing),
        cmocka_unit_test(a_success_ends_a_pause_only_if_it_began_after_it),
        cmocka_unit_test(a_pause_is_learned_from_its_probe_and_ends_with_claims),
        cmocka_unit_test(overlapping_waits_are_counted_once),
    };
    return cmocka_run_group_tests_name("worker/report", tests, NULL, NULL);
}
