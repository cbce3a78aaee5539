/* What holds for the account as a whole, step by step on a clock of our own. */
#include "common/domain/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/domain/account_scene.h"

/* ---- All is well, and 429 --------------------------------------------------------------------- */

static void an_account_that_is_well_gives_what_is_asked_for(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct account_allowance allowance = scene_ask(&scene);
    assert_int_equal(allowance.count_max, WANTED);
    assert_int_equal(allowance.reason, ACCOUNT_REASON_NONE);
    assert_false(allowance.is_probe);
}

static void the_rate_limit_gives_less_and_says_so(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.limits = (struct rate_limits){.burst_count = 10, .steady_count = 100};
    struct account_allowance allowance = scene_ask(&scene);
    assert_int_equal(allowance.count_max, 9);
    assert_int_equal(allowance.reason, ACCOUNT_REASON_RATE);
    scene.use.burst = (struct rate_window){.used_count = 9, .oldest_at_ms = START_MS - 100};
    scene_expect_refusal(&scene, ACCOUNT_REASON_RATE, START_MS + 900);
}

static void a_429_silences_everybody_in_full(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct ident id = scene_id(1);
    struct account_news news = scene_news(&scene, ACCOUNT_THROTTLES, &id);
    news.not_before_ms = START_MS + 5000;
    account_note(&scene.account, &news, &scene.moment);
    news.not_before_ms = START_MS + 2000; /* a shorter one does not cut it */
    account_note(&scene.account, &news, &scene.moment);
    scene_pass(&scene, 4999);
    scene_expect_refusal(&scene, ACCOUNT_REASON_THROTTLED, START_MS + 5000);
    scene_tell(&scene, ACCOUNT_SENT, 2);
    scene_expect_refusal(&scene, ACCOUNT_REASON_THROTTLED, START_MS + 5000);
    scene_pass(&scene, 1);
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
}

/* ---- The breaker ------------------------------------------------------------------------------ */

static void ten_different_events_in_a_row_open_the_breaker(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    for (int i = 0; i < ACCOUNT_FAILURES_MAX - 1; i++) {
        scene_tell(&scene, ACCOUNT_FAILED, i);
    }
    assert_int_equal(scene.account.opened_at_ms, 0);
    scene_tell(&scene, ACCOUNT_FAILED, 99);
    assert_int_equal(scene.account.opened_at_ms, START_MS);
    struct account_allowance allowance = scene_ask(&scene);
    assert_int_equal(allowance.count_max, 0);
    assert_int_equal(allowance.reason, ACCOUNT_REASON_BREAKER);
    assert_in_range(allowance.not_before_ms, START_MS + 500, START_MS + 1000);
}

static void one_event_that_always_fails_opens_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    for (int i = 0; i < 100; i++) {
        scene_tell(&scene, ACCOUNT_FAILED, i % 2);
    }
    assert_int_equal(scene.account.opened_at_ms, 0);
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
}

static void a_success_or_a_judgement_ends_the_row(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    const enum account_verdict signs_of_life[] = {ACCOUNT_SENT, ACCOUNT_ANSWERED,
                                                  ACCOUNT_THROTTLES};
    for (int i = 0; i < 90; i++) {
        scene_tell(&scene, i % 9 == 0 ? signs_of_life[i / 9 % 3] : ACCOUNT_FAILED, i);
    }
    assert_int_equal(scene.account.opened_at_ms, 0);
}

static void one_probe_at_a_time_after_pauses_that_grow_to_the_interval(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    int64_t pause_ms = ACCOUNT_BREAKER_MS_MIN;
    for (int i = 0; i < 12; i++) {
        scene.moment.dice = (uint64_t)i * 7919;
        int64_t wait_ms = scene_ask(&scene).not_before_ms - scene.moment.now_ms;
        assert_in_range(wait_ms, pause_ms / 2, pause_ms);
        scene_pass(&scene, wait_ms - 1);
        assert_false(scene_probe(&scene, 20 + i));
        scene_pass(&scene, 1);
        assert_true(scene_probe(&scene, 20 + i));
        for (int ms = 0; ms < LEASE_MS; ms += 1000) { /* however long it takes */
            assert_false(scene_probe(&scene, 50));
            scene_pass(&scene, ms < 15000 ? 1000 : 0);
        }
        scene_tell(&scene, ACCOUNT_FAILED, 20 + i);
        pause_ms = pause_ms * 2 < INTERVAL_MS ? pause_ms * 2 : INTERVAL_MS;
    }
    assert_int_equal(pause_ms, INTERVAL_MS);
}

static void other_failures_do_not_lengthen_the_pause(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    int64_t probe_at_ms = scene.account.probe_at_ms;
    scene_fail_ten(&scene);
    scene_tell(&scene, ACCOUNT_FAILED, 77);
    assert_int_equal(scene.account.probe_at_ms, probe_at_ms);
    assert_int_equal(scene.account.breaker_pause_ms, ACCOUNT_BREAKER_MS_MIN);
}

static void a_probe_whose_worker_died_holds_back_the_next_until_its_lease_ends(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, 1000);
    assert_true(scene_probe(&scene, 20));
    scene_pass(&scene, LEASE_MS - 1);
    scene_expect_refusal(&scene, ACCOUNT_REASON_BREAKER, START_MS + 1000 + LEASE_MS);
    scene_pass(&scene, 1);
    assert_true(scene_probe(&scene, 21));
    /* Or until somebody takes its claim. */
    struct ident id = scene_id(21);
    account_note_vanished(&scene.account, &id, 1);
    scene_pass(&scene, 1000);
    assert_true(scene_probe(&scene, 22));
}

static void a_probe_that_never_went_out_may_be_tried_at_once(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, 1000);
    assert_true(scene_probe(&scene, 20));
    scene_tell(&scene, ACCOUNT_UNSENT, 20);
    assert_true(scene_probe(&scene, 21));
}

static void a_probe_that_our_own_end_broke_says_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, 1000);
    assert_true(scene_probe(&scene, 20));
    scene_tell(&scene, ACCOUNT_SILENT, 20);
    assert_int_equal(scene.account.failing_count, ACCOUNT_FAILURES_MAX);
    scene_expect_refusal(&scene, ACCOUNT_REASON_BREAKER, START_MS + 1000 + ACCOUNT_BREAKER_MS_MIN);
}

static void the_first_success_closes_the_breaker_and_starts_slowly(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, 1000);
    assert_true(scene_probe(&scene, 20));
    scene_pass(&scene, 10);
    scene_tell(&scene, ACCOUNT_SENT, 20);
    assert_int_equal(scene.account.opened_at_ms, 0);
    struct account_allowance allowance = scene_ask(&scene);
    assert_int_equal(allowance.count_max, ACCOUNT_CONCURRENCY_MIN);
    assert_int_equal(allowance.reason, ACCOUNT_REASON_CONCURRENCY);
    assert_false(allowance.is_probe);
}

static void a_success_sent_before_the_breaker_opened_proves_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct ident id = scene_id(50);
    struct account_news early = scene_news(&scene, ACCOUNT_SENT, &id);
    scene_pass(&scene, 100);
    scene_fail_ten(&scene);
    scene_pass(&scene, 100);
    account_note(&scene.account, &early, &scene.moment);
    assert_true(scene.account.opened_at_ms > 0);
}

/* ---- Requests at once ------------------------------------------------------------------------- */

static void three_failures_in_a_row_halve_what_may_be_in_flight(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.use.in_flight_count = 40;
    scene_tell(&scene, ACCOUNT_SENT, 1);
    scene_tell(&scene, ACCOUNT_FAILED, 2);
    scene_tell(&scene, ACCOUNT_FAILED, 3);
    assert_int_equal(scene.account.concurrency_max, 0);
    scene_tell(&scene, ACCOUNT_FAILED, 4);
    assert_int_equal(scene.account.concurrency_max, 20);
    assert_int_equal(scene.account.concurrency_broke_count, 40);
    scene_expect_refusal(&scene, ACCOUNT_REASON_CONCURRENCY, START_MS + RATE_LOOK_MS);
    scene.use.in_flight_count = 15;
    assert_int_equal(scene_ask(&scene).count_max, 5);
}

static void a_limit_that_lets_the_allowance_through_is_not_raised(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.limits = (struct rate_limits){.burst_count = 350, .steady_count = 3500};
    scene.account.concurrency_max = 4;
    scene.use.in_flight_count = 4;
    scene.use.burst.used_count = 116;
    scene.account.concurrency_grown_at_ms = START_MS;
    for (int i = 0; i < 100; i++) {
        scene_pass(&scene, 200);
        scene_tell(&scene, ACCOUNT_SENT, i);
    }
    assert_int_equal(scene.account.concurrency_max, 4);
    scene.use.burst.used_count = 100; /* too slow to use the minute's allowance */
    for (int i = 0; i < 10; i++) {
        scene_pass(&scene, 200);
        scene.use.in_flight_count = scene.account.concurrency_max;
        scene_tell(&scene, ACCOUNT_SENT, i);
    }
    assert_int_equal(scene.account.concurrency_max, 14);
}

static void the_first_second_after_a_rest_says_nothing_of_the_pace(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.limits = (struct rate_limits){.burst_count = 350, .steady_count = 3500};
    scene.account.concurrency_max = 14;
    for (int minute = 0; minute < 10; minute++) {
        for (int ms = 0; ms < 30000; ms += 100) {
            scene_pass(&scene, 100);
            scene.use.in_flight_count = 14;
            scene.use.burst.used_count = ms < 1000 ? ms / 7 : 140;
            scene_tell(&scene, ACCOUNT_SENT, ms);
        }
        scene.use.in_flight_count = 1; /* the minute is used up */
        scene_tell(&scene, ACCOUNT_SENT, 1);
        scene_pass(&scene, 30000);
    }
    assert_int_equal(scene.account.concurrency_max, 14);
}

static void a_limit_that_is_not_reached_does_not_grow(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.account.concurrency_max = 4;
    scene.use.in_flight_count = 3;
    for (int i = 0; i < 100; i++) {
        scene_pass(&scene, 1000);
        scene_tell(&scene, ACCOUNT_SENT, i);
    }
    assert_int_equal(scene.account.concurrency_max, 4);
}

static void what_broke_it_is_come_near_only_slowly(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.account.concurrency_max = 2;
    scene.account.concurrency_broke_count = 20;
    int64_t grown_to_16_ms = 0;
    for (int i = 0; i < 6000; i++) {
        scene_pass(&scene, 50);
        scene.use.in_flight_count = scene.account.concurrency_max;
        scene_tell(&scene, ACCOUNT_SENT, i);
        if (scene.account.concurrency_max == 16 && grown_to_16_ms == 0) {
            grown_to_16_ms = scene.moment.now_ms - START_MS;
        }
    }
    assert_in_range(grown_to_16_ms, 1, 4500);
    assert_int_equal(scene.account.concurrency_max, 19); /* one more in each half minute */
    for (int i = 0; i < 6000; i++) {
        scene_pass(&scene, 50);
        scene.use.in_flight_count = scene.account.concurrency_max;
        scene_tell(&scene, ACCOUNT_SENT, i);
    }
    assert_int_equal(scene.account.concurrency_max, 19); /* what broke it is left alone */
}

/* ---- Age -------------------------------------------------------------------------------------- */

static void age_stands_still_while_paused_or_open(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_int_equal(account_held_ms(&scene.account, START_MS), 0);
    scene_fail_ten(&scene);
    scene_pass(&scene, 5000);
    assert_int_equal(account_held_ms(&scene.account, scene.moment.now_ms), 5000);
    (void)account_pause(&scene.account, "", scene.moment.now_ms); /* both: counted once */
    scene_pass(&scene, 5000);
    assert_true(account_resume(&scene.account, scene.moment.now_ms));
    assert_true(scene_probe(&scene, 20));
    scene_tell(&scene, ACCOUNT_SENT, 20);
    scene_pass(&scene, 50000);
    assert_int_equal(account_held_ms(&scene.account, scene.moment.now_ms), 10000);
    scene_tell_pause(&scene, "the key is wrong");
    scene_pass(&scene, 1);
    assert_int_equal(account_held_ms(&scene.account, scene.moment.now_ms), 10001);
}

/* ---- A clock that was set back ---------------------------------------------------------------- */

enum { YEAR_S = 365 * 86400 };

static void a_silence_of_an_old_time_is_over(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.account.not_before_ms = START_MS + INT64_C(1000) * YEAR_S;
    assert_true(account_set_back(&scene.account, &scene.moment));
    assert_int_equal(scene_ask(&scene).count_max, WANTED);
    scene.account.not_before_ms = START_MS + ACCOUNT_WAIT_MS_MAX; /* as long as it may be */
    assert_false(account_set_back(&scene.account, &scene.moment));
    scene_expect_refusal(&scene, ACCOUNT_REASON_THROTTLED, START_MS + ACCOUNT_WAIT_MS_MAX);
}

static void an_open_breaker_of_an_old_time_is_probed_and_closes(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene.account.opened_at_ms += INT64_C(1000) * YEAR_S;
    scene.account.probe_at_ms += INT64_C(1000) * YEAR_S;
    scene.account.held_since_ms += INT64_C(1000) * YEAR_S;
    assert_true(account_set_back(&scene.account, &scene.moment));
    assert_true(scene_probe(&scene, 20));
    scene_pass(&scene, 100);
    scene_tell(&scene, ACCOUNT_SENT, 20);
    assert_int_equal(scene.account.opened_at_ms, 0);
    assert_true(account_held_ms(&scene.account, scene.moment.now_ms) < 60 * 1000);
}

static void while_the_clock_goes_on_nothing_is_brought_back(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    for (int i = 0; i < 100; i++) {
        scene_pass(&scene, 1000);
        (void)scene_probe(&scene, 20);
        assert_false(account_set_back(&scene.account, &scene.moment));
    }
}

/* ---- Rare ways -------------------------------------------------------------------------------- */

static void only_the_very_claim_that_probes_is_the_probe(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, INTERVAL_MS);
    assert_true(scene_probe(&scene, 20));
    struct ident other = scene_id(21), same = scene_id(20);
    account_note_vanished(&scene.account, &other, scene.account.probe_token);
    account_note_vanished(&scene.account, &same, scene.account.probe_token + 1);
    assert_string_equal(scene.account.probe_event_id.text, same.text);
    account_note_vanished(&scene.account, &same, scene.account.probe_token);
    assert_string_equal(scene.account.probe_event_id.text, "");
}

static void a_limit_that_has_grown_to_the_top_is_none(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene.account.concurrency_max = scene.account.concurrency_broke_count = ACCOUNT_CONCURRENCY_MAX;
    scene.use.in_flight_count = ACCOUNT_CONCURRENCY_MAX;
    for (int i = 0; i < 2 * ACCOUNT_TRY_AGAIN_MS / 1000 && scene.account.concurrency_max > 0; i++) {
        scene_tell(&scene, ACCOUNT_SENT, 1);
        scene_pass(&scene, 1000);
    }
    assert_int_equal(scene.account.concurrency_max + scene.account.concurrency_broke_count, 0);
}

static void a_probe_waits_for_room_as_all_do(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    scene_fail_ten(&scene);
    scene_pass(&scene, INTERVAL_MS);
    scene.use.steady.used_count = scene.limits.steady_count;
    assert_int_equal(scene_ask(&scene).count_max, 0);
    assert_int_equal(scene_ask(&scene).reason, ACCOUNT_REASON_RATE);
}

static void every_reason_has_words(void **state) {
    (void)state;
    /* In the order of enum account_reason. */
    static const char *const names[] = {"none",         "throttled",  "paused",
                                        "breaker open", "rate limit", "concurrency"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(account_reason_name((enum account_reason)i), names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_very_claim_that_probes_is_the_probe),
        cmocka_unit_test(a_limit_that_has_grown_to_the_top_is_none),
        cmocka_unit_test(a_probe_waits_for_room_as_all_do),
        cmocka_unit_test(every_reason_has_words),
        cmocka_unit_test(an_account_that_is_well_gives_what_is_asked_for),
        cmocka_unit_test(the_rate_limit_gives_less_and_says_so),
        cmocka_unit_test(a_429_silences_everybody_in_full),
        cmocka_unit_test(ten_different_events_in_a_row_open_the_breaker),
        cmocka_unit_test(one_event_that_always_fails_opens_nothing),
        cmocka_unit_test(a_success_or_a_judgement_ends_the_row),
        cmocka_unit_test(one_probe_at_a_time_after_pauses_that_grow_to_the_interval),
        cmocka_unit_test(other_failures_do_not_lengthen_the_pause),
        cmocka_unit_test(a_probe_whose_worker_died_holds_back_the_next_until_its_lease_ends),
        cmocka_unit_test(a_probe_that_never_went_out_may_be_tried_at_once),
        cmocka_unit_test(a_probe_that_our_own_end_broke_says_nothing),
        cmocka_unit_test(the_first_success_closes_the_breaker_and_starts_slowly),
        cmocka_unit_test(a_success_sent_before_the_breaker_opened_proves_nothing),
        cmocka_unit_test(three_failures_in_a_row_halve_what_may_be_in_flight),
        cmocka_unit_test(a_limit_that_lets_the_allowance_through_is_not_raised),
        cmocka_unit_test(the_first_second_after_a_rest_says_nothing_of_the_pace),
        cmocka_unit_test(a_limit_that_is_not_reached_does_not_grow),
        cmocka_unit_test(what_broke_it_is_come_near_only_slowly),
        cmocka_unit_test(age_stands_still_while_paused_or_open),
        cmocka_unit_test(a_silence_of_an_old_time_is_over),
        cmocka_unit_test(an_open_breaker_of_an_old_time_is_probed_and_closes),
        cmocka_unit_test(while_the_clock_goes_on_nothing_is_brought_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
