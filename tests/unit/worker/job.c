#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/job.h"

#define MEMBERS "/data/attributes/events-bulk-create/data/"

enum { NOW_MS = 1000000 };

struct scene {
    struct job job;
    struct job_slice slice;
    struct verdict_policy policy;
    struct streak streak;
    int64_t now_ms;
    size_t settled[OUTCOME_UNSENT + 1]; /* settlements, by outcome */
};

static struct job_moment moment_of(struct scene *scene) {
    return (struct job_moment){
        .policy = &scene->policy,
        .random = random_system(),
        .streak = &scene->streak,
        .now_ms = scene->now_ms,
        .mono_us = scene->now_ms * 1000,
    };
}

/* With a text of `fill_bytes` in it. */
static char *payload_of(size_t number, int fill_bytes, size_t *length_out) {
    size_t room_bytes = 256 + (size_t)fill_bytes;
    char *payload = malloc(room_bytes);
    assert_non_null(payload);
    int length = snprintf(
        payload, room_bytes,
        "{\"data\":{\"type\":\"event\",\"attributes\":{\"n\":%zu,\"x\":\"%0*d\",\"profile\":"
        "{\"data\":1},\"backfill\":false}}}",
        number, fill_bytes, 0);
    *length_out = (size_t)length;
    return payload;
}

enum { ALL_FIT = -1 };

/* Of `count` events one may be unfit for a job. */
static void begin_with(struct scene *scene, size_t count, int unfit, int fill_bytes) {
    memset(scene, 0, sizeof *scene);
    scene->now_ms = NOW_MS;
    scene->policy = (struct verdict_policy){.retry_base_ms = 1000,
                                            .retry_max_ms = 1000,
                                            .retry_attempts_max = 10,
                                            .retry_age_max_ms = 1000000,
                                            .probe_interval_ms = 30000};
    struct err err;
    assert_int_equal(job_begin(&scene->job, &err), ERR_OK);
    struct claim *claims = calloc(count, sizeof *claims);
    assert_non_null(claims);
    for (size_t i = 0; i < count; i++) {
        claims[i] = (struct claim){.token = 1, .attempts = 1};
        snprintf(claims[i].event_id.text, sizeof claims[i].event_id.text, "%zu", i);
        claims[i].payload = payload_of(i, fill_bytes, &claims[i].payload_bytes);
        claims[i].payload[0] = (int)i == unfit ? '[' : '{';
    }
    struct claim_batch batch = {.claims = claims, .claim_count = count};
    job_add(&scene->job, &batch, 0);
    assert_null(claims[0].payload);
    free(claims);
    job_close(&scene->job);
}

static void begin(struct scene *scene, size_t count) {
    begin_with(scene, count, ALL_FIT, 1);
}

/* As the store does it; those in `stale_set` of the first slice were lost to others. */
static void settle(struct scene *scene, uint64_t stale_set) {
    struct job_moment moment = moment_of(scene);
    while (scene->job.decided_count > 0) {
        job_slice(&scene->job, &moment, &scene->slice);
        for (size_t i = 0; i < scene->slice.count; i++) {
            scene->settled[scene->slice.settlements[i].outcome]++;
        }
        job_settled(&scene->job, &scene->slice, stale_set, 5);
        stale_set = 0;
    }
}

/* Boards, settles what has to be, and puts it on the wire. False: nobody is left. */
static bool fly(struct scene *scene) {
    struct err err;
    bool is_rendered = false;
    while (!is_rendered) {
        if (!job_board(&scene->job)) {
            return false;
        }
        settle(scene, 0);
        assert_int_equal(job_render(&scene->job, &is_rendered, &err), ERR_OK);
    }
    struct job_moment moment = moment_of(scene);
    job_take_off(&scene->job, &moment);
    scene->now_ms += 10;
    return true;
}

static void land(struct scene *scene, int32_t status, const char *body) {
    struct transport_answer answer = {
        .code = status == 0 ? TRANSPORT_RESET : TRANSPORT_OK,
        .http_status = status,
        .content_type = "application/vnd.api+json",
        .retry_after = status == 429 ? "7" : "",
        .body = body,
        .body_bytes = strlen(body),
        .error = "",
        .rate_remaining_count = 3,
        .rate_reset_s = 4,
    };
    struct job_moment moment = moment_of(scene);
    job_land(&scene->job, &answer, &moment);
}

static void end(struct scene *scene) {
    assert_int_equal(scene->job.left_count, 0);
    job_clear(&scene->job);
}

static void an_accepted_job_is_sent_member_by_member(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 100);
    scene.streak.account_count = 5;
    assert_true(fly(&scene));
    assert_int_equal(scene.job.aboard_count, 100);
    land(&scene, 202, "");
    assert_true(scene.job.has_news);
    assert_int_equal(scene.job.news.verdict.outcome, OUTCOME_SENT);
    assert_int_equal(scene.job.news.rate_reset_s, 4);
    assert_int_equal(streak_count(&scene.streak), 0);
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_SENT], 100);
    assert_false(fly(&scene));
    end(&scene);
}

static void the_named_die_with_their_words_and_the_others_fly_again(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 10);
    assert_true(fly(&scene));
    land(&scene, 400,
         "{\"errors\":[{\"detail\":\"Bad time.\",\"source\":{\"pointer\":\"" MEMBERS
         "3/attributes\"}},{\"detail\":\"Bad email.\",\"source\":{\"pointer\":\"" MEMBERS
         "7/attributes\"}}]}");
    assert_int_equal(scene.job.news.verdict.outcome, OUTCOME_RETRY);
    assert_false(scene.job.news.verdict.is_failure);
    struct job_moment moment = moment_of(&scene);
    job_slice(&scene.job, &moment, &scene.slice);
    assert_int_equal(scene.slice.count, 2);
    assert_string_equal(scene.slice.settlements[1].event_id.text, "7");
    assert_int_equal(scene.slice.settlements[1].outcome, OUTCOME_DEAD);
    assert_non_null(strstr(scene.slice.settlements[1].error, "Bad email."));
    assert_non_null(scene.slice.settlements[1].response_body);
    settle(&scene, 0);
    assert_int_equal(streak_count(&scene.streak), 2);
    assert_true(fly(&scene));
    assert_int_equal(scene.settled[OUTCOME_RETRY], 8); /* one line for the refused request */
    assert_int_equal(scene.job.aboard_count, 8);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_DEAD], 2);
    assert_int_equal(scene.settled[OUTCOME_SENT], 8);
    end(&scene);
}

static void an_innocent_loses_no_attempt_and_keeps_its_claim(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 2);
    assert_true(fly(&scene));
    land(&scene, 400, "");
    assert_true(job_board(&scene.job)); /* half of two */
    struct job_moment moment = moment_of(&scene);
    job_slice(&scene.job, &moment, &scene.slice);
    assert_int_equal(scene.slice.count, 1);
    const struct settlement *kept = &scene.slice.settlements[0];
    assert_int_equal(kept->outcome, OUTCOME_RETRY);
    assert_true(kept->is_kept);
    assert_false(kept->is_burnt);
    assert_false(kept->is_failure);
    assert_false(kept->is_single_only);
    assert_int_equal(kept->token, 1);
    assert_int_equal(kept->http_status, 400);
    settle(&scene, 0);
    assert_true(fly(&scene));
    land(&scene, 202, "");
    job_slice(&scene.job, &moment, &scene.slice);
    assert_int_equal(scene.slice.settlements[0].token, 2);
    assert_int_equal(scene.slice.settlements[0].outcome, OUTCOME_SENT);
    settle(&scene, 0);
    end(&scene);
}

/* What its half's acceptance proves needs no request, and no line without one. */
static void a_culprit_by_deduction_dies_of_the_attempt_that_it_had(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 2);
    assert_true(fly(&scene));
    land(&scene, 400, "{\"errors\":[{\"detail\":\"No.\"}]}");
    assert_true(fly(&scene));
    land(&scene, 202, "");
    struct job_moment moment = moment_of(&scene);
    job_slice(&scene.job, &moment, &scene.slice);
    assert_int_equal(scene.slice.count, 2);
    const struct settlement *dead = &scene.slice.settlements[1];
    assert_int_equal(dead->outcome, OUTCOME_DEAD);
    assert_int_equal(dead->token, 1);
    assert_int_equal(dead->http_status, 400);
    assert_int_equal(dead->started_at_ms, NOW_MS);
    assert_non_null(strstr(dead->error, "No."));
    settle(&scene, 0);
    end(&scene);
}

static void a_failure_is_judged_for_each_and_ends_the_job(void **state) {
    (void)state;
    static const struct {
        int32_t status;
        enum outcome outcome;
        bool is_burnt, is_single_only;
    } cases[] = {
        {503, OUTCOME_RETRY, true, true},       {0, OUTCOME_RETRY, true, true},
        {429, OUTCOME_THROTTLED, false, false}, {401, OUTCOME_PAUSED, false, false},
        {425, OUTCOME_RETRY, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        begin(&scene, 3);
        assert_true(fly(&scene));
        land(&scene, cases[i].status, "words");
        assert_int_equal(scene.job.news.verdict.outcome, cases[i].outcome);
        struct job_moment moment = moment_of(&scene);
        job_slice(&scene.job, &moment, &scene.slice);
        assert_int_equal(scene.slice.count, 3);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(scene.slice.settlements[j].outcome, cases[i].outcome);
            assert_int_equal(scene.slice.settlements[j].is_burnt, cases[i].is_burnt);
            assert_int_equal(scene.slice.settlements[j].is_single_only, cases[i].is_single_only);
            assert_int_equal(scene.slice.settlements[j].response_body != NULL,
                             j == 0 && cases[i].status != 0);
        }
        settle(&scene, 0);
        assert_true(scene.job.is_ending);
        end(&scene);
    }
}

static void ten_refused_in_a_row_are_the_operators_fault(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 20);
    scene.streak.account_count = 8;
    assert_true(fly(&scene));
    land(&scene, 400,
         "{\"errors\":[{\"source\":{\"pointer\":\"" MEMBERS
         "1\"}},{\"source\":{\"pointer\":\"" MEMBERS "2\"}},{\"source\":{\"pointer\":\"" MEMBERS
         "3\"}}]}");
    assert_int_equal(scene.job.news.verdict.outcome, OUTCOME_PAUSED);
    assert_true(scene.job.news.verdict.account_not_before_ms > scene.now_ms);
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_DEAD], 1);
    assert_int_equal(scene.settled[OUTCOME_PAUSED], 1);
    assert_int_equal(scene.settled[OUTCOME_RETRY], 18); /* due again, unburnt */
    end(&scene);
}

static void a_member_that_others_have_is_left_to_them(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 4);
    assert_true(fly(&scene));
    land(&scene, 413, "");
    assert_true(job_board(&scene.job)); /* the first two, to be kept */
    settle(&scene, 1);                  /* but the first is gone */
    assert_true(fly(&scene));
    assert_int_equal(scene.job.aboard_count, 1);
    assert_int_equal(scene.job.order[0], 1);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_true(fly(&scene));
    assert_int_equal(scene.job.aboard_count, 2);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_SENT], 3);
    end(&scene);
}

static void what_fits_no_job_is_given_back_to_go_alone(void **state) {
    (void)state;
    struct scene scene;
    begin_with(&scene, 3, 1, 1);
    assert_true(fly(&scene));
    assert_int_equal(scene.job.aboard_count, 2);
    struct job_moment moment = moment_of(&scene);
    job_slice(&scene.job, &moment, &scene.slice);
    assert_int_equal(scene.slice.settlements[0].outcome, OUTCOME_UNSENT);
    assert_true(scene.slice.settlements[0].is_single_only);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_UNSENT], 1);
    assert_int_equal(scene.settled[OUTCOME_SENT], 2);
    end(&scene);
}

static void a_job_that_ends_gives_back_what_it_has(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 4);
    assert_true(fly(&scene));
    land(&scene, 400, "");
    assert_true(job_board(&scene.job));
    settle(&scene, 0); /* two are claimed anew, two have had their attempt */
    job_end(&scene.job);
    size_t kept_count = scene.settled[OUTCOME_RETRY];
    settle(&scene, 0);
    assert_int_equal(kept_count, 2);
    assert_int_equal(scene.settled[OUTCOME_UNSENT], 2);
    assert_int_equal(scene.settled[OUTCOME_RETRY], 4);
    end(&scene);
}

static void claims_tell_their_age(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 2);
    assert_true(job_board(&scene.job));
    assert_true(job_is_younger(&scene.job, 0));
    assert_false(job_is_younger(&scene.job, 1));
    job_end(&scene.job);
    settle(&scene, 0);
    end(&scene);
}

static void a_job_of_large_events_is_full_before_it_has_a_thousand(void **state) {
    (void)state;
    enum { COUNT = 90, BYTES = 60000 };
    struct job job = {0};
    struct err err;
    struct claim claims[COUNT];
    assert_int_equal(job_begin(&job, &err), ERR_OK);
    assert_int_equal(job_room(&job), BULK_MEMBERS_MAX);
    for (size_t i = 0; i < COUNT; i++) {
        claims[i] = (struct claim){
            .payload = calloc(1, BYTES), .payload_bytes = BYTES, .is_backfill = true};
        assert_non_null(claims[i].payload);
        memcpy(claims[i].payload + BYTES - 19, "\"backfill\":false}}}", 19);
    }
    struct claim_batch batch = {.claims = claims, .claim_count = COUNT};
    job_add(&job, &batch, 0);
    assert_int_equal(job_room(&job), 0);
    job_close(&job);
    job_clear(&job);
}

/* A 422 is about the event, and says nothing of a bad deploy. */
static void only_bad_requests_count_as_refusals_in_a_row(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, 3);
    scene.streak.account_count = 20;
    assert_true(fly(&scene));
    land(&scene, 422,
         "{\"errors\":[{\"detail\":\"No.\",\"source\":{\"pointer\":\"" MEMBERS "1\"}}]}");
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_DEAD], 1);
    assert_int_equal(scene.settled[OUTCOME_PAUSED], 0);
    assert_int_equal(streak_count(&scene.streak), 20);
    assert_true(fly(&scene));
    land(&scene, 202, "");
    settle(&scene, 0);
    end(&scene);
}

static void what_finds_no_room_flies_with_the_next_request(void **state) {
    (void)state;
    enum { COUNT = 60, BYTES = 100000 };
    struct scene scene;
    begin_with(&scene, COUNT, ALL_FIT, BYTES);
    assert_true(fly(&scene));
    size_t first_count = scene.job.aboard_count;
    assert_in_range(first_count, 1, COUNT - 1);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_true(fly(&scene));
    assert_int_equal(scene.job.aboard_count, COUNT - first_count);
    land(&scene, 202, "");
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_SENT], COUNT);
    end(&scene);
}

static void a_failure_leaves_the_unfit_unsent(void **state) {
    (void)state;
    struct scene scene;
    begin_with(&scene, 3, 1, 1);
    assert_true(fly(&scene));
    land(&scene, 503, ""); /* before the unfit one was settled */
    settle(&scene, 0);
    assert_int_equal(scene.settled[OUTCOME_UNSENT], 1);
    assert_int_equal(scene.settled[OUTCOME_RETRY], 2);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_job_is_sent_member_by_member),
        cmocka_unit_test(the_named_die_with_their_words_and_the_others_fly_again),
        cmocka_unit_test(an_innocent_loses_no_attempt_and_keeps_its_claim),
        cmocka_unit_test(a_culprit_by_deduction_dies_of_the_attempt_that_it_had),
        cmocka_unit_test(a_failure_is_judged_for_each_and_ends_the_job),
        cmocka_unit_test(ten_refused_in_a_row_are_the_operators_fault),
        cmocka_unit_test(a_member_that_others_have_is_left_to_them),
        cmocka_unit_test(what_fits_no_job_is_given_back_to_go_alone),
        cmocka_unit_test(a_job_that_ends_gives_back_what_it_has),
        cmocka_unit_test(claims_tell_their_age),
        cmocka_unit_test(a_job_of_large_events_is_full_before_it_has_a_thousand),
        cmocka_unit_test(only_bad_requests_count_as_refusals_in_a_row),
        cmocka_unit_test(what_finds_no_room_flies_with_the_next_request),
        cmocka_unit_test(a_failure_leaves_the_unfit_unsent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
