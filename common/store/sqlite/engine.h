#pragma once
/*
 * The inside of the SQLite engine: one connection, its prepared statements and its gate. Included
 * by the files of this folder only.
 *
 * Every write runs as: sqlite_begin (wins the gate, BEGIN IMMEDIATE) … sqlite_commit or
 * sqlite_rollback (both leave the gate). Reads that must see one state run between
 * sqlite_begin_read and sqlite_end_read and never take the gate.
 */
#include <sqlite3.h>

#include "common/store/ops.h"
#include "common/store/sqlite/gate.h"
#include "common/store/sqlite/place.h"
#include "common/store/sqlite/roster.h"
#include "common/store/sqlite/sqlite.h"
#include "common/store/sqlite/wake.h"
#include "schema/sqlite.h" /* enum sql_statement, made from schema/sqlite/ by schema/embed.py */

enum { SQLITE_FILE_COUNT = 3 }; /* the database, its log and the log's index */

struct sqlite_store {
    struct store base; /* first: a struct store * is a struct sqlite_store * */
    struct store_options options;
    char *path;
    struct place_file files[SQLITE_FILE_COUNT]; /* as they were when the database was opened */
    sqlite3 *db;
    struct gate gate;
    struct wake wake;
    struct roster roster;
    struct worker_view worker; /* as it was registered; its name is "" if it was not */
    int32_t wal_pages;         /* as of this connection's last commit */
    sqlite3_stmt *statements[SQL_STATEMENT_COUNT];
};

static inline struct sqlite_store *sqlite_of(struct store *store) {
    return (struct sqlite_store *)store;
}

/* What an SQLite result code means for the caller of the store; fills err with `what` and SQLite's
   words. The only place where that is decided. */
enum err_code sqlite_fail(struct sqlite_store *self, int result, const char *what, struct err *err);

/* The prepared statement, reset and with its bindings cleared. */
sqlite3_stmt *sqlite_use(struct sqlite_store *self, enum sql_statement statement);

/* Binds by name (":now_ms"); a name the statement lacks is a bug and asserts. NULL text binds
   NULL. */
void sqlite_bind_text(sqlite3_stmt *statement, const char *name, const char *text);
/* Binds NULL if the text is "" or NULL. */
void sqlite_bind_text_or_null(sqlite3_stmt *statement, const char *name, const char *text);
void sqlite_bind_bytes_as_text(sqlite3_stmt *statement, const char *name, const char *bytes,
                               size_t byte_count);
void sqlite_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value);
/* Binds NULL if the value is 0. */
void sqlite_bind_integer_or_null(sqlite3_stmt *statement, const char *name, int64_t value);

/* Runs a statement that gives no row. */
CHECKED enum err_code sqlite_run(struct sqlite_store *self, sqlite3_stmt *statement,
                                 struct err *err);
/* Steps: *row_out says whether there is a row. At the end the statement is reset. */
CHECKED enum err_code sqlite_next(struct sqlite_store *self, sqlite3_stmt *statement, bool *row_out,
                                  struct err *err);

/* Copies a text column into a fixed array, cut at its size; NULL becomes "". */
void sqlite_column_copy(sqlite3_stmt *statement, int column, char *text_out, size_t text_out_bytes);
/* A column of minor units; PAYMENT_AMOUNT_UNKNOWN for an SQL NULL. */
int64_t sqlite_column_amount(sqlite3_stmt *statement, int column);
/* A malloc'd copy of a text or blob column with a NUL behind it; NULL for an SQL NULL.
   ERR_FATAL: out of memory. */
CHECKED enum err_code sqlite_column_take(sqlite3_stmt *statement, int column, char **bytes_out,
                                         size_t *byte_count_out, struct err *err);

/* Remembers which files are in use. */
void sqlite_identify_files(struct sqlite_store *self);
/* Wins the gate. ERR_FATAL, too, if one of the files was removed or replaced meanwhile: SQLite goes
   on writing to a file without a name, and what it acknowledges is gone with the process. */
CHECKED enum err_code sqlite_enter(struct sqlite_store *self, int64_t timeout_ms, struct err *err);
CHECKED enum err_code sqlite_begin(struct sqlite_store *self, struct err *err);
CHECKED enum err_code sqlite_commit(struct sqlite_store *self, struct err *err);
void sqlite_rollback(struct sqlite_store *self);
/* The end of a write: commits if `code` is ERR_OK, else rolls back and returns `code`. */
CHECKED enum err_code sqlite_end(struct sqlite_store *self, enum err_code code, struct err *err);

CHECKED enum err_code sqlite_begin_read(struct sqlite_store *self, struct err *err);
void sqlite_end_read(struct sqlite_store *self);

/* Takes a half-opened engine, too. */
void sqlite_release(struct sqlite_store *self);

extern const struct store_ops sqlite_ops;

/* Within a write transaction: a new event, pending; due at `due_at_ms`, or 0: it waits. */
CHECKED enum err_code sqlite_insert_event(struct sqlite_store *self, const struct event *event,
                                          const struct ident *preorder_id, int64_t sequence,
                                          int64_t due_at_ms, struct err *err);
/* The array with room for one more: it doubles at 1, 2, 4, 8 … elements. NULL when out of memory;
   then `elements` is as it was. */
void *sqlite_grown(void *elements, size_t count, size_t element_bytes, struct err *err);
/* Adds to audit_log. */
struct audit_line {
    int64_t at_ms;
    const char *actor, *action, *target, *reason;
    int64_t count;
};
CHECKED enum err_code sqlite_write_audit_log(struct sqlite_store *self,
                                             const struct audit_line *line, struct err *err);

/* The operations, one file a noun: create.c, payment.c, payment_look.c, settle.c, claim.c,
   account_order.c, look.c, repair.c, checkpoint.c, workers.c, ahead.c. */
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
/* Within a write transaction: renews every claim whose lease ran out though its holder lives on this
   host. *renewed_count_out: how many. */
CHECKED enum err_code sqlite_renew_lapsed(struct sqlite_store *self, int64_t now_ms,
                                          int64_t lease_ms, size_t *renewed_count_out,
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
