#include "ctl/explain.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/format.h"
#include "ctl/state.h"

enum {
    UNNOTICED_MS = 10000, /* longer than any worker needs to see a row that became due */
    UNSEEN_MS = 60000,    /* a worker that lives says so every few seconds */
};

__attribute__((format(printf, 2, 3))) static void say(struct explanation *explanation,
                                                      const char *format, ...) {
    assert(explanation->sentence_count < EXPLAIN_SENTENCES_MAX);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(explanation->sentences[explanation->sentence_count++], EXPLAIN_SENTENCE_BYTES,
                    format, arguments);
    va_end(arguments);
}

/* The first advice counts: what is nearest to the event is said first. */
__attribute__((format(printf, 2, 3))) static void advise(struct explanation *explanation,
                                                         const char *format, ...) {
    va_list arguments;
    if (explanation->command[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(explanation->command, sizeof explanation->command, format, arguments);
    va_end(arguments);
}

/* ' (HTTP 503: "Service Unavailable")', or as much of it as is known. */
static void quote_answer(int32_t http_status, const char *error,
                         char text[EVENT_ERROR_BYTES + 32]) {
    char safe[EVENT_ERROR_BYTES];
    size_t bytes = EVENT_ERROR_BYTES + 32;
    format_safe(error, strlen(error), safe, sizeof safe);
    if (http_status != 0 && safe[0] != '\0') {
        (void)snprintf(text, bytes, " (HTTP %" PRId32 ": %s)", http_status, safe);
    } else if (http_status != 0) {
        (void)snprintf(text, bytes, " (HTTP %" PRId32 ")", http_status);
    } else if (safe[0] != '\0') {
        (void)snprintf(text, bytes, " (%s)", safe);
    } else {
        text[0] = '\0';
    }
}

static void explain_sent(const struct explain_input *input, struct explanation *explanation) {
    const struct event_view *event = input->event;
    char when[FORMAT_WHEN_BYTES];
    char lag[FORMAT_DURATION_BYTES];
    format_when(event->sent_at_ms, input->now_ms, when);
    format_duration(event->sent_at_ms - event->created_at_ms, lag);
    say(explanation, "It is sent: Klaviyo accepted it at %s, %s after it was written.", when, lag);
    say(explanation, "What Klaviyo did with it then (profile, flows) only Klaviyo shows.");
}

/* The statuses that the worker's table (worker/verdict.c) calls the event's own fault; an event can
   also end with another, after its last attempt. */
static bool is_refusal(int32_t http_status) {
    return http_status == 400 || http_status == 409 || http_status == 413 || http_status == 422;
}

static void explain_dead(const struct explain_input *input, struct explanation *explanation) {
    const struct event_view *event = input->event;
    char answer[EVENT_ERROR_BYTES + 32];
    quote_answer(event->last_http_status, event->last_error, answer);
    say(explanation, "It is dead: after %" PRId32 " attempt%s it was given up%s.", event->attempts,
        event->attempts == 1 ? "" : "s", answer);
    if (is_refusal(event->last_http_status)) {
        say(explanation,
            "Klaviyo refused the event itself: sent again as it is, it will most likely "
            "be refused again.");
    }
    say(explanation, "It stays so until a person decides: retry it once the cause is mended, or "
                     "cancel it.");
    advise(explanation, "preorderctl retry %s", event->id.text);
}

/* NULL: not in the register. */
static const struct worker_view *find_worker(const struct worker_list *workers, const char *name) {
    for (size_t i = 0; i < workers->worker_count; i++) {
        if (strcmp(workers->workers[i].name, name) == 0) {
            return &workers->workers[i];
        }
    }
    return NULL;
}

static size_t count_running(const struct explain_input *input) {
    size_t count = 0;
    for (size_t i = 0; i < input->workers->worker_count; i++) {
        const struct worker_view *worker = &input->workers->workers[i];
        count += worker->is_alive && input->now_ms - worker->seen_at_ms <= UNSEEN_MS ? 1 : 0;
    }
    return count;
}

/* Of workers none of which runs: one that lives all the same; NULL if there is none. */
static const struct worker_view *find_still(const struct worker_list *workers) {
    for (size_t i = 0; i < workers->worker_count; i++) {
        if (workers->workers[i].is_alive) {
            return &workers->workers[i];
        }
    }
    return NULL;
}

/* How it goes for the worker that claimed the event; false if it will not finish. */
static bool explain_holder(const struct explain_input *input, struct explanation *explanation) {
    const struct worker_view *holder = find_worker(input->workers, input->event->claimed_by);
    char seen[FORMAT_WHEN_BYTES];
    if (holder == NULL) {
        say(explanation, "That worker is not in the register any more: another takes the event "
                         "over, at the latest when the claim ends.");
        return false;
    }
    format_when(holder->seen_at_ms, input->now_ms, seen);
    if (!holder->is_alive) {
        say(explanation,
            "That worker (pid %" PRId64 ", last seen %s) is dead: any other on its host takes the "
            "event over within a second, one elsewhere when the claim ends.",
            holder->pid, seen);
    } else if (input->now_ms - holder->seen_at_ms > UNSEEN_MS) {
        say(explanation,
            "That worker lives (pid %" PRId64 ") but was last seen %s: it is stopped or hangs. On "
            "its host nobody takes an event from a worker that lives: continue it or end it.",
            holder->pid, seen);
        advise(explanation, "kill -CONT %" PRId64, holder->pid);
    }
    return holder->is_alive;
}

/* True if somebody could take the event; else says that nobody is there. */
static bool explain_workers(const struct explain_input *input, struct explanation *explanation) {
    if (count_running(input) > 0) {
        return true;
    }
    const struct worker_view *still = find_still(input->workers);
    if (still == NULL) {
        say(explanation, "No preorder-worker is running: nothing is sent until one is started.");
        advise(explanation, "preorder-worker");
    } else {
        char seen[FORMAT_WHEN_BYTES];
        format_when(still->seen_at_ms, input->now_ms, seen);
        say(explanation,
            "No preorder-worker is at work: %s lives (pid %" PRId64 ") but was last seen %s. It is "
            "stopped or hangs: continue it, or end it and start another.",
            still->name, still->pid, seen);
        advise(explanation, "kill -CONT %" PRId64, still->pid);
    }
    return false;
}

static void explain_sending(const struct explain_input *input, struct explanation *explanation) {
    char when[FORMAT_WHEN_BYTES];
    format_when(input->event->claim_expires_at_ms, input->now_ms, when);
    say(explanation, "A worker (%s) has it in hand right now; its claim lasts until %s.",
        input->event->claimed_by, when);
    if (!explain_holder(input, explanation)) {
        (void)explain_workers(input, explanation);
    }
}

static void explain_behind(const struct explain_input *input, struct explanation *explanation) {
    const struct event_view *event = input->event;
    if (event->behind_id.text[0] == '\0') {
        say(explanation, "It has no due time, yet no earlier event of its preorder is unfinished: "
                         "this should not be.");
        advise(explanation, "preorderctl audit");
        return;
    }
    say(explanation,
        "It waits behind an earlier event of the same preorder, %s%s%s%s, because Klaviyo gets the "
        "events of one preorder in their order.",
        event->behind_id.text, input->behind == NULL ? "" : " (",
        input->behind == NULL ? "" : input->behind->metric, input->behind == NULL ? "" : ")");
    say(explanation, "It becomes due once that one is sent, dead or cancelled.");
    advise(explanation, "preorderctl explain %s", event->behind_id.text);
}

static void explain_pause(const struct explain_input *input, struct explanation *explanation) {
    const struct store_status *status = input->status;
    char reason[sizeof status->account_pause_reason];
    char when[FORMAT_WHEN_BYTES];
    format_safe(status->account_pause_reason, strlen(status->account_pause_reason), reason,
                sizeof reason);
    format_when(status->account_paused_since_ms, input->now_ms, when);
    size_t length = strlen(reason);
    say(explanation, "All sending to Klaviyo is paused%s since %s: %s%s",
        status->account_is_paused_by_person ? " by a person" : "", when, reason,
        length > 0 && reason[length - 1] == '.' ? "" : ".");
    advise(explanation, "preorderctl resume");
    if (status->account_is_paused_by_person) {
        say(explanation, "It stays so until a person resumes it.");
        return;
    }
    if (status->account_not_before_ms > input->now_ms) {
        format_when(status->account_not_before_ms, input->now_ms, when);
        say(explanation, "The next probe goes out at %s.", when);
    }
    say(explanation, "Mend the cause: the pause ends by itself with the first probe that Klaviyo "
                     "accepts, or at once by hand. No event loses an attempt meanwhile.");
}

static void explain_breaker(const struct explain_input *input, struct explanation *explanation) {
    const struct store_status *status = input->status;
    char when[FORMAT_WHEN_BYTES];
    format_when(status->breaker_opened_at_ms, input->now_ms, when);
    say(explanation,
        "Klaviyo, or the way there, fails: the breaker is open since %s, and only one probe at a "
        "time goes out. No probe costs an event an attempt.",
        when);
    if (status->account_reason == ACCOUNT_REASON_BREAKER &&
        status->account_reason_until_ms > input->now_ms) {
        format_when(status->account_reason_until_ms, input->now_ms, when);
        say(explanation,
            "The next probe goes out at %s; sending starts again by itself with the "
            "first that Klaviyo answers.",
            when);
    }
    advise(explanation, "preorderctl status");
}

/* What keeps a request that could go out now from going out. */
static void explain_limit(const struct explain_input *input, struct explanation *explanation) {
    const struct store_status *status = input->status;
    char when[FORMAT_WHEN_BYTES];
    format_when(status->account_reason_until_ms, input->now_ms, when);
    if (status->account_reason == ACCOUNT_REASON_RATE) {
        say(explanation,
            "Klaviyo's rate limit: %" PRId64 " of %" PRId64 " requests in this second and %" PRId64
            " of %" PRId64 " in this minute are used, by all workers together; the next may go "
            "out at %s. %" PRId64 " events are due, the oldest goes first.",
            status->rate_used_burst, status->rate_limits.burst_count, status->rate_used_steady,
            status->rate_limits.steady_count, when, status->due_count);
    } else {
        say(explanation,
            "As many requests (%" PRId64 ") are on the wire as Klaviyo takes at once at the "
            "moment (%" PRId64 "); the next goes out when one is answered. %" PRId64
            " events are due, the oldest goes first.",
            status->in_flight_count, status->concurrency_max, status->due_count);
    }
}

/* What holds back everything; true if it does. Limits are for what is due now. */
static bool explain_account(const struct explain_input *input, bool is_due,
                            struct explanation *explanation) {
    const struct store_status *status = input->status;
    char when[FORMAT_WHEN_BYTES];
    bool is_limited = status->account_reason == ACCOUNT_REASON_RATE ||
                      status->account_reason == ACCOUNT_REASON_CONCURRENCY;
    if (status->account_paused_since_ms != 0) {
        explain_pause(input, explanation);
    } else if (status->breaker_opened_at_ms != 0) {
        explain_breaker(input, explanation);
    } else if (status->account_not_before_ms > input->now_ms) {
        format_when(status->account_not_before_ms, input->now_ms, when);
        say(explanation, "Klaviyo asked us to slow down (429): nothing is sent before %s.", when);
    } else if (is_due && is_limited) {
        explain_limit(input, explanation);
    } else {
        return false;
    }
    return true;
}

static void explain_backoff(const struct explain_input *input, struct explanation *explanation) {
    const struct event_view *event = input->event;
    char when[FORMAT_WHEN_BYTES];
    char answer[EVENT_ERROR_BYTES + 32];
    format_when(event->next_attempt_at_ms, input->now_ms, when);
    quote_answer(event->last_http_status, event->last_error, answer);
    if (event->attempts > 0) {
        say(explanation,
            "It waits for its next attempt at %s, because the last one failed%s; %" PRId32
            " of at most %" PRId64 " attempts are used up.",
            when, answer, event->attempts, input->attempts_max);
    } else {
        say(explanation, "It waits for its next attempt at %s%s.", when, answer);
    }
    (void)explain_account(input, false, explanation);
    (void)explain_workers(input, explanation);
}

static void explain_due(const struct explain_input *input, struct explanation *explanation) {
    const struct event_view *event = input->event;
    const struct store_status *status = input->status;
    char since[FORMAT_WHEN_BYTES];
    format_when(event->next_attempt_at_ms, input->now_ms, since);
    if (event->claimed_by[0] != '\0') {
        say(explanation,
            "A worker (%s) claimed it and never said what became of it; the claim "
            "ended at %s.",
            event->claimed_by, since);
        (void)explain_holder(input, explanation);
    } else {
        say(explanation, "It is due since %s.", since);
    }
    bool is_held = explain_account(input, true, explanation);
    if (!explain_workers(input, explanation) || is_held || event->claimed_by[0] != '\0') {
        return;
    }
    if (input->now_ms - event->next_attempt_at_ms < UNNOTICED_MS) {
        say(explanation, "A worker takes it with its next look, within moments.");
    } else if (status->claimed_count > 0 ||
               status->last_sent_at_ms > input->now_ms - UNNOTICED_MS) {
        say(explanation,
            "Workers are busy: %" PRId64 " events are due, %" PRId64
            " in hand; the oldest goes first.",
            status->due_count, status->claimed_count);
        advise(explanation, "preorderctl status");
    } else {
        say(explanation, "Workers run (%zu), yet none took it: their logs say why.",
            count_running(input));
        advise(explanation, "preorderctl status");
    }
}

/* The event was dead once, is not any more, and its attempts were counted anew: only a person does
   that. A verdict that came too late leaves its `dead` in the journal and the count as it was. */
static bool was_retried(const struct explain_input *input) {
    const struct event_view *event = input->event;
    bool was_dead = false;
    int32_t judged_count = event->claimed_by[0] == '\0' ? event->attempts : event->attempts - 1;
    int32_t burnt_count = 0;
    for (size_t i = 0; i < input->attempts->attempt_count; i++) {
        const struct attempt_view *attempt = &input->attempts->attempts[i];
        was_dead = was_dead || strcmp(attempt->outcome, "dead") == 0;
        burnt_count += attempt->is_burnt ? 1 : 0;
    }
    return was_dead && strcmp(event->status, "pending") == 0 && judged_count < burnt_count;
}

void explain_event(const struct explain_input *input, struct explanation *explanation_out) {
    struct explanation *explanation = explanation_out;
    explanation->sentence_count = 0;
    explanation->command[0] = '\0';
    const char *state = state_name(input->event, input->now_ms);
    if (was_retried(input)) {
        say(explanation, "It was dead before; a person had it tried again.");
    }
    if (strcmp(state, "sent") == 0) {
        explain_sent(input, explanation);
    } else if (strcmp(state, "dead") == 0) {
        explain_dead(input, explanation);
    } else if (strcmp(state, "cancelled") == 0) {
        say(explanation, "A person cancelled it: it will not be sent.");
    } else if (strcmp(state, "sending") == 0) {
        explain_sending(input, explanation);
    } else if (strcmp(state, "due") == 0) {
        explain_due(input, explanation);
    } else if (input->event->next_attempt_at_ms == 0) {
        explain_behind(input, explanation);
    } else {
        explain_backoff(input, explanation);
    }
}

/* What an outcome of the journal means. */
static const char *outcome_sentence(const char *outcome) {
    static const struct {
        const char *outcome;
        const char *sentence;
    } sentences[] = {
        {"sent", "Klaviyo accepted it"},
        {"retry", "it failed and will be tried again"},
        {"throttled", "Klaviyo asked us to wait; the attempt does not count"},
        {"paused", "it failed through no fault of the event, and sending was paused"},
        {"dead", "it failed for good"},
        {"unknown", "nobody knows what came of it: the worker vanished"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(outcome, sentences[i].outcome) == 0) {
            return sentences[i].sentence;
        }
    }
    return outcome;
}

void explain_attempt(size_t number, const struct attempt_view *attempt,
                     char sentence[EXPLAIN_SENTENCE_BYTES]) {
    char started[FORMAT_TIME_BYTES];
    char took[FORMAT_DURATION_BYTES + 16] = "";
    char next[FORMAT_TIME_BYTES + 24] = "";
    char answer[EVENT_ERROR_BYTES + 32];
    char time[FORMAT_TIME_BYTES];
    format_time(attempt->started_at_ms, started);
    if (attempt->finished_at_ms != 0) {
        char duration[FORMAT_DURATION_BYTES];
        format_duration(attempt->finished_at_ms - attempt->started_at_ms, duration);
        (void)snprintf(took, sizeof took, ", took %s", duration);
    }
    if (attempt->next_attempt_at_ms != 0) {
        format_time(attempt->next_attempt_at_ms, time);
        (void)snprintf(next, sizeof next, "; next not before %s", time);
    }
    quote_answer(attempt->http_status, attempt->error, answer);
    (void)snprintf(sentence, EXPLAIN_SENTENCE_BYTES, "Attempt %zu, %s%s: %s%s%s.", number, started,
                   took, outcome_sentence(attempt->outcome), answer, next);
}
