/* The pause of the account: who begins it, what is tried meanwhile, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/domain/account_scene.h"

static void the_operators_fault_pauses_and_probes_slowly(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_tell_pause(&scene, "the key is wrong");
    scene_expect_refusal(&scene, ACCOUNT_REASON_PAUSED, START_MS + INTERVAL_MS);
    assert_string_equal(scene.account.pause_reason, "the key is wrong");
    for (int i = 0; i < 3; i++) {
        scene_pass(&scene, INTERVAL_MS - 1);
        assert_false(scene_probe(&scene, 10 + i));
        scene_pass(&scene, 1);
        assert_true(scene_probe(&scene, 10 + i));
        scene_tell(&scene, i == 0 ? ACCOUNT_FAILED : ACCOUNT_UNSENT, 10 + i);
        if (i > 0) {
            assert_true(scene_probe(&scene, 10 + i)); /* it never went out */
            struct ident id = scene_id(10 + i);
            struct account_news news = scene_news(&scene, ACCOUNT_PAUSES, &id);
            news.pause_reason = "the key is still wrong";
            account_note(&scene.account, &news, &scene.moment);
        }
    }
    assert_int_equal(scene.account.paused_at_ms, START_MS);
    assert_string_equal(scene.account.pause_reason, "the key is still wrong");
    scene_pass(&scene, INTERVAL_MS);
    assert_true(scene_probe(&scene, 30));
    scene_tell(&scene, ACCOUNT_SENT, 30);
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
    assert_string_equal(scene.account.pause_reason, "");
}

/* Were it otherwise, an event that is refused whenever it is sent would keep the account paused for as
   long as it is the only one. */
static void a_probe_that_is_refused_for_its_own_sake_lifts_the_pause(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_tell_pause(&scene, "the key is wrong");
    scene_pass(&scene, INTERVAL_MS);
    assert_true(scene_probe(&scene, 10));
    scene_tell(&scene, ACCOUNT_ANSWERED, 10);
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
}

static void only_the_judgement_of_an_event_lifts_the_pause(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_tell_pause(&scene, "the key is wrong");
    struct ident early = scene_id(9);
    struct account_news news = scene_news(&scene, ACCOUNT_ANSWERED, &early);
    news.started_at_ms = START_MS - 1;
    account_note(&scene.account, &news, &scene.moment);
    const enum account_verdict no_proof[] = {ACCOUNT_FAILED, ACCOUNT_THROTTLES, ACCOUNT_SILENT};
    for (int i = 0; i < 3; i++) {
        scene_pass(&scene, INTERVAL_MS);
        assert_true(scene_probe(&scene, 10 + i));
        scene_tell(&scene, no_proof[i], 10 + i);
        scene_expect_refusal(&scene, ACCOUNT_REASON_PAUSED, scene.moment.now_ms + INTERVAL_MS);
    }
}

static void who_wants_nothing_gets_no_probe(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_tell_pause(&scene, "the key is wrong");
    scene_pass(&scene, INTERVAL_MS);
    assert_int_equal(account_allow(&scene.account, &scene.use, &scene.moment, 0).count_max, 0);
    assert_true(scene_probe(&scene, 10));
}

static void a_persons_pause_is_not_probed_and_not_lifted_by_a_success(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_true(account_pause(&scene.account, "stock-taking", START_MS));
    assert_false(account_pause(&scene.account, "still", START_MS + 1));
    assert_int_equal(scene.account.paused_at_ms, START_MS);
    scene_pass(&scene, (int64_t)100 * INTERVAL_MS);
    scene_expect_refusal(&scene, ACCOUNT_REASON_PAUSED, INT64_MAX);
    scene_tell(&scene, ACCOUNT_SENT, 1);
    scene_tell_pause(&scene, "the key is wrong");
    scene_expect_refusal(&scene, ACCOUNT_REASON_PAUSED, INT64_MAX);
    assert_string_equal(scene.account.pause_reason, "stock-taking");
    assert_true(account_resume(&scene.account, scene.moment.now_ms));
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
    assert_false(account_resume(&scene.account, scene.moment.now_ms));
}

static void resuming_probes_an_open_breaker_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    assert_false(scene_probe(&scene, 20));
    assert_true(account_resume(&scene.account, START_MS));
    assert_true(scene_probe(&scene, 20));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operators_fault_pauses_and_probes_slowly),
        cmocka_unit_test(a_probe_that_is_refused_for_its_own_sake_lifts_the_pause),
        cmocka_unit_test(only_the_judgement_of_an_event_lifts_the_pause),
        cmocka_unit_test(who_wants_nothing_gets_no_probe),
        cmocka_unit_test(a_persons_pause_is_not_probed_and_not_lifted_by_a_success),
        cmocka_unit_test(resuming_probes_an_open_breaker_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
