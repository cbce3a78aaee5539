/*
 * What people change: retry and cancel.
 *
 * The events are found first, in a read transaction; then they are changed in batches, each one
 * transaction with its line in audit_log that says how many it changed. The gate is held for a few
 * milliseconds at a time, and a crash leaves whole batches with true lines. Each event is matched
 * again within its batch: what somebody else changed meanwhile is left alone and not counted.
 */
#include <inttypes.h>
#include <string.h>

#include "common/buf.h"
#include "common/domain/email.h"
#include "common/store/sqlite/audit_log.h"
#include "common/store/sqlite/look_select.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

enum {
    REPAIR_BATCH_MAX = 250,
    REPAIR_LOG_PAGES_MAX = 1000, /* the log is worked off between batches once it is so long */
    TARGET_BYTES_MAX = 64 * 1024,
    MASKED_BYTES = 256,
};

/* One kind of repair. */
struct repair_kind {
    const char *action; /* the word in audit_log */
    /* The status to look for when the filter asks for `status` (NULL: any); NULL: it means nothing
       that this repair may change. */
    const char *(*narrow)(const char *status);
    enum err_code (*apply)(struct sqlite_store *self, const struct event_view *event,
                           int64_t now_ms, struct err *err);
};

/* ---- Retry ------------------------------------------------------------------------------------ */

static const char *narrow_retry(const char *status) {
    return status == NULL || strcmp(status, "dead") == 0 ? "dead" : NULL;
}

static enum err_code apply_retry(struct sqlite_store *self, const struct event_view *event,
                                 int64_t now_ms, struct err *err) {
    sqlite3_stmt *retry = sqlite_use(self, SQL_RETRY_EVENT);
    sqlite_bind_text(retry, ":id", event->id.text);
    sqlite_bind_integer(retry, ":now_ms", now_ms);
    enum err_code code = sqlite_run(self, retry, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *hold = sqlite_use(self, SQL_HOLD_LATER_EVENTS);
    sqlite_bind_text(hold, ":id", event->id.text);
    sqlite_bind_text(hold, ":preorder_id", event->preorder_id.text);
    return sqlite_run(self, hold, err);
}

/* ---- Cancel ----------------------------------------------------------------------------------- */

static const char *narrow_cancel(const char *status) {
    if (status == NULL) {
        return STATUS_CANCELLABLE;
    }
    if (strcmp(status, "pending") == 0) {
        return STATUS_UNCLAIMED;
    }
    bool is_open =
        strcmp(status, "due") == 0 || strcmp(status, "waiting") == 0 || strcmp(status, "dead") == 0;
    return is_open ? status : NULL;
}

static enum err_code apply_cancel(struct sqlite_store *self, const struct event_view *event,
                                  int64_t now_ms, struct err *err) {
    sqlite3_stmt *journal = sqlite_use(self, SQL_JOURNAL_LOST_CLAIM);
    sqlite_bind_text(journal, ":id", event->id.text);
    enum err_code code = sqlite_run(self, journal, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *cancel = sqlite_use(self, SQL_CANCEL_EVENT);
    sqlite_bind_text(cancel, ":id", event->id.text);
    sqlite_bind_integer(cancel, ":now_ms", now_ms);
    code = sqlite_run(self, cancel, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *release = sqlite_use(self, SQL_RELEASE_NEXT);
    sqlite_bind_text(release, ":id", event->id.text);
    sqlite_bind_integer(release, ":now", now_ms);
    return sqlite_run(self, release, err);
}

/* ---- Both ------------------------------------------------------------------------------------- */

static void append_time(struct buf *target, const char *name, int64_t at_ms) {
    if (at_ms != 0) {
        char text[CLOCK_RFC3339_BYTES];
        clock_format_rfc3339(at_ms, text);
        buf_append_format(target, " %s=%s", name, text);
    }
}

static void append_masked(struct buf *target, const char *name, const char *text) {
    if (text != NULL) {
        char masked[MASKED_BYTES];
        email_mask(text, masked, sizeof masked);
        buf_append_format(target, " %s=\"%s\"", name, masked);
    }
}

/* What the line in audit_log says was meant: the ids, or the filter in words; no address. */
static void describe_target(const struct event_filter *filter, const struct ident *ids,
                            size_t id_count, struct buf *target) {
    if (filter->id_count > 0) {
        for (size_t i = 0; i < id_count; i++) {
            buf_append_format(target, "%s%s", i == 0 ? "" : " ", ids[i].text);
        }
        return;
    }
    buf_append_text(target, "events");
    append_masked(target, "status", filter->status);
    append_masked(target, "metric", filter->metric);
    append_masked(target, "email", filter->email);
    append_masked(target, "error", filter->error);
    append_time(target, "created_before", filter->created_before_ms);
    append_time(target, "created_after", filter->created_after_ms);
    if (filter->limit > 0) {
        buf_append_format(target, " limit=%" PRId64, filter->limit);
    }
}

/* One repair under way. */
struct repair_run {
    struct sqlite_store *self;
    const struct repair *repair;
    const struct repair_kind *kind;
    struct event_filter filter; /* the repair's, with the narrowed status */
};

static CHECKED enum err_code write_audit_log(const struct repair_run *run, const struct ident *ids,
                                             size_t id_count, struct err *err) {
    struct buf target;
    buf_init(&target, TARGET_BYTES_MAX);
    describe_target(&run->repair->filter, ids, id_count, &target);
    struct audit_line line = {.at_ms = run->repair->now_ms,
                              .actor = run->repair->actor,
                              .action = run->kind->action,
                              .target = buf_text(&target),
                              .reason = run->repair->reason,
                              .count = (int64_t)id_count};
    enum err_code code = buf_failed(&target) ? err_set(err, ERR_FATAL, "out of memory")
                                             : sqlite_write_audit_log(run->self, &line, err);
    buf_release(&target);
    return code;
}

static CHECKED enum err_code change_within(const struct repair_run *run, const struct ident *ids,
                                           size_t id_count, size_t *changed_count_out,
                                           struct err *err) {
    struct ident changed[REPAIR_BATCH_MAX];
    size_t changed_count = 0;
    int64_t now_ms = run->repair->now_ms;
    enum err_code code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < id_count; i++) {
        bool found = false;
        struct event_view event;
        code = select_event(run->self, &run->filter, now_ms, &ids[i], &found, &event, err);
        if (code == ERR_OK && found) {
            code = run->kind->apply(run->self, &event, now_ms, err);
            changed[changed_count++] = ids[i];
        }
    }
    if (code == ERR_OK && changed_count > 0) {
        code = write_audit_log(run, changed, changed_count, err);
    }
    *changed_count_out = changed_count;
    return code;
}

/* One transaction: all of it or nothing. */
static CHECKED enum err_code change_batch(const struct repair_run *run, const struct ident *ids,
                                          size_t id_count, size_t *changed_count_out,
                                          struct err *err) {
    enum err_code code = sqlite_begin(run->self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = change_within(run, ids, id_count, changed_count_out, err);
    return sqlite_end(run->self, code, err);
}

static CHECKED enum err_code change_all(const struct repair_run *run, const struct ident_list *list,
                                        int64_t *count_out, struct err *err) {
    for (size_t done = 0; done < list->id_count; done += REPAIR_BATCH_MAX) {
        size_t left = list->id_count - done;
        size_t batch_count = left < REPAIR_BATCH_MAX ? left : REPAIR_BATCH_MAX;
        size_t changed_count = 0;
        enum err_code code = change_batch(run, list->ids + done, batch_count, &changed_count, err);
        if (code != ERR_OK) {
            return code;
        }
        *count_out += (int64_t)changed_count;
        code = sqlite_checkpoint(&run->self->base, REPAIR_LOG_PAGES_MAX, err);
        if (code != ERR_OK && code != ERR_BUSY) { /* busy: another will do it */
            return code;
        }
    }
    *err = (struct err){0};
    return ERR_OK;
}

static CHECKED enum err_code repair_events(struct store *store, const struct repair *repair,
                                           const struct repair_kind *kind, int64_t *count_out,
                                           struct err *err) {
    struct repair_run run = {
        .self = sqlite_of(store), .repair = repair, .kind = kind, .filter = repair->filter};
    run.filter.status = kind->narrow(repair->filter.status);
    *count_out = 0;
    if (run.filter.status == NULL) {
        return ERR_OK;
    }
    struct ident_list list = {0};
    enum err_code code = sqlite_begin_read(run.self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = select_events(run.self, &run.filter, repair->now_ms, &list, err);
    sqlite_end_read(run.self);
    if (code == ERR_OK && repair->dry_run) {
        *count_out = (int64_t)list.id_count;
    } else if (code == ERR_OK) {
        code = change_all(&run, &list, count_out, err);
    }
    ident_list_release(&list);
    return code;
}

enum err_code sqlite_retry_events(struct store *store, const struct repair *repair,
                                  int64_t *count_out, struct err *err) {
    static const struct repair_kind retry = {
        .action = "retry", .narrow = narrow_retry, .apply = apply_retry};
    return repair_events(store, repair, &retry, count_out, err);
}

enum err_code sqlite_cancel_events(struct store *store, const struct repair *repair,
                                   int64_t *count_out, struct err *err) {
    static const struct repair_kind cancel = {
        .action = "cancel", .narrow = narrow_cancel, .apply = apply_cancel};
    return repair_events(store, repair, &cancel, count_out, err);
}
