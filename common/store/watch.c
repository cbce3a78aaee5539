#include "common/store/watch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/process.h"

enum { REASON_BYTES = 32 };

/* What every process shows. */
enum { BUILD_INFO, START_TIME, CPU, OPEN_FDS, MAX_FDS, RESIDENT };

static const struct metric process_table[] = {
    [BUILD_INFO] = {.name = "preorder_build_info",
                    .help = "Always 1; which program this is, and its version.",
                    .kind = METRIC_GAUGE,
                    .labels = {"component", "version"},
                    .series_max = 1},
    [START_TIME] = {.name = "process_start_time_seconds",
                    .help = "When the process started, in seconds since the epoch.",
                    .kind = METRIC_GAUGE},
    [CPU] = {.name = "process_cpu_seconds_total",
             .help = "Processor time used, user and system.",
             .kind = METRIC_COUNTER},
    [OPEN_FDS] = {.name = "process_open_fds",
                  .help = "Open file descriptors.",
                  .kind = METRIC_GAUGE},
    [MAX_FDS] = {.name = "process_max_fds",
                 .help = "How many file descriptors the process may have open.",
                 .kind = METRIC_GAUGE},
    [RESIDENT] = {.name = "process_resident_memory_bytes",
                  .help = "Memory in RAM.",
                  .kind = METRIC_GAUGE},
};
enum { PROCESS_METRICS = sizeof process_table / sizeof process_table[0] };

/* What is in the database: the same on every process, so sums over processes mean nothing. */
enum {
    EVENTS,
    FLAGGED,
    OLDEST_DUE_AGE,
    LAST_SUCCESS,
    BREAKER_OPEN,
    ACCOUNT_PAUSED,
    WAL_PAGES,
    DATABASE_SIZE,
};

static const struct metric database_table[] = {
    [EVENTS] = {.name = "preorder_outbox_events",
                .help = "Events that are not sent: due now, waiting (for later, or behind an "
                        "earlier event), claimed by a worker, dead.",
                .kind = METRIC_GAUGE,
                .labels = {"state"},
                .series_max = 4},
    [FLAGGED] = {.name = "preorder_flagged_preorders",
                 .help = "Preorders whose payment does not match; they wait for a person.",
                 .kind = METRIC_GAUGE},
    [OLDEST_DUE_AGE] = {.name = "preorder_outbox_oldest_due_age_seconds",
                        .help = "How late the oldest due event is; 0 if none is due.",
                        .kind = METRIC_GAUGE},
    [LAST_SUCCESS] = {.name = "preorder_last_success_timestamp_seconds",
                      .help = "When Klaviyo last accepted an event, in seconds since the epoch; 0: "
                              "never.",
                      .kind = METRIC_GAUGE},
    [BREAKER_OPEN] = {.name = "preorder_breaker_open",
                      .help = "1 while the breaker is open: Klaviyo fails, one probe at a time.",
                      .kind = METRIC_GAUGE},
    [ACCOUNT_PAUSED] = {.name = "preorder_account_paused",
                        .help = "1 while the Klaviyo account is paused, by the kind of reason; the "
                                "reason none is always 0.",
                        .kind = METRIC_GAUGE,
                        .labels = {"reason"},
                        .series_max = 32},
    [WAL_PAGES] = {.name = "preorder_wal_pages",
                   .help = "Pages in the write-ahead log of SQLite.",
                   .kind = METRIC_GAUGE},
    [DATABASE_SIZE] = {.name = "preorder_database_size_bytes",
                       .help = "Size of the database without its log.",
                       .kind = METRIC_GAUGE},
};
enum { DATABASE_METRICS = sizeof database_table / sizeof database_table[0] };

struct watch {
    struct watch_options options;
    struct metrics *process;
    struct metrics *database;
    struct store_status status; /* as of read_mono_ms */
    enum err_code status_code;
    struct err status_err;
    bool was_read;
    int64_t read_mono_ms, read_wall_ms;
};

enum err_code watch_open(const struct watch_options *options, struct watch **watch_out,
                         struct err *err) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    watch->options = *options;
    enum err_code code = metrics_open(process_table, PROCESS_METRICS, &watch->process, err);
    if (code == ERR_OK) {
        code = metrics_open(database_table, DATABASE_METRICS, &watch->database, err);
    }
    if (code != ERR_OK) {
        watch_close(watch);
        return code;
    }
    struct process process;
    process_read(&process);
    metrics_set(watch->process, BUILD_INFO, METRIC_LABELS(options->component, PREORDER_VERSION), 1);
    metrics_set(watch->process, START_TIME, NULL, process.start_time_s);
    *watch_out = watch;
    return ERR_OK;
}

void watch_close(struct watch *watch) {
    if (watch != NULL) {
        metrics_close(watch->process);
        metrics_close(watch->database);
        free(watch);
    }
}

/* Brings the picture of the database up to date if it is old enough. */
static enum err_code look(struct watch *watch) {
    int64_t now_ms = clock_mono_ms(watch->options.clock);
    if (watch->was_read && now_ms - watch->read_mono_ms < WATCH_READ_INTERVAL_MS) {
        return watch->status_code;
    }
    watch->was_read = true;
    watch->read_mono_ms = now_ms;
    watch->read_wall_ms = clock_wall_ms(watch->options.clock);
    watch->status_err = (struct err){0};
    watch->status_code = store_read_backlog(watch->options.store, watch->read_wall_ms,
                                            &watch->status, &watch->status_err);
    return watch->status_code;
}

/* A kind of reason out of one for people: one of few words, since it becomes a label. */
static void classify_pause(const struct store_status *status_read, char word[REASON_BYTES]) {
    static const char answered[] = "Klaviyo answered ";
    const char *reason = status_read->account_pause_reason;
    const char *status = strstr(reason, answered);
    if (status_read->account_is_paused_by_person) {
        (void)snprintf(word, REASON_BYTES, "operator");
        return;
    }
    status = status == NULL ? "" : status + sizeof answered - 1;
    if (isdigit((unsigned char)status[0]) && isdigit((unsigned char)status[1]) &&
        isdigit((unsigned char)status[2])) {
        (void)snprintf(word, REASON_BYTES, "http_%.3s", status);
        return;
    }
    (void)snprintf(word, REASON_BYTES, "%s",
                   strstr(reason, "certificate") != NULL ? "certificate" : "other");
}

static double seconds(int64_t ms) {
    return (double)ms / (double)MS_PER_S;
}

static void show_account(struct watch *watch) {
    const struct store_status *status = &watch->status;
    char reason[REASON_BYTES];
    metrics_set(watch->database, LAST_SUCCESS, NULL, seconds(status->last_sent_at_ms));
    metrics_zero(watch->database, ACCOUNT_PAUSED);
    metrics_set(watch->database, ACCOUNT_PAUSED, METRIC_LABELS("none"), 0);
    if (status->account_paused_since_ms != 0) {
        classify_pause(status, reason);
        metrics_set(watch->database, ACCOUNT_PAUSED, METRIC_LABELS(reason), 1);
    }
    metrics_set(watch->database, BREAKER_OPEN, NULL, status->breaker_opened_at_ms != 0 ? 1 : 0);
}

static void show_database(struct watch *watch) {
    const struct store_status *status = &watch->status;
    struct metrics *metrics = watch->database;
    int64_t oldest_ms = status->oldest_due_at_ms;
    int64_t age_ms = oldest_ms == 0 ? 0 : watch->read_wall_ms - oldest_ms;
    metrics_set(metrics, EVENTS, METRIC_LABELS("due"), (double)status->due_count);
    metrics_set(metrics, EVENTS, METRIC_LABELS("waiting"), (double)status->waiting_count);
    metrics_set(metrics, EVENTS, METRIC_LABELS("claimed"), (double)status->claimed_count);
    metrics_set(metrics, EVENTS, METRIC_LABELS("dead"), (double)status->dead_count);
    metrics_set(metrics, FLAGGED, NULL, (double)status->flagged_count);
    metrics_set(metrics, OLDEST_DUE_AGE, NULL, seconds(age_ms));
    metrics_set(metrics, WAL_PAGES, NULL, status->wal_pages);
    metrics_set(metrics, DATABASE_SIZE, NULL, (double)status->database_bytes);
    show_account(watch);
}

static void show_process(struct watch *watch) {
    struct process process;
    process_read(&process);
    metrics_set(watch->process, CPU, NULL, process.cpu_s);
    metrics_set(watch->process, OPEN_FDS, NULL, (double)process.open_fds);
    metrics_set(watch->process, MAX_FDS, NULL, (double)process.max_fds);
    metrics_set(watch->process, RESIDENT, NULL, (double)process.resident_bytes);
}

void watch_render(void *context, struct buf *text) {
    struct watch *watch = context;
    show_process(watch);
    metrics_render(watch->process, text);
    if (look(watch) == ERR_OK) {
        show_database(watch);
        metrics_render(watch->database, text);
    }
    metrics_render(watch->options.metrics, text);
}

static enum err_code describe_account(const struct store_status *status, int64_t now_ms,
                                      struct err *err) {
    char since[CLOCK_RFC3339_BYTES];
    if (status->account_paused_since_ms != 0) {
        clock_format_rfc3339(status->account_paused_since_ms, since);
        return err_set(err, ERR_BUSY, "paused %ssince %s: %s",
                       status->account_is_paused_by_person ? "by a person " : "", since,
                       status->account_pause_reason);
    }
    if (status->breaker_opened_at_ms != 0) {
        clock_format_rfc3339(status->breaker_opened_at_ms, since);
        return err_set(err, ERR_BUSY, "breaker open since %s: only probes are sent", since);
    }
    if (status->account_not_before_ms > now_ms) {
        char until[CLOCK_RFC3339_BYTES];
        clock_format_rfc3339(status->account_not_before_ms, until);
        return err_set(err, ERR_BUSY, "throttled until %s", until);
    }
    return ERR_OK;
}

enum err_code watch_check_account(void *context, struct err *err) {
    struct watch *watch = context;
    if (look(watch) != ERR_OK) {
        *err = watch->status_err;
        return err_wrap(err, "not known");
    }
    return describe_account(&watch->status, watch->read_wall_ms, err);
}
