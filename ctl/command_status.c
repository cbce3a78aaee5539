#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/format.h"
#include "ctl/json_view.h"
#include "ctl/table.h"

static void print_until(const struct store_status *status, int64_t now_ms, const char *before,
                        const char *after) {
    char when[FORMAT_WHEN_BYTES];
    if (status->account_reason_until_ms > now_ms && status->account_reason_until_ms != INT64_MAX) {
        format_when(status->account_reason_until_ms, now_ms, when);
        (void)printf("             %s %s%s\n", before, when, after);
    }
}

static void print_pause(const struct store_status *status, int64_t now_ms) {
    char when[FORMAT_WHEN_BYTES];
    char reason[sizeof status->account_pause_reason];
    format_safe(status->account_pause_reason, strlen(status->account_pause_reason), reason,
                sizeof reason);
    format_when(status->account_paused_since_ms, now_ms, when);
    (void)printf("Klaviyo      paused since %s: %s\n", when, reason);
    if (status->account_is_paused_by_person) {
        (void)printf("             by a person: preorderctl resume ends it\n");
    } else {
        print_until(status, now_ms, "next probe", "; it resumes by itself once one is accepted");
    }
}

static void print_account(const struct store_status *status, int64_t now_ms) {
    char when[FORMAT_WHEN_BYTES];
    if (status->account_reason == ACCOUNT_REASON_THROTTLED) {
        format_when(status->account_not_before_ms, now_ms, when);
        (void)printf("Klaviyo      asked us to wait until %s\n", when);
    }
    if (status->account_paused_since_ms != 0) {
        print_pause(status, now_ms);
    } else if (status->breaker_opened_at_ms != 0) {
        format_when(status->breaker_opened_at_ms, now_ms, when);
        (void)printf("Klaviyo      fails since %s: nothing is sent but probes\n", when);
        print_until(status, now_ms, "next probe", "");
    } else if (status->account_reason == ACCOUNT_REASON_NONE) {
        (void)printf("Klaviyo      nothing holds sending back\n");
    } else if (status->account_reason != ACCOUNT_REASON_THROTTLED) {
        (void)printf("Klaviyo      held back for a moment: %s\n",
                     account_reason_name(status->account_reason));
    }
    if (status->rate_limits.burst_count > 0) {
        (void)printf("             %" PRId64 " requests in flight; used of the allowance: %" PRId64
                     " of %" PRId64 " a second, %" PRId64 " of %" PRId64 " a minute\n",
                     status->in_flight_count, status->rate_used_burst,
                     status->rate_limits.burst_count, status->rate_used_steady,
                     status->rate_limits.steady_count);
    }
}

static void print_status(const struct store_status *status, int64_t now_ms) {
    char oldest[FORMAT_WHEN_BYTES] = "none";
    char last[FORMAT_WHEN_BYTES] = "never";
    char size[FORMAT_SIZE_BYTES];
    if (status->oldest_due_at_ms != 0) {
        format_when(status->oldest_due_at_ms, now_ms, oldest);
    }
    if (status->last_sent_at_ms != 0) {
        format_when(status->last_sent_at_ms, now_ms, last);
    }
    format_size(status->database_bytes, size);
    (void)printf("Preorders    %" PRId64 ", %" PRId64 " flagged\n", status->preorder_count,
                 status->flagged_count);
    (void)printf("Events       %" PRId64 " due, %" PRId64 " waiting, %" PRId64 " sending, %" PRId64
                 " sent, %" PRId64 " dead, %" PRId64 " cancelled\n",
                 status->due_count, status->waiting_count, status->claimed_count,
                 status->sent_count, status->dead_count, status->cancelled_count);
    (void)printf("Oldest due   %s\n", oldest);
    print_account(status, now_ms);
    (void)printf("Last sent    %s\n", last);
    (void)printf("Database     schema version %" PRId32 ", %s, log of %" PRId32 " pages\n",
                 status->schema_version, size, status->wal_pages);
}

static size_t count_alive(const struct worker_list *workers) {
    size_t count = 0;
    for (size_t i = 0; i < workers->worker_count; i++) {
        count += workers->workers[i].is_alive ? 1 : 0;
    }
    return count;
}

static void add_worker(struct table *table, const struct worker_view *worker, int64_t now_ms) {
    char pid[24];
    char in_flight[24];
    char seen[FORMAT_DURATION_BYTES];
    (void)snprintf(pid, sizeof pid, "%" PRId64, worker->pid);
    (void)snprintf(in_flight, sizeof in_flight, "%" PRId64, worker->in_flight_count);
    format_distance(worker->seen_at_ms, now_ms, seen);
    const char *state = worker->is_alive ? "alive" : "dead";
    const char *const cells[] = {
        worker->name, worker->host_id, pid, worker->listen, in_flight, seen, state};
    table_add(table, cells);
    if (!worker->is_alive) {
        table_color(table, sizeof cells / sizeof cells[0] - 1, "red");
    }
}

static CHECKED enum err_code print_workers(const struct worker_list *workers, struct ctl *ctl,
                                           struct err *err) {
    static const struct table_column columns[] = {{.heading = "WORKER"},
                                                  {.heading = "HOST", .may_be_cut = true},
                                                  {.heading = "PID", .is_right = true},
                                                  {.heading = "HEALTH"},
                                                  {.heading = "IN FLIGHT", .is_right = true},
                                                  {.heading = "SEEN"},
                                                  {.heading = "STATE"}};
    size_t alive_count = count_alive(workers);
    if (alive_count == 0) {
        (void)printf("Workers      no worker runs: nothing is sent until one is started\n");
    } else {
        (void)printf("Workers      %zu\n", alive_count);
    }
    if (workers->worker_count == 0) {
        return ERR_OK;
    }
    struct table *table = NULL;
    enum err_code code =
        table_new(columns, sizeof columns / sizeof columns[0], ctl->colors, &table, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < workers->worker_count; i++) {
        add_worker(table, &workers->workers[i], ctl->now_ms);
    }
    (void)printf("\n");
    code = table_print(table, err);
    table_free(table);
    return code;
}

static CHECKED enum err_code print_json(const struct store_status *status,
                                        const struct worker_list *workers, struct err *err) {
    json_t *value = json_of_status(status);
    if (value != NULL && json_object_set_new(value, "workers", json_of_workers(workers)) != 0) {
        json_decref(value);
        value = NULL;
    }
    return json_print(value, err);
}

enum err_code command_status(struct ctl *ctl, const struct options *options, struct err *err) {
    struct store_status status = {0};
    struct worker_list workers = {0};
    enum err_code code = store_read_status(ctl->store, ctl->now_ms, &status, err);
    if (code == ERR_OK) {
        code = store_list_workers(ctl->store, &workers, err);
    }
    if (code == ERR_OK && options->json) {
        code = print_json(&status, &workers, err);
    } else if (code == ERR_OK) {
        print_status(&status, ctl->now_ms);
        code = print_workers(&workers, ctl, err);
    }
    if (code == ERR_OK && !options->json && status.dead_count > 0) {
        (void)printf("\nDead events wait for a person: preorderctl list --status dead\n");
    }
    if (code == ERR_OK && !options->json && status.flagged_count > 0) {
        (void)printf("\nFlagged preorders wait for a person: preorderctl list --flagged\n");
    }
    worker_list_release(&workers);
    return code;
}
