/* Klaviyo's windows, as they are counted for the whole account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/domain/rate.h"
#include "common/random.h"

enum { NOW_MS = 1000000 };

static const struct rate_limits klaviyos = {.burst_count = 350, .steady_count = 3500};

/* ---- Slots and windows ------------------------------------------------------------------------ */

static void a_slot_never_ends_before_the_answer(void **state) {
    (void)state;
    for (int64_t at_ms = NOW_MS; at_ms < NOW_MS + 200; at_ms++) {
        int64_t slot_at_ms = rate_slot_at(at_ms, RATE_BURST_SLOT_MS);
        assert_true(slot_at_ms >= at_ms && slot_at_ms < at_ms + RATE_BURST_SLOT_MS);
    }
}

static void a_sixth_of_the_burst_is_left_to_others(void **state) {
    (void)state;
    struct rate_use use = {0};
    assert_int_equal(rate_room(&klaviyos, &use, NOW_MS).count, 292);
    const struct rate_limits little = {.burst_count = 1, .steady_count = 1};
    assert_int_equal(rate_room(&little, &use, NOW_MS).count, 1);
    const struct rate_limits without_end = {.burst_count = 1000000, .steady_count = 1000000};
    assert_int_equal(rate_room(&without_end, &use, NOW_MS).count, 1000000 - 1000000 / 60);
}

static void the_smaller_room_of_both_windows_counts(void **state) {
    (void)state;
    struct rate_use use = {.burst = {.used_count = 100}, .steady = {.used_count = 3400}};
    assert_int_equal(rate_room(&klaviyos, &use, NOW_MS).count, 100);
    use.steady.used_count = 200;
    assert_int_equal(rate_room(&klaviyos, &use, NOW_MS).count, 192);
}

static void a_full_window_frees_when_its_oldest_slot_leaves(void **state) {
    (void)state;
    struct rate_use use = {.burst = {.used_count = 292, .oldest_at_ms = NOW_MS - 400},
                           .steady = {.used_count = 292, .oldest_at_ms = NOW_MS - 400}};
    struct rate_room room = rate_room(&klaviyos, &use, NOW_MS);
    assert_int_equal(room.count, 0);
    assert_int_equal(room.frees_at_ms, NOW_MS - 400 + RATE_BURST_MS);
    use.steady.used_count = 3500;
    room = rate_room(&klaviyos, &use, NOW_MS);
    assert_int_equal(room.frees_at_ms, NOW_MS - 400 + RATE_STEADY_MS);
}

static void a_window_full_of_requests_on_the_wire_is_looked_at_again_soon(void **state) {
    (void)state;
    struct rate_use use = {
        .in_flight_count = 400, .burst = {.used_count = 400}, .steady = {.used_count = 400}};
    struct rate_room room = rate_room(&klaviyos, &use, NOW_MS);
    assert_int_equal(room.count, 0);
    assert_int_equal(room.frees_at_ms, NOW_MS + RATE_LOOK_MS);
}

/* ---- Any phase -------------------------------------------------------------------------------- */

/* Plays requests that take `latency_ms` at most, claimed whenever there is room, and counts what
   arrives at Klaviyo in every span of a millisecond's phase. */
enum { PLAY_MS = 130000, PLAY_REQUESTS_MAX = 20000 };

struct play {
    int64_t claimed_at_ms[PLAY_REQUESTS_MAX];
    int64_t arrived_at_ms[PLAY_REQUESTS_MAX];
    int64_t answered_at_ms[PLAY_REQUESTS_MAX];
    size_t count;
    int32_t arrivals[PLAY_MS + 10000]; /* in each ms */
};

static void use_at(const struct play *play, int64_t now_ms, struct rate_use *use) {
    memset(use, 0, sizeof *use);
    for (size_t i = play->count; i > 0; i--) {
        int64_t burst_ms = rate_slot_at(play->answered_at_ms[i - 1], RATE_BURST_SLOT_MS);
        int64_t steady_ms = rate_slot_at(play->answered_at_ms[i - 1], RATE_STEADY_SLOT_MS);
        bool is_up = play->answered_at_ms[i - 1] > now_ms;
        use->in_flight_count += is_up ? 1 : 0;
        use->burst.used_count += is_up || burst_ms > now_ms - RATE_BURST_MS ? 1 : 0;
        use->steady.used_count += is_up || steady_ms > now_ms - RATE_STEADY_MS ? 1 : 0;
        if (play->claimed_at_ms[i - 1] < now_ms - RATE_STEADY_MS - 10000) {
            break;
        }
    }
}

static int64_t most_in(const struct play *play, int64_t span_ms) {
    int64_t most = 0;
    int64_t sum = 0;
    for (int64_t at_ms = 0; at_ms < PLAY_MS; at_ms++) {
        sum += play->arrivals[at_ms];
        sum -= at_ms >= span_ms ? play->arrivals[at_ms - span_ms] : 0;
        most = sum > most ? sum : most;
    }
    return most;
}

static void no_span_of_any_phase_holds_more_than_the_allowance(void **state) {
    (void)state;
    struct play *play = calloc(1, sizeof *play);
    assert_non_null(play);
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 11);
    for (int64_t now_ms = 0; now_ms < PLAY_MS; now_ms += 5) {
        struct rate_use use;
        use_at(play, now_ms, &use);
        int64_t room = rate_room(&klaviyos, &use, now_ms).count;
        int64_t count = room < 64 ? room : 64;
        for (int64_t i = 0; i < count && play->count < PLAY_REQUESTS_MAX; i++) {
            int64_t latency_ms = 1 + (int64_t)random_below(&random, 900);
            int64_t way_ms = (int64_t)random_below(&random, (uint64_t)latency_ms);
            play->claimed_at_ms[play->count] = now_ms;
            play->arrived_at_ms[play->count] = now_ms + way_ms;
            play->answered_at_ms[play->count] = now_ms + latency_ms;
            play->arrivals[now_ms + way_ms]++;
            play->count++;
        }
    }
    int64_t burst = most_in(play, RATE_BURST_MS);
    int64_t steady = most_in(play, RATE_STEADY_MS);
    print_message("# most in 1 s: %lld, in 60 s: %lld, of all %zu\n", (long long)burst,
                  (long long)steady, play->count);
    assert_true(burst <= klaviyos.burst_count && steady <= klaviyos.steady_count);
    /* In the second minute as in the first: the limiter wastes nothing worth the name. */
    assert_true(play->count >= 2 * 3500 * 95 / 100);
    free(play);
}

/* ---- What Klaviyo says ------------------------------------------------------------------------ */

static void note(struct rate_cap *cap, int64_t at_ms, int64_t remaining, int64_t reset_s) {
    rate_cap_note(cap, &(struct rate_hint){at_ms, remaining, reset_s});
}

static void nothing_said_is_no_cap(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    assert_true(rate_cap_room(&cap, NOW_MS) == INT64_MAX);
    note(&cap, NOW_MS, 0, 0);
    note(&cap, NOW_MS, -5, 10);
    note(&cap, NOW_MS, 5, 100000);
    assert_int_equal(cap.reset_at_ms, 0);
}

static void remaining_caps_what_goes_out_until_the_reset(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS, 100, 10);
    rate_cap_settle(&cap, 30);
    assert_int_equal(rate_cap_room(&cap, NOW_MS), 70);
    cap.sent_count += 20;
    assert_int_equal(rate_cap_room(&cap, NOW_MS), 50);
    assert_int_equal(rate_cap_room(&cap, NOW_MS + 9999), 50);
    assert_true(rate_cap_room(&cap, NOW_MS + 10000) == INT64_MAX);
}

static void the_lowest_is_the_latest_in_whatever_order_answers_come(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS, 90, 10);
    note(&cap, NOW_MS + 1, 95, 10);
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_room(&cap, NOW_MS + 2), 90);
    note(&cap, NOW_MS + 3, 92, 10);
    rate_cap_settle(&cap, 50); /* no news: what was known holds */
    assert_int_equal(rate_cap_room(&cap, NOW_MS + 4), 90);
}

static void a_new_window_forgets_the_old_one(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS, 0, 1);
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_room(&cap, NOW_MS), 0);
    note(&cap, NOW_MS + 1001, 3400, 60);
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_room(&cap, NOW_MS + 1001), 3400);
    note(&cap, NOW_MS + 1002, 3, 1); /* a late answer of the old window */
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_room(&cap, NOW_MS + 1002), 3400);
}

static void a_cap_of_a_time_that_was_set_back_holds_nobody(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS, 0, 60);
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_room(&cap, NOW_MS), 0);
    assert_true(rate_cap_room(&cap, NOW_MS - INT64_C(3600) * 1000) == INT64_MAX);
}

static void what_is_said_after_a_clock_was_set_back_is_believed(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS + INT64_C(3600) * 1000, 0, 60);
    rate_cap_settle(&cap, 0);
    assert_true(rate_cap_set_back(&cap, NOW_MS));
    assert_false(rate_cap_set_back(&cap, NOW_MS));
    note(&cap, NOW_MS, 7, 60);
    rate_cap_settle(&cap, 0);
    assert_false(rate_cap_set_back(&cap, NOW_MS - 29999)); /* as far ahead as it may be */
    assert_int_equal(rate_cap_room(&cap, NOW_MS), 7);
}

static void the_reset_is_the_earliest_that_was_said(void **state) {
    (void)state;
    struct rate_cap cap = {0};
    note(&cap, NOW_MS, 100, 10);
    note(&cap, NOW_MS + 400, 99, 9);
    assert_int_equal(cap.reset_at_ms, NOW_MS + 9400);
}

/* One window, `own` requests a second of ours and `foreign` of somebody else's. */
static struct rate_cap watch(int64_t own, int64_t foreign, int64_t seconds) {
    struct rate_cap cap = {0};
    int64_t remaining = 3500;
    for (int64_t ms = 0; ms < seconds * 1000; ms++) {
        remaining -= ms * foreign / 1000 != (ms + 1) * foreign / 1000 ? 1 : 0;
        if (ms * own / 1000 != (ms + 1) * own / 1000) {
            remaining--;
            note(&cap, NOW_MS + ms, remaining, (60000 - ms + 999) / 1000);
            rate_cap_settle(&cap, 0);
        }
    }
    return cap;
}

static void alone_we_leave_nothing_to_others(void **state) {
    (void)state;
    struct rate_cap cap = watch(290, 0, 12);
    assert_int_equal(rate_cap_foreign(&cap), 0);
    assert_in_range(rate_cap_room(&cap, NOW_MS + 12000), 15, 25);
}

static void another_client_keeps_its_pace(void **state) {
    (void)state;
    struct rate_cap cap = watch(200, 29, 6);
    assert_in_range(rate_cap_foreign(&cap), 1600, 1800);
    /* 3500 - 6 * 229 are left, 54 * 29 of them are the other's. */
    assert_in_range(rate_cap_room(&cap, NOW_MS + 6000), 450, 650);
}

static void the_pace_of_the_last_window_holds_until_the_new_one_shows_its_own(void **state) {
    (void)state;
    struct rate_cap cap = watch(200, 29, 6);
    note(&cap, NOW_MS + 60500, 3499, 60);
    rate_cap_settle(&cap, 0);
    assert_in_range(rate_cap_foreign(&cap), 1600, 1800);
    note(&cap, NOW_MS + 63000, 3498, 57);
    rate_cap_settle(&cap, 0);
    assert_int_equal(rate_cap_foreign(&cap), 0);
}

static void when_only_requests_on_the_wire_are_in_doubt_their_answers_are_awaited(void **state) {
    (void)state;
    struct rate_use use = {.in_flight_count = 100};
    note(&use.cap, NOW_MS, 100, 10);
    rate_cap_settle(&use.cap, 100);
    struct rate_room room = rate_room(&klaviyos, &use, NOW_MS);
    assert_int_equal(room.count, 0);
    assert_int_equal(room.frees_at_ms, NOW_MS + RATE_LOOK_MS);
    use.in_flight_count = 0;
    room = rate_room(&klaviyos, &use, NOW_MS);
    assert_int_equal(room.frees_at_ms, NOW_MS + 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_never_ends_before_the_answer),
        cmocka_unit_test(a_sixth_of_the_burst_is_left_to_others),
        cmocka_unit_test(the_smaller_room_of_both_windows_counts),
        cmocka_unit_test(a_full_window_frees_when_its_oldest_slot_leaves),
        cmocka_unit_test(a_window_full_of_requests_on_the_wire_is_looked_at_again_soon),
        cmocka_unit_test(no_span_of_any_phase_holds_more_than_the_allowance),
        cmocka_unit_test(nothing_said_is_no_cap),
        cmocka_unit_test(remaining_caps_what_goes_out_until_the_reset),
        cmocka_unit_test(the_lowest_is_the_latest_in_whatever_order_answers_come),
        cmocka_unit_test(a_new_window_forgets_the_old_one),
        cmocka_unit_test(a_cap_of_a_time_that_was_set_back_holds_nobody),
        cmocka_unit_test(what_is_said_after_a_clock_was_set_back_is_believed),
        cmocka_unit_test(the_reset_is_the_earliest_that_was_said),
        cmocka_unit_test(alone_we_leave_nothing_to_others),
        cmocka_unit_test(another_client_keeps_its_pace),
        cmocka_unit_test(the_pace_of_the_last_window_holds_until_the_new_one_shows_its_own),
        cmocka_unit_test(when_only_requests_on_the_wire_are_in_doubt_their_answers_are_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
