#include "ctl/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/format.h"

const char *check_level_name(enum check_level level) {
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    return names[level];
}

/* Adds what is wrong, and remembers how bad it is. */
__attribute__((format(printf, 3, 4))) static void
complain(struct check *check, enum check_level level, const char *format, ...) {
    size_t length = strlen(check->text);
    va_list arguments;
    if (level > check->level) {
        check->level = level;
    }
    if (length > 0) {
        (void)snprintf(check->text + length, sizeof check->text - length, "; ");
        length = strlen(check->text);
    }
    va_start(arguments, format);
    (void)vsnprintf(check->text + length, sizeof check->text - length, format, arguments);
    va_end(arguments);
}

static enum check_level level_above(int64_t value, int64_t warning, int64_t critical) {
    return value > critical ? CHECK_CRITICAL : value > warning ? CHECK_WARNING : CHECK_OK;
}

static void judge_oldest(const struct check_input *input, struct check *check) {
    int64_t oldest_ms = input->status->oldest_due_at_ms;
    char age[FORMAT_DURATION_BYTES];
    if (oldest_ms != 0 && oldest_ms < input->now_ms) {
        check->oldest_due_age_ms = input->now_ms - oldest_ms;
    }
    enum check_level level = level_above(check->oldest_due_age_ms, input->limits.oldest_warning_ms,
                                         input->limits.oldest_critical_ms);
    if (level != CHECK_OK) {
        format_duration(check->oldest_due_age_ms, age);
        complain(check, level, "the oldest due event waits for %s", age);
    }
}

static void judge_dead(const struct check_input *input, struct check *check) {
    int64_t count = input->status->dead_count;
    enum check_level level =
        level_above(count, input->limits.dead_warning, input->limits.dead_critical);
    if (level != CHECK_OK) {
        complain(check, level, "%" PRId64 " dead event%s", count, count == 1 ? "" : "s");
    }
}

static void judge_flagged(const struct check_input *input, struct check *check) {
    int64_t count = input->status->flagged_count;
    enum check_level level =
        level_above(count, input->limits.flagged_warning, input->limits.flagged_critical);
    if (level != CHECK_OK) {
        complain(check, level, "%" PRId64 " flagged preorder%s", count, count == 1 ? "" : "s");
    }
}

static void judge_account(const struct check_input *input, struct check *check) {
    const struct store_status *status = input->status;
    char reason[sizeof status->account_pause_reason];
    bool is_by_person = status->account_is_paused_by_person;
    if (status->account_paused_since_ms != 0) {
        format_safe(status->account_pause_reason, strlen(status->account_pause_reason), reason,
                    sizeof reason);
        complain(check, is_by_person ? CHECK_WARNING : CHECK_CRITICAL,
                 "the account is paused%s: %s", is_by_person ? " by a person" : "", reason);
    }
    if (status->breaker_opened_at_ms != 0) {
        char open[FORMAT_DURATION_BYTES];
        format_duration(input->now_ms - status->breaker_opened_at_ms, open);
        complain(check, CHECK_WARNING, "the breaker is open for %s: Klaviyo fails", open);
    }
}

static void judge_workers(const struct check_input *input, struct check *check) {
    size_t still_count = 0;
    for (size_t i = 0; i < input->workers->worker_count; i++) {
        const struct worker_view *worker = &input->workers->workers[i];
        if (worker->is_alive && input->now_ms - worker->seen_at_ms <= CHECK_UNSEEN_MS) {
            check->running_count++;
        } else if (worker->is_alive) {
            still_count++;
        }
    }
    if ((int64_t)check->running_count < input->limits.workers_min) {
        complain(check, CHECK_CRITICAL, "%zu worker%s running, at least %" PRId64 " wanted",
                 check->running_count, check->running_count == 1 ? " is" : "s are",
                 input->limits.workers_min);
    }
    if (still_count > 0) {
        complain(check, CHECK_WARNING, "%zu worker%s alive and doing nothing (stopped?)",
                 still_count, still_count == 1 ? " is" : "s are");
    }
}

static void write_figures(const struct check_input *input, struct check *check) {
    const struct store_status *status = input->status;
    const struct check_limits *limits = &input->limits;
    (void)snprintf(
        check->figures, sizeof check->figures,
        "oldest_due=%" PRId64 ".%03ds;%" PRId64 ";%" PRId64 ";0 dead=%" PRId64 ";%" PRId64
        ";%" PRId64 ";0 flagged=%" PRId64 ";%" PRId64 ";%" PRId64 ";0 due=%" PRId64
        ";;;0 waiting=%" PRId64 ";;;0 sending=%" PRId64 ";;;0 workers=%zu;;%" PRId64
        ":;0 paused=%d;;0;0;1 breaker_open=%d;0;;0;1",
        check->oldest_due_age_ms / MS_PER_S, (int)(check->oldest_due_age_ms % MS_PER_S),
        limits->oldest_warning_ms / MS_PER_S, limits->oldest_critical_ms / MS_PER_S,
        status->dead_count, limits->dead_warning, limits->dead_critical, status->flagged_count,
        limits->flagged_warning, limits->flagged_critical, status->due_count, status->waiting_count,
        status->claimed_count, check->running_count, limits->workers_min,
        status->account_paused_since_ms != 0 ? 1 : 0, status->breaker_opened_at_ms != 0 ? 1 : 0);
}

void check_judge(const struct check_input *input, struct check *check_out) {
    struct check *check = check_out;
    *check = (struct check){.level = CHECK_OK};
    judge_account(input, check);
    judge_workers(input, check);
    judge_oldest(input, check);
    judge_dead(input, check);
    judge_flagged(input, check);
    if (check->level == CHECK_OK) {
        char age[FORMAT_DURATION_BYTES];
        format_duration(check->oldest_due_age_ms, age);
        complain(check, CHECK_OK, "%" PRId64 " due, oldest %s, %" PRId64 " dead, %zu worker%s",
                 input->status->due_count, age, input->status->dead_count, check->running_count,
                 check->running_count == 1 ? "" : "s");
    }
    for (char *at = strchr(check->text, '|'); at != NULL; at = strchr(at, '|')) {
        *at = '/'; /* what follows the first bar is performance data */
    }
    write_figures(input, check);
}
