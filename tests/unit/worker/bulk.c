/*
 * Bulk jobs from backlog to verdict, when the store, the account, the wire or memory is in the way.
 *
 * Method: a store that gives so many events and does as told, and a wire of which the test is the other end.
 */
#include "worker/bulk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/store/ops.h"
#include "tests/unit/deny.h"
#include "tests/unit/worker/fake_clock.h"
#include "worker/bulk_body.h"

enum {
    EVENTS = 100,
    SLOTS = 4,
    LEASE_MS = 60000,
    TIMEOUT_MS = 15000,
    STEPS_MAX = 2000,
    NTH_MAX = 500
};

static const char payload[] =
    "{\"data\":{\"type\":\"event\",\"attributes\":{\"profile\":{\"data\":1},\"backfill\":false}}}";

struct scene {
    struct store store; /* first: the engine gets a pointer to it */
    struct store_ops ops;
    int left;                     /* events that are due and nobody's */
    int call_count, fails_at;     /* the nth call is refused */
    int held_at;                  /* from the nth call on the account is held */
    enum account_reason no_leave; /* why no job may start; NONE: it may */
    bool gives_unfit;             /* events that fit no job */
    int settled[OUTCOME_UNSENT + 1];
    int64_t takes_ms; /* each transaction */
    bool has_company;
    struct fake_clock clock;
    struct random_seeded seeded;
    struct random random;
    struct transport transport;
    bool is_up[WORKER_JOBS_MAX];
    int start_count, cancel_count, refused_starts;
    struct report report;
    struct streak streak;
    struct worker_options options;
    struct bulk *bulk;
};

/* ---- The store -------------------------------------------------------------------------------- */

static enum err_code refuse(struct scene *scene, struct err *err) {
    return ++scene->call_count == scene->fails_at ? err_set(err, ERR_BUSY, "told to fail") : ERR_OK;
}

static enum err_code fake_count_due(struct store *store, int64_t now_ms, int64_t limit,
                                    int64_t *count_out, struct err *err) {
    (void)now_ms;
    (void)limit;
    struct scene *scene = (struct scene *)store;
    *count_out = scene->left;
    return refuse(scene, err);
}

static void give(struct scene *scene, size_t count_max, struct claim_batch *batch) {
    if (batch->claim_capacity < count_max) {
        free(batch->claims);
        batch->claims = calloc(count_max, sizeof *batch->claims);
        batch->claim_capacity = count_max;
    }
    for (; batch->claim_count < count_max && scene->left > 0; scene->left--) {
        struct claim *claim = &batch->claims[batch->claim_count++];
        *claim = (struct claim){.token = 1, .attempts = 1, .payload = malloc(sizeof payload)};
        assert_non_null(claim->payload);
        memcpy(claim->payload, payload, sizeof payload);
        claim->payload_bytes = sizeof payload - 1;
        claim->payload[0] = scene->gives_unfit ? '[' : '{';
        (void)snprintf(claim->event_id.text, sizeof claim->event_id.text, "%d", scene->left);
    }
}

static enum err_code fake_members(struct store *store, const struct settlement *settlements,
                                  size_t settlement_count, const struct job_request *request,
                                  struct job_reply *reply_out, struct claim_batch *batch,
                                  struct err *err) {
    struct scene *scene = (struct scene *)store;
    fake_clock_pass(&scene->clock, scene->takes_ms);
    enum err_code code = refuse(scene, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < settlement_count; i++) {
        scene->settled[settlements[i].outcome]++;
    }
    reply_out->has_company = scene->has_company;
    reply_out->is_held = scene->held_at > 0 && scene->call_count >= scene->held_at;
    bool finds_some = request->claim.count_max == 0 || scene->left > 0;
    reply_out->may_start = request->wants_start && finds_some && !reply_out->is_held &&
                           scene->no_leave == ACCOUNT_REASON_NONE;
    if (request->wants_start && !reply_out->may_start) {
        batch->reason = finds_some ? scene->no_leave : ACCOUNT_REASON_NONE;
        batch->next_due_at_ms = request->claim.now_ms + 10;
    } else if (!reply_out->is_held) {
        give(scene, request->claim.count_max, batch);
    }
    return ERR_OK;
}

/* ---- The wire --------------------------------------------------------------------------------- */

static enum err_code fake_start(void *context, size_t slot, const struct transport_request *request,
                                struct err *err) {
    struct scene *scene = context;
    assert_true(slot >= SLOTS && slot < SLOTS + WORKER_JOBS_MAX);
    assert_int_equal(request->kind, TRANSPORT_JOB);
    if (scene->refused_starts > 0) {
        scene->refused_starts--;
        return err_set(err, ERR_BUSY, "told to refuse");
    }
    assert_false(scene->is_up[slot - SLOTS]);
    scene->is_up[slot - SLOTS] = true;
    scene->start_count++;
    return ERR_OK;
}

static const struct transport_answer nothing = {
    .code = TRANSPORT_STOPPED, .content_type = "", .retry_after = "", .body = "", .error = ""};

static void fake_cancel(void *context, size_t slot, struct transport_answer *answer_out) {
    struct scene *scene = context;
    assert_true(scene->is_up[slot - SLOTS]);
    scene->is_up[slot - SLOTS] = false;
    scene->cancel_count++;
    *answer_out = nothing;
}

static bool land_all(struct scene *scene, int32_t status) {
    bool has_landed = false;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        if (scene->is_up[i]) {
            struct transport_answer answer = nothing;
            answer.code = TRANSPORT_OK;
            answer.http_status = status;
            scene->is_up[i] = false;
            bulk_land(scene->bulk, SLOTS + i, &answer);
            has_landed = true;
        }
    }
    return has_landed;
}

/* ---- Scenes ----------------------------------------------------------------------------------- */

static void open_scene(struct scene *scene) {
    struct err err;
    *scene = (struct scene){
        .ops = {.name = "fake",
                .count_due = fake_count_due,
                .settle_and_claim_members = fake_members},
        .left = EVENTS,
    };
    scene->store.ops = &scene->ops;
    fake_clock_init(&scene->clock, INT64_C(1795353434000));
    scene->random = random_seeded(&scene->seeded, 5);
    scene->transport =
        (struct transport){.start = fake_start, .cancel = fake_cancel, .context = scene};
    scene->options = (struct worker_options){
        .id = "worker-1",
        .clock = &scene->clock.clock,
        .random = &scene->random,
        .store = &scene->store,
        .transport = &scene->transport,
        .concurrency = SLOTS,
        .lease_ms = LEASE_MS,
        .request_timeout_ms = TIMEOUT_MS,
        .bulk_threshold = EVENTS / 2,
        .backfill_age_ms = 1000,
        .policy = {.retry_base_ms = 2000,
                   .retry_max_ms = 3600000,
                   .retry_attempts_max = 5,
                   .retry_age_max_ms = 3600000,
                   .probe_interval_ms = 30000},
    };
    struct bulk_options options = {
        .worker = &scene->options, .report = &scene->report, .streak = &scene->streak};
    assert_int_equal(bulk_open(&options, &scene->bulk, &err), ERR_OK);
}

static void close_scene(struct scene *scene) {
    bulk_close(scene->bulk);
}

/* One step and a moment; true if the store did not refuse it. */
static bool step(struct scene *scene) {
    struct err err = {0};
    enum err_code code = bulk_step(scene->bulk, &err);
    assert_true(code == ERR_OK || code == ERR_BUSY);
    assert_true(bulk_wait_ms(scene->bulk) >= 0);
    fake_clock_pass(&scene->clock, 50);
    return code == ERR_OK;
}

/* Until something is on the wire, or for long enough. */
static bool fly(struct scene *scene) {
    int before = scene->start_count;
    for (int i = 0; i < STEPS_MAX && scene->start_count == before; i++) {
        (void)step(scene);
    }
    return scene->start_count > before;
}

/* Answers whatever goes out with 202 until nothing is left. */
static void finish(struct scene *scene) {
    for (int i = 0; i < STEPS_MAX; i++) {
        (void)step(scene);
        if (!land_all(scene, 202) && scene->left == 0 && bulk_held_count(scene->bulk) == 0) {
            return;
        }
    }
    fail_msg("%d events left, %zu in hand", scene->left, bulk_held_count(scene->bulk));
}

/* Everything in hand is settled, and nothing goes out. */
static void settle(struct scene *scene) {
    int before = scene->start_count;
    for (int i = 0; i < STEPS_MAX && bulk_held_count(scene->bulk) > 0; i++) {
        (void)step(scene);
    }
    assert_int_equal(bulk_held_count(scene->bulk), 0);
    assert_int_equal(scene->start_count, before);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void a_store_that_is_busy_at_any_moment_loses_nothing(void **state) {
    (void)state;
    bool was_refused = true;
    for (int nth = 1; was_refused; nth++) {
        assert_true(nth < NTH_MAX);
        struct scene scene;
        open_scene(&scene);
        scene.fails_at = nth;
        assert_true(fly(&scene));
        (void)land_all(&scene, 400); /* without a word: it is searched for */
        finish(&scene);
        was_refused = scene.call_count >= nth;
        assert_int_equal(scene.settled[OUTCOME_SENT] + scene.settled[OUTCOME_DEAD], EVENTS);
        assert_int_equal(scene.settled[OUTCOME_DEAD], 1); /* whom the accepted halves left over */
        close_scene(&scene);
    }
}

static void an_account_that_is_held_gets_everything_back(void **state) {
    (void)state;
    /* While the second slice is claimed, and while a second request asks for leave. */
    for (int asks_again = 0; asks_again < 2; asks_again++) {
        struct scene scene;
        open_scene(&scene);
        if (asks_again == 1) {
            assert_true(fly(&scene));
            (void)land_all(&scene, 400);
            scene.no_leave = ACCOUNT_REASON_CONCURRENCY;
            for (int i = 0; i < 20; i++) {
                (void)step(&scene);
            }
            scene.held_at = scene.call_count + 1;
        } else {
            scene.held_at = 3; /* the count, the first slice, the second */
            for (int i = 0; i < 3; i++) {
                (void)step(&scene);
            }
        }
        settle(&scene);
        assert_int_equal(scene.settled[OUTCOME_SENT], 0);
        assert_true(scene.settled[OUTCOME_UNSENT] > 0);
        close_scene(&scene);
    }
}

static void a_request_that_does_not_start_gives_its_events_back(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.refused_starts = 1;
    for (int i = 0; i < 20 && scene.refused_starts > 0; i++) {
        (void)step(&scene);
    }
    settle(&scene);
    assert_int_equal(scene.settled[OUTCOME_UNSENT], EVENTS);
    assert_int_equal(scene.start_count, 0);
    close_scene(&scene);
}

static void events_that_fit_no_job_are_left_to_go_alone(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.gives_unfit = true;
    for (int i = 0; i < 20; i++) {
        (void)step(&scene);
    }
    settle(&scene);
    assert_int_equal(scene.settled[OUTCOME_UNSENT], EVENTS);
    assert_int_equal(scene.start_count, 0);
    close_scene(&scene);
}

static void a_job_that_waited_for_too_long_does_not_go_out(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    assert_true(fly(&scene));
    (void)land_all(&scene, 413);
    scene.no_leave = ACCOUNT_REASON_CONCURRENCY;
    for (int i = 0; i < 20; i++) {
        (void)step(&scene);
    }
    assert_true(bulk_is_crowded_out(scene.bulk));
    fake_clock_pass(&scene.clock, LEASE_MS);
    settle(&scene);
    assert_int_equal(scene.settled[OUTCOME_SENT], 0);
    bulk_drain(scene.bulk);
    assert_false(bulk_is_crowded_out(scene.bulk));
    close_scene(&scene);
}

static void a_backlog_that_may_not_go_out_yet_is_asked_for_again(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.no_leave = ACCOUNT_REASON_CONCURRENCY;
    for (int i = 0; i < 20; i++) {
        (void)step(&scene);
    }
    assert_int_equal(scene.left, EVENTS);
    assert_true(bulk_is_crowded_out(scene.bulk));
    scene.no_leave = ACCOUNT_REASON_NONE;
    finish(&scene);
    assert_int_equal(scene.settled[OUTCOME_SENT], EVENTS);
    close_scene(&scene);
}

static void a_job_that_is_held_before_its_first_slice_came_is_over(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.fails_at = 2; /* the count, the first slice */
    assert_false(step(&scene));
    assert_int_equal(bulk_wait_ms(scene.bulk), 0); /* it would try again */
    bulk_drain(scene.bulk);
    assert_true(step(&scene));
    assert_int_equal(bulk_wait_ms(scene.bulk), INT64_MAX);
    assert_int_equal(scene.call_count, scene.fails_at); /* and asked for nothing more */
    assert_int_equal(scene.left, EVENTS);
    close_scene(&scene);
}

static void no_more_jobs_are_on_the_wire_than_allowed(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    int count = (WORKER_JOBS_MAX + 1) * BULK_MEMBERS_MAX;
    scene.left = count;
    while (scene.start_count < WORKER_JOBS_MAX) {
        assert_true(fly(&scene));
    }
    assert_false(fly(&scene));
    assert_int_equal(scene.left, BULK_MEMBERS_MAX);
    assert_int_equal(bulk_wait_ms(scene.bulk), INT64_MAX); /* until one of them lands */
    (void)land_all(&scene, 202);
    finish(&scene);
    assert_int_equal(scene.settled[OUTCOME_SENT], count);
    close_scene(&scene);
}

/* As many steps as it likes, without a moment between them. */
static void step_on(struct scene *scene) {
    struct err err = {0};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bulk_step(scene->bulk, &err), ERR_OK);
    }
}

static void the_gate_is_left_to_others_for_longer_than_a_slice_takes(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.left = BULK_MEMBERS_MAX + 1;
    scene.takes_ms = 3;
    scene.has_company = true;
    step_on(&scene);
    assert_int_equal(scene.call_count, 2); /* the count, the first slice */
    while (scene.start_count == 0) {
        int calls = scene.call_count;
        assert_int_equal(bulk_wait_ms(scene.bulk), 18);
        fake_clock_pass(&scene.clock, 17);
        step_on(&scene);
        assert_int_equal(scene.call_count, calls);
        assert_int_equal(bulk_wait_ms(scene.bulk), 1);
        fake_clock_pass(&scene.clock, 1);
        step_on(&scene); /* and what needs no gate waits for nothing: the request goes out */
        assert_int_equal(scene.call_count, calls + 1);
    }
    scene.takes_ms = 0;
    fake_clock_pass(&scene.clock, 18);
    assert_true(land_all(&scene, 202));
    int left = (int)bulk_held_count(scene.bulk);
    scene.takes_ms = 1000; /* waited at the gate, most of it: others had their turn */
    step_on(&scene);
    assert_true((int)bulk_held_count(scene.bulk) < left);
    assert_int_equal(bulk_wait_ms(scene.bulk), 20);
    fake_clock_pass(&scene.clock, 20);
    scene.has_company = false; /* nobody is there to leave it to */
    int calls = scene.call_count;
    step_on(&scene);
    assert_int_equal(scene.call_count, calls + 10);
    assert_int_equal(bulk_wait_ms(scene.bulk), 0);
    scene.takes_ms = 0;
    finish(&scene);
    close_scene(&scene);
}

/* Until nothing is left, answering whatever goes out, and no longer than bulk_wait_ms says between two steps; how
   long that took. */
static int64_t work_off(struct scene *scene) {
    int64_t start_ms = scene->clock.mono_ms;
    for (int i = 0; i < STEPS_MAX; i++) {
        struct err err = {0};
        assert_int_equal(bulk_step(scene->bulk, &err), ERR_OK);
        bool has_landed = land_all(scene, 202);
        if (!has_landed && scene->left == 0 && bulk_held_count(scene->bulk) == 0) {
            return scene->clock.mono_ms - start_ms;
        }
        fake_clock_pass(&scene->clock, bulk_wait_ms(scene->bulk));
    }
    fail_msg("%d events left, %zu in hand", scene->left, bulk_held_count(scene->bulk));
    return 0;
}

static void what_a_short_lease_leaves_no_time_for_goes_in_a_later_job(void **state) {
    (void)state;
    for (int64_t spare_ms = 20; spare_ms <= 2000; spare_ms *= 10) {
        struct scene scene;
        open_scene(&scene);
        scene.options.lease_ms = TIMEOUT_MS + spare_ms;
        scene.left = BULK_MEMBERS_MAX;
        scene.takes_ms = 3;
        scene.has_company = true;
        (void)work_off(&scene);
        assert_int_equal(scene.settled[OUTCOME_UNSENT], 0);
        assert_int_equal(scene.settled[OUTCOME_SENT], BULK_MEMBERS_MAX);
        assert_true(spare_ms < 2000 ? scene.start_count > 1 : scene.start_count == 1);
        close_scene(&scene);
    }
}

static void a_drain_leaves_no_time_for_rests(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.left = WORKER_JOBS_MAX * BULK_MEMBERS_MAX;
    while (scene.start_count < WORKER_JOBS_MAX) {
        assert_true(fly(&scene));
    }
    bulk_drain(scene.bulk);
    bulk_cut_short(scene.bulk);
    scene.has_company = true;
    scene.takes_ms = 5;
    assert_in_range(work_off(&scene), 1, 500); /* of the two seconds that the worker has left */
    assert_int_equal(scene.settled[OUTCOME_RETRY], WORKER_JOBS_MAX * BULK_MEMBERS_MAX);
    close_scene(&scene);
}

static void a_drain_ends_what_is_on_the_wire(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene);
    assert_true(fly(&scene));
    bulk_drain(scene.bulk);
    bulk_cut_short(scene.bulk);
    assert_int_equal(scene.cancel_count, 1);
    settle(&scene);
    assert_int_equal(scene.settled[OUTCOME_RETRY], EVENTS);
    close_scene(&scene);
}

static void memory_that_is_missing_loses_nothing(void **state) {
    (void)state;
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct scene scene;
        open_scene(&scene);
        for (int i = 0; i < 2; i++) {
            (void)step(&scene); /* gathered twice: what the store allocates is its own */
        }
        deny(DENY_MEMORY, nth, ENOMEM);
        for (int i = 0; i < 20; i++) {
            (void)step(&scene);
            struct transport_answer answer = nothing;
            answer.code = TRANSPORT_OK;
            answer.http_status = 202;
            answer.body = "{}";
            answer.body_bytes = 2;
            for (size_t j = 0; j < WORKER_JOBS_MAX; j++) {
                if (scene.is_up[j]) {
                    scene.is_up[j] = false;
                    bulk_land(scene.bulk, SLOTS + j, &answer);
                }
            }
        }
        was_denied = deny_end();
        assert_int_equal(scene.settled[OUTCOME_SENT] + scene.settled[OUTCOME_UNSENT], EVENTS);
        assert_true(was_denied || scene.settled[OUTCOME_SENT] == EVENTS);
        close_scene(&scene);
    }
}

static void without_memory_there_are_no_jobs(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    struct bulk_options options = {
        .worker = &scene.options, .report = &scene.report, .streak = &scene.streak};
    struct bulk *bulk = NULL;
    deny(DENY_MEMORY, 1, ENOMEM);
    assert_int_equal(bulk_open(&options, &bulk, &err), ERR_FATAL);
    assert_true(deny_end());
    bulk_close(bulk);
    /* The first step counts, and begins a job. */
    deny(DENY_MEMORY, 1, ENOMEM);
    assert_int_equal(bulk_step(scene.bulk, &err), ERR_BUSY);
    assert_true(deny_end());
    finish(&scene);
    assert_int_equal(scene.settled[OUTCOME_SENT], EVENTS);
    close_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_is_busy_at_any_moment_loses_nothing),
        cmocka_unit_test(an_account_that_is_held_gets_everything_back),
        cmocka_unit_test(a_request_that_does_not_start_gives_its_events_back),
        cmocka_unit_test(events_that_fit_no_job_are_left_to_go_alone),
        cmocka_unit_test(a_job_that_waited_for_too_long_does_not_go_out),
        cmocka_unit_test(a_backlog_that_may_not_go_out_yet_is_asked_for_again),
        cmocka_unit_test(a_job_that_is_held_before_its_first_slice_came_is_over),
        cmocka_unit_test(no_more_jobs_are_on_the_wire_than_allowed),
        cmocka_unit_test(the_gate_is_left_to_others_for_longer_than_a_slice_takes),
        cmocka_unit_test(what_a_short_lease_leaves_no_time_for_goes_in_a_later_job),
        cmocka_unit_test(a_drain_leaves_no_time_for_rests),
        cmocka_unit_test(a_drain_ends_what_is_on_the_wire),
        cmocka_unit_test(memory_that_is_missing_loses_nothing),
        cmocka_unit_test(without_memory_there_are_no_jobs),
    };
    return cmocka_run_group_tests_name("worker/bulk", tests, NULL, NULL);
}
