/*
 * Accepting preorders: a batch in one transaction. If a row breaks a constraint, which hardly ever
 * happens, the batch begins anew with each row behind a savepoint of its own.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/event.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

static CHECKED enum err_code insert_preorder(struct sqlite_store *self, struct create *create,
                                             bool *number_is_free_out, struct err *err) {
    const struct preorder *preorder = create->preorder;
    sqlite3_stmt *statement = sqlite_use(self, SQL_PREORDER_INSERT);
    sqlite_bind_text(statement, ":id", preorder->id.text);
    sqlite_bind_text(statement, ":number", preorder->number);
    sqlite_bind_text(statement, ":email", preorder->email);
    sqlite_bind_text(statement, ":price_id", preorder->price_id);
    sqlite_bind_text(statement, ":product", preorder->product);
    sqlite_bind_text(statement, ":color", preorder->color);
    sqlite_bind_text(statement, ":locale", preorder->locale);
    sqlite_bind_text(statement, ":source", preorder->source);
    sqlite_bind_integer(statement, ":amount", preorder->amount);
    sqlite_bind_text(statement, ":currency", preorder->currency);
    sqlite_bind_text(statement, ":properties", preorder->properties_json);
    sqlite_bind_text(statement, ":payment_url", preorder->payment_url);
    sqlite_bind_text_or_null(statement, ":request_id", create->event->request_id);
    sqlite_bind_integer(statement, ":created_at", preorder->created_at_ms);
    enum err_code code = sqlite_run(self, statement, err);
    *number_is_free_out = code == ERR_OK && sqlite3_changes(self->db) == 1;
    return code;
}

static CHECKED enum err_code insert_key(struct sqlite_store *self, const struct create *create,
                                        struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_KEY_INSERT);
    sqlite_bind_text(statement, ":key", create->idempotency_key);
    int result =
        sqlite3_bind_blob(statement, sqlite3_bind_parameter_index(statement, ":fingerprint"),
                          create->fingerprint, FINGERPRINT_BYTES, SQLITE_STATIC);
    assert(result == SQLITE_OK);
    sqlite_bind_text(statement, ":preorder_id", create->preorder->id.text);
    sqlite_bind_bytes_as_text(statement, ":reply", create->reply, create->reply_bytes);
    sqlite_bind_integer(statement, ":is_page", create->reply_is_page);
    return sqlite_run(self, statement, err);
}

/* Was this key used before? Sets create->result if so. */
static CHECKED enum err_code look_up_key(struct sqlite_store *self, struct create *create,
                                         struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_KEY_FIND);
    sqlite_bind_text(statement, ":key", create->idempotency_key);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK || !has_row) {
        return code;
    }
    const void *fingerprint = sqlite3_column_blob(statement, 0);
    if (memcmp(fingerprint, create->fingerprint, FINGERPRINT_BYTES) != 0) {
        create->result = CREATE_KEY_REUSED;
    } else {
        sqlite_column_copy(statement, 1, create->replay_id.text, sizeof create->replay_id.text);
        code = sqlite_column_take(statement, 2, &create->replay, &create->replay_bytes, err);
        size_t url_bytes = 0;
        if (code == ERR_OK) {
            code = sqlite_column_take(statement, 3, &create->replay_payment_url, &url_bytes, err);
        }
        create->result = CREATE_REPLAYED;
    }
    (void)sqlite3_reset(statement);
    return code;
}

static CHECKED enum err_code insert_rows(struct sqlite_store *self, struct create *create,
                                         struct err *err) {
    bool number_is_free = false;
    enum err_code code = insert_preorder(self, create, &number_is_free, err);
    if (code == ERR_OK && !number_is_free) {
        create->result = CREATE_NUMBER_TAKEN;
        return ERR_OK;
    }
    if (code == ERR_OK && create->idempotency_key != NULL) {
        code = insert_key(self, create, err);
    }
    if (code == ERR_OK) {
        code = sqlite_insert_event(self, create->event, &create->preorder->id, 1,
                                   create->event->created_at_ms, err);
    }
    if (code == ERR_OK) {
        create->result = CREATE_STORED;
    }
    return code;
}

static bool breaks_constraint(struct sqlite_store *self) {
    return (sqlite3_errcode(self->db) & 0xff) == SQLITE_CONSTRAINT;
}

/* Is it new under its key? If not, create->result says what it is. */
static CHECKED enum err_code is_new(struct sqlite_store *self, struct create *create,
                                    bool *is_new_out, struct err *err) {
    enum err_code code = ERR_OK;
    if (create->idempotency_key != NULL) {
        code = look_up_key(self, create, err);
    }
    *is_new_out = code == ERR_OK && create->result == CREATE_PENDING;
    return code;
}

/* A row that breaks a constraint is taken back alone; its neighbours stay. */
static CHECKED enum err_code create_guarded(struct sqlite_store *self, struct create *create,
                                            struct err *err) {
    bool inserts = false;
    enum err_code code = is_new(self, create, &inserts, err);
    if (code != ERR_OK || !inserts) {
        return code;
    }
    code = sqlite_run(self, sqlite_use(self, SQL_SAVEPOINT_ROW), err);
    if (code != ERR_OK) {
        return code;
    }
    code = insert_rows(self, create, err);
    if (code != ERR_OK) {
        if (!breaks_constraint(self)) {
            return code;
        }
        create->result = CREATE_REFUSED;
        code = sqlite_run(self, sqlite_use(self, SQL_ROLLBACK_ROW), err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return sqlite_run(self, sqlite_use(self, SQL_RELEASE_ROW), err);
}

static CHECKED enum err_code create_all_guarded(struct sqlite_store *self, struct create *creates,
                                                size_t create_count, struct err *err) {
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < create_count && code == ERR_OK; i++) {
        code = create_guarded(self, &creates[i], err);
    }
    return code;
}

/* Without savepoints, each of which copies every page that its row changes. *is_broken_out: one row
   breaks a constraint, and all of them are half done. */
static CHECKED enum err_code create_all_plain(struct sqlite_store *self, struct create *creates,
                                              size_t create_count, bool *is_broken_out,
                                              struct err *err) {
    enum err_code code = ERR_OK;
    *is_broken_out = false;
    for (size_t i = 0; i < create_count && code == ERR_OK; i++) {
        bool inserts = false;
        code = is_new(self, &creates[i], &inserts, err);
        if (code == ERR_OK && inserts) {
            code = insert_rows(self, &creates[i], err);
            *is_broken_out = code != ERR_OK && breaks_constraint(self);
        }
    }
    return code;
}

static void forget_results(struct create *creates, size_t create_count) {
    for (size_t i = 0; i < create_count; i++) {
        free(creates[i].replay);
        free(creates[i].replay_payment_url);
        creates[i].replay = NULL;
        creates[i].replay_payment_url = NULL;
        creates[i].result = CREATE_PENDING;
    }
}

/* Once more from the start, in the same stay within the gate, row by row. */
static CHECKED enum err_code start_over(struct sqlite_store *self, struct create *creates,
                                        size_t create_count, struct err *err) {
    forget_results(creates, create_count);
    enum err_code code = sqlite_run(self, sqlite_use(self, SQL_ROLLBACK_WRITE), err);
    if (code == ERR_OK) {
        code = sqlite_run(self, sqlite_use(self, SQL_BEGIN_WRITE), err);
    }
    return code == ERR_OK ? create_all_guarded(self, creates, create_count, err) : code;
}

enum err_code sqlite_create_preorders(struct store *store, struct create *creates,
                                      size_t create_count, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    bool is_broken = false;
    code = create_all_plain(self, creates, create_count, &is_broken, err);
    if (is_broken) {
        code = start_over(self, creates, create_count, err);
    }
    return sqlite_end(self, code, err);
}
