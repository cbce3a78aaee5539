#pragma once
/*
 * The operations of the engine as the front (store.c) calls them, one file a noun: create.c, payment.c,
 * payment_look.c, settle.c and claim.c, job.c, account_order.c, look.c and look_count.c, repair.c, checkpoint.c,
 * workers.c, ahead.c. Their contracts are those of common/store.h.
 */
#include "common/store/ops.h"

/* The table that makes a struct store one of this engine. */
extern const struct store_ops sqlite_ops;

enum err_code sqlite_create_preorders(struct store *store, struct create *creates,
                                      size_t create_count, struct err *err);
enum err_code sqlite_apply_payments(struct store *store, const struct payment_terms *terms,
                                    struct payment_apply *applies, size_t apply_count,
                                    struct err *err);
enum err_code sqlite_accept_payment(struct store *store, const struct acceptance *acceptance,
                                    struct acceptance_report *report_out, struct err *err);
enum err_code sqlite_list_payments(struct store *store, const struct ident *preorder_id,
                                   struct payment_list *list_out, struct err *err);
enum err_code sqlite_list_flagged(struct store *store, int64_t limit,
                                  struct preorder_list *list_out, struct err *err);
enum err_code sqlite_settle_and_claim(struct store *store, const struct settlement *settlements,
                                      size_t settlement_count, struct settle_report *report_out,
                                      const struct claim_request *request,
                                      struct claim_batch *batch, struct err *err);
enum err_code sqlite_count_due(struct store *store, int64_t now_ms, int64_t limit,
                               int64_t *count_out, struct err *err);
enum err_code sqlite_settle_and_claim_members(struct store *store,
                                              const struct settlement *settlements,
                                              size_t settlement_count,
                                              const struct job_request *request,
                                              struct job_reply *reply_out,
                                              struct claim_batch *batch, struct err *err);
enum err_code sqlite_register_worker(struct store *store, const struct worker_entry *entry,
                                     struct err *err);
enum err_code sqlite_unregister_worker(struct store *store, int64_t now_ms, struct err *err);
enum err_code sqlite_tend_workers(struct store *store, int64_t now_ms, int64_t lease_ms,
                                  struct tend_report *report_out, struct err *err);
enum err_code sqlite_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                                int64_t wait_max_ms, int64_t *count_out, struct err *err);
enum err_code sqlite_list_workers(struct store *store, struct worker_list *list_out,
                                  struct err *err);
enum err_code sqlite_checkpoint(struct store *store, int32_t pages_min, struct err *err);
enum err_code sqlite_find_preorder(struct store *store, const struct ident *id, int64_t now_ms,
                                   struct preorder_view *preorder_out,
                                   struct event_list *events_out, struct err *err);
enum err_code sqlite_search_preorders(struct store *store, enum search_kind kind, const char *text,
                                      struct preorder_list *list_out, struct err *err);
enum err_code sqlite_list_events(struct store *store, const struct event_filter *filter,
                                 int64_t now_ms, struct event_list *list_out, struct err *err);
enum err_code sqlite_list_attempts(struct store *store, const struct ident *event_id,
                                   struct attempt_list *list_out, struct err *err);
enum err_code sqlite_event_payload(struct store *store, const struct ident *event_id,
                                   char **payload_out, size_t *payload_bytes_out, struct err *err);
enum err_code sqlite_read_backlog(struct store *store, int64_t now_ms,
                                  struct store_status *status_out, struct err *err);
enum err_code sqlite_read_status(struct store *store, int64_t now_ms,
                                 struct store_status *status_out, struct err *err);
enum err_code sqlite_audit(struct store *store, struct store_audit *audit_out, struct err *err);
enum err_code sqlite_pause_account(struct store *store, const struct account_order *order,
                                   bool *changed_out, struct err *err);
enum err_code sqlite_resume_account(struct store *store, const struct account_order *order,
                                    bool *changed_out, struct err *err);
enum err_code sqlite_retry_events(struct store *store, const struct repair *repair,
                                  int64_t *count_out, struct err *err);
enum err_code sqlite_cancel_events(struct store *store, const struct repair *repair,
                                   int64_t *count_out, struct err *err);
