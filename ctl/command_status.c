#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/format.h"
#include "ctl/json_view.h"

static void print_account(const struct store_status *status, int64_t now_ms) {
    char when[FORMAT_WHEN_BYTES];
    bool is_held = status->account_not_before_ms > now_ms;
    if (status->account_paused_since_ms != 0) {
        char reason[sizeof status->account_pause_reason];
        format_safe(status->account_pause_reason, strlen(status->account_pause_reason), reason,
                    sizeof reason);
        format_when(status->account_paused_since_ms, now_ms, when);
        (void)printf("Klaviyo      paused since %s: %s\n", when, reason);
        if (is_held) {
            format_when(status->account_not_before_ms, now_ms, when);
            (void)printf("             next probe %s; it resumes by itself once one is accepted\n",
                         when);
        }
    } else if (is_held) {
        format_when(status->account_not_before_ms, now_ms, when);
        (void)printf("Klaviyo      asked us to wait until %s\n", when);
    } else {
        (void)printf("Klaviyo      nothing holds sending back\n");
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
    (void)printf("Preorders    %" PRId64 "\n", status->preorder_count);
    (void)printf("Events       %" PRId64 " due, %" PRId64 " waiting, %" PRId64 " sending, %" PRId64
                 " sent, %" PRId64 " dead, %" PRId64 " cancelled\n",
                 status->due_count, status->waiting_count, status->claimed_count,
                 status->sent_count, status->dead_count, status->cancelled_count);
    (void)printf("Oldest due   %s\n", oldest);
    print_account(status, now_ms);
    (void)printf("Last sent    %s\n", last);
    (void)printf("Database     schema version %" PRId32 ", %s, log of %" PRId32 " pages\n",
                 status->schema_version, size, status->wal_pages);
    if (status->dead_count > 0) {
        (void)printf("\nDead events wait for a person: preorderctl list --status dead\n");
    }
}

enum err_code command_status(struct ctl *ctl, const struct options *options, struct err *err) {
    struct store_status status = {0};
    enum err_code code = store_read_status(ctl->store, ctl->now_ms, &status, err);
    if (code != ERR_OK) {
        return code;
    }
    if (options->json) {
        return json_print(json_of_status(&status), err);
    }
    print_status(&status, ctl->now_ms);
    return ERR_OK;
}
