/*
 * Payments: a batch of Stripe's events in one transaction, each behind a savepoint of its own, and
 * what a person accepts.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/store/sqlite/audit_log.h"
#include "common/store/sqlite/event.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

/* The columns of payment_history that count events of a kind start here. */
enum { COLUMN_OF_COMPLETED = 1 };

static const char *const KIND_NAMES[EVENT_KIND_COUNT] = {
    [EVENT_COMPLETED] = "completed",
    [EVENT_ABANDONED] = "abandoned",
    [EVENT_PAYMENT_FAILED] = "payment_failed",
};
static const char *const FLAG_NAMES[] = {
    [PAYMENT_FLAG_NONE] = NULL,
    [PAYMENT_FLAG_MISMATCH] = "mismatch",
    [PAYMENT_FLAG_AGAIN] = "again",
};

/* A preorder as the transaction found it. */
struct subject {
    struct preorder preorder; /* owned */
    struct payment_history history;
    char flag[PAYMENT_FLAG_BYTES]; /* "" if none */
    bool has_unfinished_event;
    int64_t event_count; /* events that payments gave rise to */
};

/* ---- Reading ---------------------------------------------------------------------------------- */

static CHECKED enum err_code read_subject(sqlite3_stmt *row, struct subject *subject,
                                          struct err *err) {
    struct preorder *preorder = &subject->preorder;
    sqlite_column_copy(row, 0, preorder->id.text, sizeof preorder->id.text);
    sqlite_column_copy(row, 1, preorder->number, sizeof preorder->number);
    sqlite_column_copy(row, 2, preorder->email, sizeof preorder->email);
    sqlite_column_copy(row, 3, preorder->price_id, sizeof preorder->price_id);
    sqlite_column_copy(row, 4, preorder->product, sizeof preorder->product);
    sqlite_column_copy(row, 5, preorder->color, sizeof preorder->color);
    sqlite_column_copy(row, 6, preorder->locale, sizeof preorder->locale);
    sqlite_column_copy(row, 7, preorder->source, sizeof preorder->source);
    preorder->amount = sqlite3_column_int64(row, 8);
    sqlite_column_copy(row, 9, preorder->currency, sizeof preorder->currency);
    preorder->created_at_ms = sqlite3_column_int64(row, 11);
    char status[16];
    sqlite_column_copy(row, 12, status, sizeof status);
    sqlite_column_copy(row, 13, subject->flag, sizeof subject->flag);
    subject->has_unfinished_event = sqlite3_column_int(row, 14) != 0;

    struct payment_history *history = &subject->history;
    history->amount = preorder->amount;
    memcpy(history->currency, preorder->currency, sizeof history->currency);
    if (!preorder_status_find(status, &history->status)) {
        return err_set(err, ERR_FATAL, "preorder %s has the status '%s', which does not exist",
                       preorder->id.text, status);
    }
    size_t properties_bytes;
    return sqlite_column_take(row, 10, &preorder->properties_json, &properties_bytes, err);
}

static CHECKED enum err_code load_history(struct sqlite_store *self, const char *session_id,
                                          struct subject *subject, struct err *err) {
    sqlite3_stmt *row = sqlite_use(self, SQL_PAYMENT_HISTORY);
    sqlite_bind_text(row, ":preorder_id", subject->preorder.id.text);
    sqlite_bind_text(row, ":session_id", session_id);
    bool has_row = false;
    enum err_code code = sqlite_next(self, row, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* an aggregate */
    struct payment_history *history = &subject->history;
    subject->event_count = sqlite3_column_int64(row, 0);
    for (int kind = EVENT_COMPLETED; kind < EVENT_KIND_COUNT; kind++) {
        int column = COLUMN_OF_COMPLETED + kind - EVENT_COMPLETED;
        history->had_event[kind] = sqlite3_column_int64(row, column) > 0;
    }
    history->is_session_paid = sqlite3_column_int64(row, 4) > 0;
    history->is_session_flagged = sqlite3_column_int64(row, 5) > 0;
    history->is_other_session_paid = sqlite3_column_int64(row, 6) > 0;
    (void)sqlite3_reset(row);
    return ERR_OK;
}

/* *found_out false: there is no such preorder. Release subject->preorder in every case. */
static CHECKED enum err_code load_subject(struct sqlite_store *self,
                                          const struct ident *preorder_id, const char *session_id,
                                          struct subject *subject, bool *found_out,
                                          struct err *err) {
    sqlite3_stmt *row = sqlite_use(self, SQL_PAYMENT_PREORDER);
    sqlite_bind_text(row, ":id", preorder_id->text);
    enum err_code code = sqlite_next(self, row, found_out, err);
    if (code != ERR_OK || !*found_out) {
        return code;
    }
    code = read_subject(row, subject, err);
    (void)sqlite3_reset(row);
    return code == ERR_OK ? load_history(self, session_id, subject, err) : code;
}

/* The payment that the flag is about, as far as it is stored. */
static CHECKED enum err_code find_flagged(struct sqlite_store *self,
                                          const struct ident *preorder_id,
                                          struct payment_event *event, enum payment_flag *flag_out,
                                          struct err *err) {
    sqlite3_stmt *row = sqlite_use(self, SQL_PAYMENT_FLAGGED);
    sqlite_bind_text(row, ":preorder_id", preorder_id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, row, &has_row, err);
    *flag_out = PAYMENT_FLAG_NONE;
    if (code != ERR_OK || !has_row) {
        return code;
    }
    char flag[16];
    *event = (struct payment_event){.kind = PAYMENT_PAID, .preorder_id = *preorder_id};
    sqlite_column_copy(row, 0, event->id, sizeof event->id);
    sqlite_column_copy(row, 1, flag, sizeof flag);
    sqlite_column_copy(row, 2, event->session_id, sizeof event->session_id);
    event->amount_subtotal = sqlite_column_amount(row, 3);
    event->amount_total = sqlite_column_amount(row, 4);
    sqlite_column_copy(row, 5, event->currency, sizeof event->currency);
    event->created_at_ms = sqlite3_column_int64(row, 6);
    (void)sqlite3_reset(row);
    bool is_mismatch = strcmp(flag, FLAG_NAMES[PAYMENT_FLAG_MISMATCH]) == 0;
    *flag_out = is_mismatch ? PAYMENT_FLAG_MISMATCH : PAYMENT_FLAG_AGAIN;
    return ERR_OK;
}

/* ---- Writing ---------------------------------------------------------------------------------- */

static void bind_amount(sqlite3_stmt *statement, const char *name, int64_t amount) {
    if (amount != PAYMENT_AMOUNT_UNKNOWN) { /* else it stays NULL */
        sqlite_bind_integer(statement, name, amount);
    }
}

static CHECKED enum err_code insert_payment(struct sqlite_store *self,
                                            const struct payment_terms *t,
                                            const struct payment_apply *apply,
                                            const struct payment_decision *decision,
                                            struct err *err) {
    const struct payment_event *event = apply->event;
    sqlite3_stmt *statement = sqlite_use(self, SQL_PAYMENT_INSERT);
    sqlite_bind_text(statement, ":id", event->id);
    sqlite_bind_text(statement, ":preorder_id", event->preorder_id.text);
    sqlite_bind_text(statement, ":type", event->type);
    sqlite_bind_text(statement, ":session_id", event->session_id);
    sqlite_bind_text(statement, ":outcome", payment_result_name(decision->result));
    sqlite_bind_integer(statement, ":paid", decision->is_money ? 1 : 0);
    sqlite_bind_text_or_null(statement, ":flag", FLAG_NAMES[decision->flag]);
    bind_amount(statement, ":amount_subtotal", event->amount_subtotal);
    bind_amount(statement, ":amount_total", event->amount_total);
    sqlite_bind_text_or_null(statement, ":currency", event->currency);
    sqlite_bind_text_or_null(statement, ":event_kind",
                             decision->has_event ? KIND_NAMES[decision->kind] : NULL);
    sqlite_bind_text_or_null(statement, ":event_id", apply->event_id.text);
    sqlite_bind_integer(statement, ":created_at", event->created_at_ms);
    sqlite_bind_integer(statement, ":received_at", t->now_ms);
    return sqlite_run(self, statement, err);
}

/* Renders the event from the preorder as it stands in this transaction and puts it behind the
   others. */
static CHECKED enum err_code insert_event(struct sqlite_store *self, const struct payment_terms *t,
                                          const struct subject *subject,
                                          const struct payment_event *payment, enum event_kind kind,
                                          struct ident *event_id_out, struct err *err) {
    struct event_occasion occasion = payment_occasion(kind, payment, &subject->preorder, t->now_ms);
    struct event event;
    enum err_code code = event_render_occasion(&occasion, &subject->preorder, t->metric_prefix,
                                               t->now_ms, t->random, &event, err);
    if (code == ERR_OK) {
        memcpy(event.request_id, payment->request_id, sizeof event.request_id);
        memcpy(event.traceparent, payment->traceparent, sizeof event.traceparent);
        /* The first one came with the preorder. */
        int64_t sequence = 2 + subject->event_count;
        int64_t due_at_ms = subject->has_unfinished_event ? 0 : t->now_ms;
        code = sqlite_insert_event(self, &event, &subject->preorder.id, sequence, due_at_ms, err);
    }
    *event_id_out = event.id;
    event_release(&event);
    return code;
}

static CHECKED enum err_code set_status(struct sqlite_store *self, const struct subject *subject,
                                        enum preorder_status status, const char *flag,
                                        int64_t now_ms, struct err *err) {
    if (status == subject->history.status && strcmp(flag, subject->flag) == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_PAYMENT_SET_STATUS);
    sqlite_bind_text(statement, ":id", subject->preorder.id.text);
    sqlite_bind_text(statement, ":status", preorder_status_name(status));
    sqlite_bind_text_or_null(statement, ":flag", flag);
    sqlite_bind_integer(statement, ":now_ms", now_ms);
    return sqlite_run(self, statement, err);
}

/* ---- Applying --------------------------------------------------------------------------------- */

/* Once the payment is stored: what the flag says now. */
static CHECKED enum err_code describe_flag(struct sqlite_store *self, const struct subject *subject,
                                           char text[PAYMENT_FLAG_BYTES], struct err *err) {
    struct payment_event flagged;
    enum payment_flag flag;
    enum err_code code = find_flagged(self, &subject->preorder.id, &flagged, &flag, err);
    assert(code != ERR_OK || flag != PAYMENT_FLAG_NONE); /* the payment just stored has one */
    if (code == ERR_OK) {
        payment_describe_flag(flag, &flagged, &subject->history, text);
    }
    return code;
}

static CHECKED enum err_code write_rows(struct sqlite_store *self,
                                        const struct payment_terms *terms,
                                        const struct subject *subject,
                                        const struct payment_decision *decision,
                                        struct payment_apply *apply, struct err *err) {
    enum err_code code = ERR_OK;
    if (decision->has_event) {
        code =
            insert_event(self, terms, subject, apply->event, decision->kind, &apply->event_id, err);
    }
    if (code == ERR_OK) {
        code = insert_payment(self, terms, apply, decision, err);
    }
    char flag[PAYMENT_FLAG_BYTES];
    memcpy(flag, subject->flag, sizeof flag);
    if (code == ERR_OK && decision->flag != PAYMENT_FLAG_NONE) {
        code = describe_flag(self, subject, flag, err);
    }
    if (code == ERR_OK) {
        code = set_status(self, subject, decision->status, flag, terms->now_ms, err);
    }
    if (code == ERR_OK) {
        apply->result = decision->result;
        apply->has_event = decision->has_event;
        apply->event_kind = decision->kind;
    }
    return code;
}

static CHECKED enum err_code apply_to_preorder(struct sqlite_store *self,
                                               const struct payment_terms *terms,
                                               struct payment_apply *apply, struct err *err) {
    const struct payment_event *event = apply->event;
    struct subject subject = {0};
    bool found = false;
    enum err_code code =
        load_subject(self, &event->preorder_id, event->session_id, &subject, &found, err);
    if (code == ERR_OK && !found) {
        apply->result = PAYMENT_UNKNOWN_PREORDER;
    } else if (code == ERR_OK) {
        struct payment_decision decision = payment_decide(event, &subject.history);
        code = write_rows(self, terms, &subject, &decision, apply, err);
    }
    preorder_release(&subject.preorder);
    return code;
}

static CHECKED enum err_code is_known(struct sqlite_store *self, const char *id, bool *known_out,
                                      struct err *err) {
    sqlite3_stmt *row = sqlite_use(self, SQL_PAYMENT_IS_KNOWN);
    sqlite_bind_text(row, ":id", id);
    bool has_row = false;
    enum err_code code = sqlite_next(self, row, &has_row, err);
    if (code == ERR_OK) {
        *known_out = sqlite3_column_int(row, 0) != 0;
        (void)sqlite3_reset(row);
    }
    return code;
}

/* A row that breaks a constraint is taken back alone; its neighbours stay. */
static CHECKED enum err_code apply_one(struct sqlite_store *self, const struct payment_terms *terms,
                                       struct payment_apply *apply, struct err *err) {
    bool known = false;
    enum err_code code = is_known(self, apply->event->id, &known, err);
    if (code == ERR_OK && known) {
        apply->result = PAYMENT_REPEATED;
        return ERR_OK;
    }
    if (code == ERR_OK) {
        code = sqlite_run(self, sqlite_use(self, SQL_SAVEPOINT_ROW), err);
    }
    if (code != ERR_OK) {
        return code;
    }
    code = apply_to_preorder(self, terms, apply, err);
    if (code != ERR_OK) {
        if ((sqlite3_errcode(self->db) & 0xff) != SQLITE_CONSTRAINT) {
            return code;
        }
        *apply = (struct payment_apply){.event = apply->event, .result = PAYMENT_REFUSED};
        code = sqlite_run(self, sqlite_use(self, SQL_ROLLBACK_ROW), err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return sqlite_run(self, sqlite_use(self, SQL_RELEASE_ROW), err);
}

enum err_code sqlite_apply_payments(struct store *store, const struct payment_terms *terms,
                                    struct payment_apply *applies, size_t apply_count,
                                    struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < apply_count && code == ERR_OK; i++) {
        code = apply_one(self, terms, &applies[i], err);
    }
    return sqlite_end(self, code, err);
}

/* ---- Accepting -------------------------------------------------------------------------------- */

static CHECKED enum err_code write_line(struct sqlite_store *self,
                                        const struct acceptance *acceptance, struct err *err) {
    char target[IDENT_BYTES + 16];
    (void)snprintf(target, sizeof target, "preorder %s", acceptance->preorder_id.text);
    struct audit_line line = {.at_ms = acceptance->terms.now_ms,
                              .actor = acceptance->actor,
                              .action = acceptance->is_refund ? "note-refund" : "accept-payment",
                              .target = target,
                              .reason = acceptance->reason,
                              .count = 1};
    return sqlite_write_audit_log(self, &line, err);
}

/* The payment that is accepted gets its event, as if it had matched. */
static CHECKED enum err_code complete(struct sqlite_store *self, const struct payment_terms *terms,
                                      const struct subject *subject,
                                      const struct payment_event *payment, struct ident *id_out,
                                      struct err *err) {
    enum err_code code = insert_event(self, terms, subject, payment, EVENT_COMPLETED, id_out, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_PAYMENT_NAME_EVENT);
    sqlite_bind_text(statement, ":id", payment->id);
    sqlite_bind_text(statement, ":event_kind", KIND_NAMES[EVENT_COMPLETED]);
    sqlite_bind_text(statement, ":event_id", id_out->text);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code accept(struct sqlite_store *self, const struct acceptance *acceptance,
                                    const struct subject *subject, bool has_event,
                                    struct ident *event_id_out, struct err *err) {
    const struct ident *preorder_id = &subject->preorder.id;
    struct payment_event payment;
    enum payment_flag flag;
    enum err_code code = find_flagged(self, preorder_id, &payment, &flag, err);
    if (code == ERR_OK && has_event && flag == PAYMENT_FLAG_NONE) {
        code =
            err_set(err, ERR_CONFLICT, "preorder %s has a flag, but no payment that it stands for",
                    preorder_id->text);
    }
    if (code == ERR_OK && has_event) {
        code = complete(self, &acceptance->terms, subject, &payment, event_id_out, err);
    }
    if (code == ERR_OK) {
        sqlite3_stmt *statement = sqlite_use(self, SQL_PAYMENT_DECIDE_FLAGGED);
        sqlite_bind_text(statement, ":preorder_id", preorder_id->text);
        sqlite_bind_text(statement, ":outcome", acceptance->is_refund ? "refunded" : "accepted");
        code = sqlite_run(self, statement, err);
    }
    if (code == ERR_OK) {
        enum preorder_status status =
            acceptance->is_refund ? subject->history.status : PREORDER_COMPLETED;
        code = set_status(self, subject, status, "", acceptance->terms.now_ms, err);
    }
    return code == ERR_OK ? write_line(self, acceptance, err) : code;
}

static CHECKED enum err_code accept_within(struct sqlite_store *self,
                                           const struct acceptance *acceptance,
                                           struct subject *subject,
                                           struct acceptance_report *report, struct err *err) {
    bool found = false;
    enum err_code code = load_subject(self, &acceptance->preorder_id, "", subject, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!found) {
        return err_set(err, ERR_NOT_FOUND, "there is no preorder %s", acceptance->preorder_id.text);
    }
    if (subject->flag[0] == '\0') {
        return err_set(err, ERR_CONFLICT, "preorder %s has no flag: nothing is to be accepted",
                       subject->preorder.number);
    }
    memcpy(report->flag, subject->flag, sizeof report->flag);
    report->status_before = subject->history.status;
    report->has_event = !acceptance->is_refund && !subject->history.had_event[EVENT_COMPLETED];
    return acceptance->dry_run
               ? ERR_OK
               : accept(self, acceptance, subject, report->has_event, &report->event_id, err);
}

enum err_code sqlite_accept_payment(struct store *store, const struct acceptance *acceptance,
                                    struct acceptance_report *report_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    struct subject subject = {0};
    struct acceptance_report report = {0};
    code = sqlite_end(self, accept_within(self, acceptance, &subject, &report, err), err);
    preorder_release(&subject.preorder);
    if (code == ERR_OK) {
        *report_out = report;
    }
    return code;
}
