#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/ops.h"
#include "common/store/sqlite/sqlite.h"

static const char sqlite_scheme[] = "sqlite:";

/* The path of a "sqlite:PATH" URL; NULL if it is another one. */
static const char *sqlite_path(const char *url) {
    size_t length = sizeof sqlite_scheme - 1;
    return strncmp(url, sqlite_scheme, length) == 0 && url[length] != '\0' ? url + length : NULL;
}

static enum err_code refuse_url(struct err *err) {
    return err_set(err, ERR_INVALID,
                   "DATABASE_URL names no database that this program knows: give sqlite:PATH");
}

enum err_code store_open(const char *url, const struct store_options *options,
                         struct store **store_out, struct err *err) {
    assert(url != NULL && options->clock != NULL && options->write_timeout_ms > 0);
    const char *path = sqlite_path(url);
    return path == NULL ? refuse_url(err) : sqlite_open(path, options, store_out, err);
}

void store_close(struct store *store) {
    if (store != NULL) {
        store->ops->close(store);
    }
}

enum err_code store_migrate(const char *url, const struct store_options *options, bool dry_run,
                            struct store_migration *migration_out, struct err *err) {
    assert(url != NULL && options->clock != NULL && options->write_timeout_ms > 0);
    const char *path = sqlite_path(url);
    return path == NULL ? refuse_url(err)
                        : sqlite_migrate(path, options, dry_run, migration_out, err);
}

enum err_code store_check_writable(struct store *store, struct err *err) {
    return store->ops->check_writable(store, err);
}

enum err_code store_checkpoint(struct store *store, int32_t pages_min, struct err *err) {
    assert(pages_min >= 0);
    return store->ops->checkpoint(store, pages_min, err);
}

int32_t store_wal_pages(const struct store *store) {
    return store->ops->wal_pages(store);
}

enum err_code store_create_preorders(struct store *store, struct create *creates,
                                     size_t create_count, struct err *err) {
    assert(create_count > 0);
    for (size_t i = 0; i < create_count; i++) {
        assert(creates[i].preorder != NULL && creates[i].event != NULL);
        assert(creates[i].result == CREATE_PENDING && creates[i].replay == NULL);
        assert(creates[i].idempotency_key == NULL || creates[i].reply != NULL);
    }
    enum err_code code = store->ops->create_preorders(store, creates, create_count, err);
    for (size_t i = 0; i < create_count; i++) {
        if (code != ERR_OK) {
            free(creates[i].replay);
            free(creates[i].replay_payment_url);
            creates[i].replay = creates[i].replay_payment_url = NULL;
            creates[i].result = CREATE_PENDING;
        }
        assert(code != ERR_OK || creates[i].result != CREATE_PENDING);
    }
    return code;
}

static void check_terms(const struct payment_terms *terms) {
    assert(terms->metric_prefix != NULL && terms->random != NULL && terms->now_ms > 0);
}

enum err_code store_apply_payments(struct store *store, const struct payment_terms *terms,
                                   struct payment_apply *applies, size_t apply_count,
                                   struct err *err) {
    check_terms(terms);
    assert(apply_count > 0);
    for (size_t i = 0; i < apply_count; i++) {
        const struct payment_event *event = applies[i].event;
        assert(event != NULL && event->id[0] != '\0' && event->session_id[0] != '\0');
        assert(event->kind < PAYMENT_KIND_COUNT && event->created_at_ms >= 0);
        assert(event->amount_subtotal >= PAYMENT_AMOUNT_UNKNOWN);
        assert(event->amount_total >= PAYMENT_AMOUNT_UNKNOWN);
        assert(applies[i].result == PAYMENT_UNDECIDED && !applies[i].has_event);
    }
    enum err_code code = store->ops->apply_payments(store, terms, applies, apply_count, err);
    for (size_t i = 0; i < apply_count; i++) {
        if (code != ERR_OK) {
            applies[i] = (struct payment_apply){.event = applies[i].event};
        }
        assert(code != ERR_OK || applies[i].result != PAYMENT_UNDECIDED);
    }
    return code;
}

void payment_list_release(struct payment_list *list) {
    free(list->payments);
    *list = (struct payment_list){0};
}

enum err_code store_list_payments(struct store *store, const struct ident *preorder_id,
                                  struct payment_list *list_out, struct err *err) {
    *list_out = (struct payment_list){0};
    return store->ops->list_payments(store, preorder_id, list_out, err);
}

enum err_code store_list_flagged(struct store *store, int64_t limit, struct preorder_list *list_out,
                                 struct err *err) {
    assert(limit >= 0);
    *list_out = (struct preorder_list){0};
    return store->ops->list_flagged(store, limit, list_out, err);
}

enum err_code store_accept_payment(struct store *store, const struct acceptance *acceptance,
                                   struct acceptance_report *report_out, struct err *err) {
    check_terms(&acceptance->terms);
    assert(acceptance->actor != NULL && acceptance->reason != NULL);
    *report_out = (struct acceptance_report){0};
    enum err_code code = store->ops->accept_payment(store, acceptance, report_out, err);
    if (code == ERR_OK && report_out->has_event && !acceptance->dry_run) {
        store_wake(store);
    }
    return code;
}

enum err_code store_register_worker(struct store *store, const struct worker_entry *entry,
                                    struct err *err) {
    assert(entry->name[0] != '\0' && strlen(entry->name) < WORKER_ID_BYTES);
    assert(entry->host_id[0] != '\0' && strlen(entry->host_id) < WORKER_HOST_ID_BYTES);
    assert(strlen(entry->listen) < WORKER_LISTEN_BYTES && entry->now_ms > 0);
    return store->ops->register_worker(store, entry, err);
}

enum err_code store_unregister_worker(struct store *store, int64_t now_ms, struct err *err) {
    enum err_code code = store->ops->unregister_worker(store, now_ms, err);
    store_wake(store);
    return code;
}

enum err_code store_tend_workers(struct store *store, int64_t now_ms, int64_t lease_ms,
                                 struct tend_report *report_out, struct err *err) {
    assert(now_ms > 0 && lease_ms > 0);
    *report_out = (struct tend_report){0};
    enum err_code code = store->ops->tend_workers(store, now_ms, lease_ms, report_out, err);
    if (code == ERR_OK && report_out->due_count > 0) {
        store_wake(store);
    }
    return code;
}

enum err_code store_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                               int64_t wait_max_ms, int64_t *count_out, struct err *err) {
    assert(now_ms > 0 && lease_ms > 0 && wait_max_ms > 0);
    *count_out = 0;
    enum err_code code =
        store->ops->bring_back(store, now_ms, lease_ms, wait_max_ms, count_out, err);
    if (code == ERR_OK && *count_out > 0) {
        store_wake(store);
    }
    return code;
}

void worker_list_release(struct worker_list *list) {
    free(list->workers);
    *list = (struct worker_list){0};
}

enum err_code store_list_workers(struct store *store, struct worker_list *list_out,
                                 struct err *err) {
    *list_out = (struct worker_list){0};
    return store->ops->list_workers(store, list_out, err);
}

const char *outcome_name(enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_SENT:
        return "sent";
    case OUTCOME_RETRY:
        return "retry";
    case OUTCOME_THROTTLED:
        return "throttled";
    case OUTCOME_PAUSED:
        return "paused";
    case OUTCOME_DEAD:
        return "dead";
    case OUTCOME_UNKNOWN:
        return "unknown";
    case OUTCOME_UNSENT:
        return "unsent";
    }
    assert(false && "an outcome without a name");
    return "";
}

static void empty_batch(struct claim_batch *batch) {
    for (size_t i = 0; i < batch->claim_count; i++) {
        free(batch->claims[i].payload);
    }
    batch->claim_count = 0;
    batch->rescued_count = 0;
    batch->is_probe = false;
    batch->next_due_at_ms = INT64_MAX;
}

void claim_batch_release(struct claim_batch *batch) {
    empty_batch(batch);
    free(batch->claims);
    *batch = (struct claim_batch){.next_due_at_ms = INT64_MAX};
}

enum err_code store_settle_and_claim(struct store *store, const struct settlement *settlements,
                                     size_t settlement_count, struct settle_report *report_out,
                                     const struct claim_request *request, struct claim_batch *batch,
                                     struct err *err) {
    assert(request->worker != NULL && strlen(request->worker) < WORKER_ID_BYTES);
    assert(request->lease_ms > 0 && request->probe_interval_ms > 0);
    assert(request->limits.burst_count > 0 && request->limits.steady_count > 0);
    empty_batch(batch);
    *report_out = (struct settle_report){0};
    enum err_code code = store->ops->settle_and_claim(store, settlements, settlement_count,
                                                      report_out, request, batch, err);
    assert(batch->claim_count <= request->count_max);
    assert(code == ERR_OK || batch->claim_count == 0);
    return code;
}

enum err_code store_count_due(struct store *store, int64_t now_ms, int64_t limit,
                              int64_t *count_out, struct err *err) {
    assert(now_ms > 0 && limit > 0);
    *count_out = 0;
    return store->ops->count_due(store, now_ms, limit, count_out, err);
}

enum err_code store_settle_and_claim_members(struct store *store,
                                             const struct settlement *settlements,
                                             size_t settlement_count,
                                             const struct job_request *request,
                                             struct job_reply *reply_out, struct claim_batch *batch,
                                             struct err *err) {
    const struct claim_request *claim = &request->claim;
    assert(claim->worker != NULL && strlen(claim->worker) < WORKER_ID_BYTES);
    assert(claim->lease_ms > 0 && claim->probe_interval_ms > 0);
    assert(claim->limits.burst_count >= 1 && claim->limits.steady_count >= 1);
    assert(settlement_count <= 64); /* bits of the report */
    empty_batch(batch);
    *reply_out = (struct job_reply){0};
    enum err_code code = store->ops->settle_and_claim_members(store, settlements, settlement_count,
                                                              request, reply_out, batch, err);
    assert(batch->claim_count <= claim->count_max);
    assert(code == ERR_OK || batch->claim_count == 0);
    return code;
}

enum err_code store_listen(struct store *store, int *fd_out, struct err *err) {
    return store->ops->listen(store, fd_out, err);
}

bool store_hear(struct store *store) {
    return store->ops->hear(store);
}

void store_wake(struct store *store) {
    store->ops->wake(store);
}

void event_list_release(struct event_list *list) {
    free(list->events);
    *list = (struct event_list){0};
}

void attempt_list_release(struct attempt_list *list) {
    for (size_t i = 0; i < list->attempt_count; i++) {
        free(list->attempts[i].response_body);
    }
    free(list->attempts);
    *list = (struct attempt_list){0};
}

void preorder_list_release(struct preorder_list *list) {
    free(list->preorders);
    *list = (struct preorder_list){0};
}

enum err_code store_find_preorder(struct store *store, const struct ident *id, int64_t now_ms,
                                  struct preorder_view *preorder_out, struct event_list *events_out,
                                  struct err *err) {
    *events_out = (struct event_list){0};
    return store->ops->find_preorder(store, id, now_ms, preorder_out, events_out, err);
}

enum err_code store_search_preorders(struct store *store, enum search_kind kind, const char *text,
                                     struct preorder_list *list_out, struct err *err) {
    *list_out = (struct preorder_list){0};
    return store->ops->search_preorders(store, kind, text, list_out, err);
}

enum err_code store_list_events(struct store *store, const struct event_filter *filter,
                                int64_t now_ms, struct event_list *list_out, struct err *err) {
    assert(filter->limit >= 0);
    *list_out = (struct event_list){0};
    return store->ops->list_events(store, filter, now_ms, list_out, err);
}

enum err_code store_list_attempts(struct store *store, const struct ident *event_id,
                                  struct attempt_list *list_out, struct err *err) {
    *list_out = (struct attempt_list){0};
    return store->ops->list_attempts(store, event_id, list_out, err);
}

enum err_code store_event_payload(struct store *store, const struct ident *event_id,
                                  char **payload_out, size_t *payload_bytes_out, struct err *err) {
    return store->ops->event_payload(store, event_id, payload_out, payload_bytes_out, err);
}

enum err_code store_read_backlog(struct store *store, int64_t now_ms,
                                 struct store_status *status_out, struct err *err) {
    return store->ops->read_backlog(store, now_ms, status_out, err);
}

enum err_code store_read_status(struct store *store, int64_t now_ms,
                                struct store_status *status_out, struct err *err) {
    return store->ops->read_status(store, now_ms, status_out, err);
}

enum err_code store_audit(struct store *store, struct store_audit *audit_out, struct err *err) {
    return store->ops->audit(store, audit_out, err);
}

/* Some events may be due now, even if a later batch failed. */
static void wake_after(struct store *store, const struct repair *repair) {
    if (!repair->dry_run) {
        store_wake(store);
    }
}

enum err_code store_pause_account(struct store *store, const struct account_order *order,
                                  bool *changed_out, struct err *err) {
    assert(order->actor != NULL && order->reason != NULL && order->now_ms > 0);
    *changed_out = false;
    return store->ops->pause_account(store, order, changed_out, err);
}

enum err_code store_resume_account(struct store *store, const struct account_order *order,
                                   bool *changed_out, struct err *err) {
    assert(order->actor != NULL && order->reason != NULL && order->now_ms > 0);
    *changed_out = false;
    enum err_code code = store->ops->resume_account(store, order, changed_out, err);
    if (code == ERR_OK && *changed_out && !order->dry_run) {
        store_wake(store);
    }
    return code;
}

enum err_code store_retry_events(struct store *store, const struct repair *repair,
                                 int64_t *count_out, struct err *err) {
    assert(repair->actor != NULL && repair->reason != NULL && repair->now_ms > 0);
    enum err_code code = store->ops->retry_events(store, repair, count_out, err);
    wake_after(store, repair);
    return code;
}

enum err_code store_cancel_events(struct store *store, const struct repair *repair,
                                  int64_t *count_out, struct err *err) {
    assert(repair->actor != NULL && repair->reason != NULL && repair->now_ms > 0);
    enum err_code code = store->ops->cancel_events(store, repair, count_out, err);
    wake_after(store, repair);
    return code;
}
