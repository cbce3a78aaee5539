/* Why an event is where it is: the sentences for every state and every reason to wait. */
#include "ctl/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/state.h"

static const int64_t now_ms = 1795354634000; /* 2026-11-22 13:37:14 UTC */

/* A due event, due since a minute, and a worker nowhere. */
struct scene {
    struct event_view event, behind;
    struct attempt_view attempts[3];
    struct attempt_list list;
    struct store_status status;
    struct worker_view worker_views[2];
    struct worker_list workers;
    struct explain_input input;
    struct explanation told;
    char text[EXPLAIN_SENTENCES_MAX * EXPLAIN_SENTENCE_BYTES];
};

static struct scene scene;

static int setup(void **state) {
    (void)state;
    memset(&scene, 0, sizeof scene);
    struct event_view *event = &scene.event;
    (void)snprintf(event->id.text, sizeof event->id.text, "0193518d-7c1a-7000-8000-2b6f1e0c9a44");
    (void)snprintf(event->status, sizeof event->status, "pending");
    (void)snprintf(event->metric, sizeof event->metric, "Preorder Started");
    event->created_at_ms = now_ms - 60000;
    event->next_attempt_at_ms = now_ms - 60000;
    scene.list.attempts = scene.attempts;
    scene.input = (struct explain_input){.event = event,
                                         .attempts = &scene.list,
                                         .status = &scene.status,
                                         .workers = &scene.workers,
                                         .attempts_max = 200,
                                         .now_ms = now_ms};
    return 0;
}

static void start_worker(const char *name) {
    struct worker_view *worker = &scene.worker_views[scene.workers.worker_count++];
    scene.workers.workers = scene.worker_views;
    *worker = (struct worker_view){.pid = 77, .is_alive = true, .seen_at_ms = now_ms - 1000};
    (void)snprintf(worker->name, sizeof worker->name, "%s", name);
}

static void expect_said(const char *said) {
    if (strstr(scene.text, said) == NULL) {
        fail_msg("'%s' does not say '%s'", scene.text, said);
    }
}

/* Explains and looks for `said` among the sentences. */
static void expect(const char *said, const char *command) {
    explain_event(&scene.input, &scene.told);
    scene.text[0] = '\0';
    size_t length = 0;
    assert_true(scene.told.sentence_count > 0);
    for (size_t i = 0; i < scene.told.sentence_count; i++) {
        length += (size_t)snprintf(scene.text + length, sizeof scene.text - length, "%s\n",
                                   scene.told.sentences[i]);
    }
    expect_said(said);
    assert_string_equal(scene.told.command, command);
}

static void set_status(const char *status) {
    (void)snprintf(scene.event.status, sizeof scene.event.status, "%s", status);
    scene.event.next_attempt_at_ms = 0;
}

static void a_sent_event_was_accepted(void **state) {
    (void)state;
    set_status("sent");
    scene.event.sent_at_ms = now_ms - 30000;
    expect("Klaviyo accepted it at 2026-11-22 13:36:44 (30 s ago), 30 s after it was written", "");
}

static void a_dead_event_says_why_and_how_to_retry(void **state) {
    (void)state;
    set_status("dead");
    scene.event.attempts = 1;
    scene.event.last_http_status = 400;
    (void)snprintf(scene.event.last_error, sizeof scene.event.last_error, "Invalid email");
    expect("after 1 attempt it was given up (HTTP 400: Invalid email)",
           "preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44");
    expect_said("refused the event itself");
}

static void every_status_that_is_the_event_s_own_fault_is_called_a_refusal(void **state) {
    (void)state;
    static const int32_t statuses[] = {400, 409, 413, 422};
    set_status("dead");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        scene.event.last_http_status = statuses[i];
        expect("refused the event itself",
               "preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44");
    }
}

static void a_dead_event_of_an_outage_is_not_called_refused(void **state) {
    (void)state;
    set_status("dead");
    scene.event.attempts = 200;
    scene.event.last_http_status = 503;
    expect("after 200 attempts it was given up (HTTP 503)",
           "preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44");
    assert_null(strstr(scene.text, "refused"));
}

static void an_event_that_timed_out_too_often_is_not_called_refused(void **state) {
    (void)state;
    set_status("dead");
    scene.event.attempts = 200;
    scene.event.last_http_status = 408;
    expect("after 200 attempts it was given up (HTTP 408)",
           "preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44");
    assert_null(strstr(scene.text, "refused"));
}

static void a_late_dead_is_not_called_a_retry(void **state) {
    (void)state;
    start_worker("host-1:77");
    /* The verdict of a worker that had lost its claim: in the journal, not in the event. */
    scene.list.attempt_count = 1;
    (void)snprintf(scene.attempts[0].outcome, sizeof scene.attempts[0].outcome, "dead");
    scene.attempts[0].is_burnt = true;
    scene.event.attempts = 2;
    scene.event.is_claimed = true;
    scene.event.claim_expires_at_ms = now_ms + 60000;
    (void)snprintf(scene.event.claimed_by, sizeof scene.event.claimed_by, "host-1:77");
    expect("has it in hand right now", "");
    assert_null(strstr(scene.text, "It was dead before"));
}

static void a_cancelled_event_stays_so(void **state) {
    (void)state;
    set_status("cancelled");
    expect("A person cancelled it: it will not be sent.", "");
}

static void a_claimed_event_names_its_worker(void **state) {
    (void)state;
    scene.event.is_claimed = true;
    scene.event.claim_expires_at_ms = now_ms + 60000;
    (void)snprintf(scene.event.claimed_by, sizeof scene.event.claimed_by, "host-1:77");
    start_worker("host-1:77");
    expect("(host-1:77) has it in hand right now; its claim lasts until 2026-11-22 13:38:14 "
           "(in 60 s)",
           "");
}

static void a_claim_s_holder_is_dead_stopped_or_gone(void **state) {
    (void)state;
    scene.event.is_claimed = true;
    scene.event.claim_expires_at_ms = now_ms + 60000;
    (void)snprintf(scene.event.claimed_by, sizeof scene.event.claimed_by, "host-1:77");
    expect("That worker is not in the register any more", "preorder-worker");
    start_worker("host-1:78");
    expect("That worker is not in the register any more", "");
    start_worker("host-1:77");
    scene.worker_views[1].is_alive = false;
    expect("That worker (pid 77, last seen 2026-11-22 13:37:13 (1 s ago)) is dead", "");
    scene.worker_views[1].is_alive = true;
    scene.worker_views[1].seen_at_ms = now_ms - 300000;
    expect("was last seen 2026-11-22 13:32:14 (5 min ago): it is stopped or hangs",
           "kill -CONT 77");
    scene.event.is_claimed = false;
    scene.event.claim_expires_at_ms = now_ms - 60000;
    expect("it is stopped or hangs", "kill -CONT 77");
}

static void a_claim_that_ran_out_says_so(void **state) {
    (void)state;
    (void)snprintf(scene.event.claimed_by, sizeof scene.event.claimed_by, "host-1:77");
    scene.event.claim_expires_at_ms = now_ms - 60000;
    expect("(host-1:77) claimed it and never said what became of it", "preorder-worker");
}

static void backoff_says_until_when_and_why(void **state) {
    (void)state;
    scene.event.next_attempt_at_ms = now_ms + 40000;
    scene.event.attempts = 3;
    start_worker("host-1:77");
    (void)snprintf(scene.event.last_error, sizeof scene.event.last_error, "connection refused");
    expect("next attempt at 2026-11-22 13:37:54 (in 40 s), because the last one failed "
           "(connection refused); 3 of at most 200 attempts are used up",
           "");
}

static void behind_an_earlier_event_names_it(void **state) {
    (void)state;
    scene.event.next_attempt_at_ms = 0;
    (void)snprintf(scene.event.behind_id.text, sizeof scene.event.behind_id.text, "earlier");
    (void)snprintf(scene.behind.metric, sizeof scene.behind.metric, "Preorder Started");
    scene.input.behind = &scene.behind;
    expect("behind an earlier event of the same preorder, earlier (Preorder Started)",
           "preorderctl explain earlier");
    scene.input.behind = NULL;
    expect("behind an earlier event of the same preorder, earlier, because",
           "preorderctl explain earlier");
}

static void waiting_for_nothing_is_called_wrong(void **state) {
    (void)state;
    scene.event.next_attempt_at_ms = 0;
    expect("this should not be", "preorderctl audit");
}

static void a_pause_gives_its_reason_and_the_next_probe(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 600000;
    scene.status.account_not_before_ms = now_ms + 20000;
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "HTTP 401: the key is wrong");
    expect("paused since 2026-11-22 13:27:14 (10 min ago): HTTP 401: the key is wrong.",
           "preorderctl resume");
    expect_said("The next probe goes out at 2026-11-22 13:37:34 (in 20 s)");
    expect_said("Mend the cause");
    /* Klaviyo's words often end as a sentence does. */
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "HTTP 401: the key is wrong.");
    explain_event(&scene.input, &scene.told);
    assert_null(strstr(scene.told.sentences[1], ".."));
    assert_non_null(strstr(scene.told.sentences[1], "the key is wrong."));
}

static void a_pause_whose_probe_is_under_way_or_that_has_no_reason_is_told_as_well(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 600000;
    scene.status.account_not_before_ms = now_ms;
    expect("paused since 2026-11-22 13:27:14 (10 min ago): .", "preorderctl resume");
    expect_said("Mend the cause");
    assert_null(strstr(scene.text, "next probe"));
}

static void a_pause_by_a_person_ends_by_a_person(void **state) {
    (void)state;
    scene.status.account_paused_since_ms = now_ms - 600000;
    scene.status.account_is_paused_by_person = true;
    (void)snprintf(scene.status.account_pause_reason, sizeof scene.status.account_pause_reason,
                   "moving house");
    expect("is paused by a person since 2026-11-22 13:27:14 (10 min ago): moving house.",
           "preorderctl resume");
    expect_said("It stays so until a person resumes it.");
    expect_said("No preorder-worker is running");
}

static void an_open_breaker_tells_of_the_next_probe(void **state) {
    (void)state;
    start_worker("host-1:77");
    scene.status.breaker_opened_at_ms = now_ms - 30000;
    scene.status.account_reason = ACCOUNT_REASON_BREAKER;
    scene.status.account_reason_until_ms = now_ms + 4000;
    expect("the breaker is open since 2026-11-22 13:36:44 (30 s ago)", "preorderctl status");
    expect_said("The next probe goes out at 2026-11-22 13:37:18 (in 4 s)");
    scene.event.next_attempt_at_ms = now_ms + 40000;
    expect("the breaker is open since 2026-11-22 13:36:44 (30 s ago)", "preorderctl status");
}

static void an_open_breaker_whose_probe_may_go_out_now_names_no_time(void **state) {
    (void)state;
    start_worker("host-1:77");
    scene.status.breaker_opened_at_ms = now_ms - 30000;
    scene.status.account_reason = ACCOUNT_REASON_BREAKER;
    scene.status.account_reason_until_ms = now_ms;
    expect("the breaker is open since 2026-11-22 13:36:44 (30 s ago)", "preorderctl status");
    assert_null(strstr(scene.text, "The next probe"));
    scene.status.account_reason = ACCOUNT_REASON_RATE; /* that holds back the probe */
    scene.status.account_reason_until_ms = now_ms + 4000;
    expect("the breaker is open since 2026-11-22 13:36:44 (30 s ago)", "preorderctl status");
    assert_null(strstr(scene.text, "The next probe"));
}

static void the_rate_limit_is_a_reason_for_what_is_due(void **state) {
    (void)state;
    start_worker("host-1:77");
    scene.status.account_reason = ACCOUNT_REASON_RATE;
    scene.status.account_reason_until_ms = now_ms + 400;
    scene.status.rate_limits = (struct rate_limits){.burst_count = 350, .steady_count = 3500};
    scene.status.rate_used_burst = 12;
    scene.status.rate_used_steady = 3500;
    scene.status.due_count = 9000;
    expect("12 of 350 requests in this second and 3500 of 3500 in this minute are used", "");
    expect_said("9000 events are due");
    scene.event.next_attempt_at_ms = now_ms + 40000;
    explain_event(&scene.input, &scene.told);
    assert_int_equal(scene.told.sentence_count, 1);
}

static void so_are_the_requests_at_once(void **state) {
    (void)state;
    start_worker("host-1:77");
    scene.status.account_reason = ACCOUNT_REASON_CONCURRENCY;
    scene.status.in_flight_count = 20;
    scene.status.concurrency_max = 20;
    expect("As many requests (20) are on the wire as Klaviyo takes at once at the moment (20)", "");
}

static void throttling_gives_its_end(void **state) {
    (void)state;
    scene.status.account_not_before_ms = now_ms + 20000;
    start_worker("host-1:77");
    expect("slow down (429): nothing is sent before 2026-11-22 13:37:34 (in 20 s)", "");
}

static void an_account_that_waited_long_ago_holds_nothing_back(void **state) {
    (void)state;
    scene.status.account_not_before_ms = now_ms - 1;
    expect("No preorder-worker is running", "preorder-worker");
}

static void due_for_a_moment_is_no_reason_to_worry(void **state) {
    (void)state;
    scene.event.next_attempt_at_ms = now_ms - 3000;
    start_worker("host-1:77");
    expect("within moments", "");
}

static void due_for_long_while_workers_are_busy_is_a_backlog(void **state) {
    (void)state;
    start_worker("host-1:77");
    scene.status.claimed_count = 32;
    scene.status.due_count = 9000;
    expect("Workers are busy: 9000 events are due, 32 in hand", "preorderctl status");
    scene.status.claimed_count = 0;
    scene.status.last_sent_at_ms = now_ms - 100;
    expect("Workers are busy", "preorderctl status");
}

static void due_for_long_without_any_worker_says_so(void **state) {
    (void)state;
    expect("It is due since 2026-11-22 13:36:14 (60 s ago).", "preorder-worker");
    expect_said("No preorder-worker is running: nothing is sent until one is started.");
}

static void due_while_the_only_worker_stands_still_says_so(void **state) {
    (void)state;
    start_worker("host-1:76");
    scene.worker_views[0].is_alive = false;
    start_worker("host-1:77");
    scene.worker_views[1].seen_at_ms = now_ms - 300000;
    expect("No preorder-worker is at work: host-1:77 lives (pid 77) but was last seen 2026-11-22 "
           "13:32:14 (5 min ago).",
           "kill -CONT 77");
    assert_null(strstr(scene.text, "is running"));
    scene.worker_views[1].seen_at_ms = now_ms;
    explain_event(&scene.input, &scene.told);
    assert_null(strstr(scene.told.sentences[1], "at work"));
}

static void due_for_long_while_workers_do_nothing_points_to_their_logs(void **state) {
    (void)state;
    start_worker("host-1:77");
    expect("Workers run (1), yet none took it: their logs say why.", "preorderctl status");
}

static void a_retry_by_a_person_is_seen_in_the_journal(void **state) {
    (void)state;
    (void)snprintf(scene.attempts[0].outcome, sizeof scene.attempts[0].outcome, "dead");
    scene.attempts[0].is_burnt = true;
    scene.list.attempt_count = 1;
    (void)snprintf(scene.attempts[1].outcome, sizeof scene.attempts[1].outcome, "retry");
    scene.list.attempt_count = 2;
    expect("It was dead before; a person had it tried again.", "preorder-worker");
    set_status("dead");
    explain_event(&scene.input, &scene.told);
    assert_null(strstr(scene.told.sentences[0], "tried again."));
}

static void hostile_words_cannot_steer_the_terminal(void **state) {
    (void)state;
    set_status("dead");
    (void)snprintf(scene.event.last_error, sizeof scene.event.last_error, "\x1b[2Jgone\nnext");
    expect("( [2Jgone next)", "preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44");
}

/* The longest texts that fit the views must not be too long for a sentence. */
static void the_longest_words_fit(void **state) {
    (void)state;
    memset(scene.event.last_error, 'x', sizeof scene.event.last_error - 1);
    scene.event.last_http_status = 503;
    scene.event.attempts = 1;
    scene.event.next_attempt_at_ms = now_ms + 40000;
    scene.status.account_paused_since_ms = 1;
    scene.status.account_not_before_ms = now_ms + 1000;
    memset(scene.status.account_pause_reason, 'y', sizeof scene.status.account_pause_reason - 1);
    expect("attempts are used up.", "preorderctl resume");
    expect_said("yyy.");
}

static void every_outcome_makes_a_sentence(void **state) {
    (void)state;
    static const struct {
        struct attempt_view attempt;
        const char *sentence;
    } cases[] = {
        {{.outcome = "sent", .finished_at_ms = 1500, .http_status = 202},
         "Attempt 1, 1970-01-01 00:00:01, took 500 ms: Klaviyo accepted it (HTTP 202)."},
        {{.outcome = "retry",
          .finished_at_ms = 4000,
          .error = "timeout",
          .next_attempt_at_ms = 9000},
         "Attempt 2, 1970-01-01 00:00:01, took 3 s: it failed and will be tried again (timeout); "
         "next not before 1970-01-01 00:00:09."},
        {{.outcome = "throttled", .finished_at_ms = 1001, .http_status = 429},
         "Attempt 3, 1970-01-01 00:00:01, took 1 ms: Klaviyo asked us to wait; the attempt does "
         "not count (HTTP 429)."},
        {{.outcome = "paused", .finished_at_ms = 1001, .http_status = 401, .error = "no"},
         "Attempt 4, 1970-01-01 00:00:01, took 1 ms: it failed through no fault of the event, and "
         "sending was paused (HTTP 401: no)."},
        {{.outcome = "dead", .finished_at_ms = 1001, .http_status = 400},
         "Attempt 5, 1970-01-01 00:00:01, took 1 ms: it failed for good (HTTP 400)."},
        {{.outcome = "unknown"},
         "Attempt 6, 1970-01-01 00:00:01: nobody knows what came of it: the worker vanished."},
        {{.outcome = "novel"}, "Attempt 7, 1970-01-01 00:00:01: novel."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sentence[EXPLAIN_SENTENCE_BYTES];
        struct attempt_view attempt = cases[i].attempt;
        attempt.started_at_ms = 1000;
        explain_attempt(i + 1, &attempt, sentence);
        assert_string_equal(sentence, cases[i].sentence);
    }
}

static void the_state_is_one_word(void **state) {
    (void)state;
    assert_string_equal(state_name(&scene.event, now_ms), "due");
    scene.event.next_attempt_at_ms = now_ms + 1;
    assert_string_equal(state_name(&scene.event, now_ms), "waiting");
    scene.event.next_attempt_at_ms = 0;
    assert_string_equal(state_name(&scene.event, now_ms), "waiting");
    scene.event.is_claimed = true;
    assert_string_equal(state_name(&scene.event, now_ms), "sending");
    set_status("dead");
    assert_string_equal(state_name(&scene.event, now_ms), "dead");
}

#define IN_SCENE(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCENE(a_sent_event_was_accepted),
        IN_SCENE(a_dead_event_says_why_and_how_to_retry),
        IN_SCENE(every_status_that_is_the_event_s_own_fault_is_called_a_refusal),
        IN_SCENE(a_dead_event_of_an_outage_is_not_called_refused),
        IN_SCENE(an_event_that_timed_out_too_often_is_not_called_refused),
        IN_SCENE(a_late_dead_is_not_called_a_retry),
        IN_SCENE(a_cancelled_event_stays_so),
        IN_SCENE(a_claimed_event_names_its_worker),
        IN_SCENE(a_claim_s_holder_is_dead_stopped_or_gone),
        IN_SCENE(a_claim_that_ran_out_says_so),
        IN_SCENE(backoff_says_until_when_and_why),
        IN_SCENE(behind_an_earlier_event_names_it),
        IN_SCENE(waiting_for_nothing_is_called_wrong),
        IN_SCENE(a_pause_gives_its_reason_and_the_next_probe),
        IN_SCENE(a_pause_whose_probe_is_under_way_or_that_has_no_reason_is_told_as_well),
        IN_SCENE(a_pause_by_a_person_ends_by_a_person),
        IN_SCENE(an_open_breaker_tells_of_the_next_probe),
        IN_SCENE(an_open_breaker_whose_probe_may_go_out_now_names_no_time),
        IN_SCENE(the_rate_limit_is_a_reason_for_what_is_due),
        IN_SCENE(so_are_the_requests_at_once),
        IN_SCENE(throttling_gives_its_end),
        IN_SCENE(an_account_that_waited_long_ago_holds_nothing_back),
        IN_SCENE(due_for_a_moment_is_no_reason_to_worry),
        IN_SCENE(due_for_long_while_workers_are_busy_is_a_backlog),
        IN_SCENE(due_for_long_without_any_worker_says_so),
        IN_SCENE(due_while_the_only_worker_stands_still_says_so),
        IN_SCENE(due_for_long_while_workers_do_nothing_points_to_their_logs),
        IN_SCENE(a_retry_by_a_person_is_seen_in_the_journal),
        IN_SCENE(hostile_words_cannot_steer_the_terminal),
        IN_SCENE(the_longest_words_fit),
        IN_SCENE(every_outcome_makes_a_sentence),
        IN_SCENE(the_state_is_one_word),
    };
    if (setenv("TZ", "UTC", 1) != 0) {
        return EXIT_FAILURE;
    }
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
