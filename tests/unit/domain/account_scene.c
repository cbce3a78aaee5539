#include "tests/unit/domain/account_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void scene_open(struct scene *scene) {
    memset(scene, 0, sizeof *scene);
    scene->limits = (struct rate_limits){.burst_count = 1000000, .steady_count = 1000000};
    scene->moment = (struct account_moment){.now_ms = START_MS,
                                            .lease_ms = LEASE_MS,
                                            .probe_interval_ms = INTERVAL_MS,
                                            .limits = &scene->limits,
                                            .use = &scene->use};
}

void scene_pass(struct scene *scene, int64_t ms) {
    scene->moment.now_ms += ms;
}

struct ident scene_id(int number) {
    struct ident id;
    snprintf(id.text, sizeof id.text, "01900000-0000-7000-8000-%012d", number);
    return id;
}

struct account_news scene_news(const struct scene *scene, enum account_verdict verdict,
                               const struct ident *id) {
    return (struct account_news){.verdict = verdict,
                                 .event_id = id,
                                 .token = 1,
                                 .started_at_ms = scene->moment.now_ms,
                                 .finished_at_ms = scene->moment.now_ms};
}

void scene_tell(struct scene *scene, enum account_verdict verdict, int number) {
    struct ident id = scene_id(number);
    struct account_news news = scene_news(scene, verdict, &id);
    account_note(&scene->account, &news, &scene->moment);
}

void scene_tell_pause(struct scene *scene, const char *reason) {
    struct ident id = scene_id(0);
    struct account_news news = scene_news(scene, ACCOUNT_PAUSES, &id);
    news.pause_reason = reason;
    news.not_before_ms = scene->moment.now_ms + INTERVAL_MS;
    account_note(&scene->account, &news, &scene->moment);
}

struct account_allowance scene_ask(const struct scene *scene) {
    return account_allow(&scene->account, &scene->use, &scene->moment, WANTED);
}

bool scene_probe(struct scene *scene, int number) {
    struct account_allowance allowance = scene_ask(scene);
    if (allowance.count_max == 0) {
        return false;
    }
    assert_true(allowance.is_probe);
    assert_int_equal(allowance.count_max, 1);
    struct ident id = scene_id(number);
    account_note_probe(&scene->account, &id, 1, &scene->moment);
    return true;
}

void scene_fail_ten(struct scene *scene) {
    for (int i = 0; i < ACCOUNT_FAILURES_MAX; i++) {
        scene_tell(scene, ACCOUNT_FAILED, i);
    }
}

void scene_expect_refusal(const struct scene *scene, enum account_reason reason, int64_t until_ms) {
    struct account_allowance allowance = scene_ask(scene);
    assert_int_equal(allowance.count_max, 0);
    assert_int_equal(allowance.reason, reason);
    assert_true(allowance.not_before_ms == until_ms);
}
