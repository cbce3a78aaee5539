#pragma once
/*
 * What an engine provides. Included by store.c, the engines and the engines that tests wrap around
 * engines; nobody else. Every operation is required; its contract stands in common/store.h.
 *
 * The front (store.c) checks arguments, empties outputs and checks results, so an engine may rely
 * on valid arguments and zeroed outputs.
 */
#include "common/store.h"

struct store_ops {
    const char *name; /* "sqlite" */
    void (*close)(struct store *store);
    enum err_code (*check_writable)(struct store *store, struct err *err);
    enum err_code (*checkpoint)(struct store *store, int32_t pages_min, struct err *err);
    int32_t (*wal_pages)(const struct store *store);
    enum err_code (*create_preorders)(struct store *store, struct create *creates,
                                      size_t create_count, struct err *err);
    enum err_code (*apply_payments)(struct store *store, const struct payment_terms *terms,
                                    struct payment_apply *applies, size_t apply_count,
                                    struct err *err);
    enum err_code (*list_payments)(struct store *store, const struct ident *preorder_id,
                                   struct payment_list *list_out, struct err *err);
    enum err_code (*list_flagged)(struct store *store, int64_t limit,
                                  struct preorder_list *list_out, struct err *err);
    enum err_code (*accept_payment)(struct store *store, const struct acceptance *acceptance,
                                    struct acceptance_report *report_out, struct err *err);
    enum err_code (*settle_and_claim)(struct store *store, const struct settlement *settlements,
                                      size_t settlement_count, struct settle_report *report_out,
                                      const struct claim_request *request,
                                      struct claim_batch *batch, struct err *err);
    enum err_code (*count_due)(struct store *store, int64_t now_ms, int64_t limit,
                               int64_t *count_out, struct err *err);
    enum err_code (*settle_and_claim_members)(struct store *store,
                                              const struct settlement *settlements,
                                              size_t settlement_count,
                                              const struct job_request *request,
                                              struct job_reply *reply_out,
                                              struct claim_batch *batch, struct err *err);
    enum err_code (*register_worker)(struct store *store, const struct worker_entry *entry,
                                     struct err *err);
    enum err_code (*unregister_worker)(struct store *store, int64_t now_ms, struct err *err);
    enum err_code (*tend_workers)(struct store *store, int64_t now_ms, int64_t lease_ms,
                                  struct tend_report *report_out, struct err *err);
    enum err_code (*bring_back)(struct store *store, int64_t now_ms, int64_t lease_ms,
                                int64_t wait_max_ms, int64_t *count_out, struct err *err);
    enum err_code (*list_workers)(struct store *store, struct worker_list *list_out,
                                  struct err *err);
    enum err_code (*listen)(struct store *store, int *fd_out, struct err *err);
    bool (*hear)(struct store *store);
    void (*wake)(struct store *store);
    enum err_code (*find_preorder)(struct store *store, const struct ident *id, int64_t now_ms,
                                   struct preorder_view *preorder_out,
                                   struct event_list *events_out, struct err *err);
    enum err_code (*search_preorders)(struct store *store, enum search_kind kind, const char *text,
                                      struct preorder_list *list_out, struct err *err);
    enum err_code (*list_events)(struct store *store, const struct event_filter *filter,
                                 int64_t now_ms, struct event_list *list_out, struct err *err);
    enum err_code (*list_attempts)(struct store *store, const struct ident *event_id,
                                   struct attempt_list *list_out, struct err *err);
    enum err_code (*event_payload)(struct store *store, const struct ident *event_id,
                                   char **payload_out, size_t *payload_bytes_out, struct err *err);
    enum err_code (*read_backlog)(struct store *store, int64_t now_ms,
                                  struct store_status *status_out, struct err *err);
    enum err_code (*read_status)(struct store *store, int64_t now_ms,
                                 struct store_status *status_out, struct err *err);
    enum err_code (*audit)(struct store *store, struct store_audit *audit_out, struct err *err);
    enum err_code (*retry_events)(struct store *store, const struct repair *repair,
                                  int64_t *count_out, struct err *err);
    enum err_code (*pause_account)(struct store *store, const struct account_order *order,
                                   bool *changed_out, struct err *err);
    enum err_code (*resume_account)(struct store *store, const struct account_order *order,
                                    bool *changed_out, struct err *err);
    enum err_code (*cancel_events)(struct store *store, const struct repair *repair,
                                   int64_t *count_out, struct err *err);
};

/* The first member of every engine's own struct. */
struct store {
    const struct store_ops *ops;
};
