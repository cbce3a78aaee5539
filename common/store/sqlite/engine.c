#include "common/store/sqlite/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err_code sqlite_fail(struct sqlite_store *self, int result, const char *what,
                          struct err *err) {
    enum err_code code = ERR_FATAL;
    const char *advice = "";
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
        code = ERR_BUSY;
        break;
    case SQLITE_FULL:
        code = ERR_BUSY;
        advice = ": the disk is full, make room";
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        advice = ": the file is damaged or no database, restore it from a backup";
        break;
    default:
        break;
    }
    return err_set(err, code, "%s: %s (%s, SQLite code %d)%s", what, sqlite3_errmsg(self->db),
                   self->path, sqlite3_extended_errcode(self->db), advice);
}

sqlite3_stmt *sqlite_use(struct sqlite_store *self, enum sql_statement statement) {
    assert(statement < SQL_STATEMENT_COUNT);
    sqlite3_stmt *prepared = self->statements[statement];
    assert(prepared != NULL);
    (void)sqlite3_reset(prepared); /* repeats the error of the last step, which was reported */
    (void)sqlite3_clear_bindings(prepared);
    return prepared;
}

static int parameter(sqlite3_stmt *statement, const char *name) {
    int index = sqlite3_bind_parameter_index(statement, name);
    assert(index > 0);
    return index;
}

void sqlite_bind_text(sqlite3_stmt *statement, const char *name, const char *text) {
    int result = sqlite3_bind_text(statement, parameter(statement, name), text, -1, SQLITE_STATIC);
    assert(result == SQLITE_OK);
}

void sqlite_bind_text_or_null(sqlite3_stmt *statement, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') { /* unbound parameters are NULL */
        sqlite_bind_text(statement, name, text);
    }
}

void sqlite_bind_bytes_as_text(sqlite3_stmt *statement, const char *name, const char *bytes,
                               size_t byte_count) {
    int result = sqlite3_bind_text64(statement, parameter(statement, name), bytes, byte_count,
                                     SQLITE_STATIC, SQLITE_UTF8);
    assert(result == SQLITE_OK);
}

void sqlite_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value) {
    int result = sqlite3_bind_int64(statement, parameter(statement, name), value);
    assert(result == SQLITE_OK);
}

void sqlite_bind_integer_or_null(sqlite3_stmt *statement, const char *name, int64_t value) {
    if (value != 0) { /* unbound parameters are NULL */
        sqlite_bind_integer(statement, name, value);
    }
}

enum err_code sqlite_next(struct sqlite_store *self, sqlite3_stmt *statement, bool *row_out,
                          struct err *err) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *row_out = true;
        return ERR_OK;
    }
    enum err_code code = ERR_OK;
    if (result != SQLITE_DONE) {
        code = sqlite_fail(self, result, "the database refused a statement", err);
    }
    (void)sqlite3_reset(statement);
    *row_out = false;
    return code;
}

enum err_code sqlite_run(struct sqlite_store *self, sqlite3_stmt *statement, struct err *err) {
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    assert(!has_row);
    return code;
}

void sqlite_column_copy(sqlite3_stmt *statement, int column, char *text_out,
                        size_t text_out_bytes) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = text == NULL ? 0 : strlen(text);
    if (length >= text_out_bytes) {
        length = text_out_bytes - 1;
    }
    if (text != NULL) {
        memcpy(text_out, text, length);
    }
    text_out[length] = '\0';
}

int64_t sqlite_column_amount(sqlite3_stmt *statement, int column) {
    bool is_null = sqlite3_column_type(statement, column) == SQLITE_NULL;
    return is_null ? PAYMENT_AMOUNT_UNKNOWN : sqlite3_column_int64(statement, column);
}

enum err_code sqlite_column_take(sqlite3_stmt *statement, int column, char **bytes_out,
                                 size_t *byte_count_out, struct err *err) {
    *bytes_out = NULL;
    *byte_count_out = 0;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return ERR_OK;
    }
    const void *bytes = sqlite3_column_blob(statement, column);
    size_t byte_count = (size_t)sqlite3_column_bytes(statement, column);
    char *copy = malloc(byte_count + 1);
    if (copy == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    if (byte_count > 0) {
        memcpy(copy, bytes, byte_count);
    }
    copy[byte_count] = '\0';
    *bytes_out = copy;
    *byte_count_out = byte_count;
    return ERR_OK;
}

/* The path of a file of the database: with room for the longest, gate_open's. */
static void file_path(const struct sqlite_store *self, size_t index,
                      char path[sizeof self->gate.path]) {
    static const char *const suffixes[SQLITE_FILE_COUNT] = {"", "-wal", "-shm"};
    int length = snprintf(path, sizeof self->gate.path, "%s%s", self->path, suffixes[index]);
    assert(length > 0 && (size_t)length < sizeof self->gate.path);
}

void sqlite_identify_files(struct sqlite_store *self) {
    char path[sizeof self->gate.path];
    for (size_t i = 0; i < SQLITE_FILE_COUNT; i++) {
        file_path(self, i, path);
        self->files[i] = place_identify(path);
    }
}

static CHECKED enum err_code enter_gate(struct sqlite_store *self, int64_t timeout_ms,
                                        struct err *err) {
    const struct store_options *options = &self->options;
    int64_t asked_us = clock_mono_us(options->clock);
    enum err_code code = gate_enter(&self->gate, timeout_ms, err);
    if (options->on_gate_wait != NULL) {
        options->on_gate_wait(options->context, clock_mono_us(options->clock) - asked_us);
    }
    return code;
}

enum err_code sqlite_enter(struct sqlite_store *self, int64_t timeout_ms, struct err *err) {
    enum err_code code = enter_gate(self, timeout_ms, err);
    char path[sizeof self->gate.path];
    for (size_t i = 0; code == ERR_OK && i < SQLITE_FILE_COUNT; i++) {
        file_path(self, i, path);
        if (!place_is_unmoved(path, &self->files[i])) {
            gate_leave(&self->gate);
            code = err_set(err, ERR_FATAL,
                           "%s was removed or replaced while in use: stop every process that uses "
                           "the database, then put all of its files in place together",
                           path);
        }
    }
    return code;
}

enum err_code sqlite_begin(struct sqlite_store *self, struct err *err) {
    enum err_code code = sqlite_enter(self, self->options.write_timeout_ms, err);
    if (code != ERR_OK) {
        return code;
    }
    code = sqlite_run(self, sqlite_use(self, SQL_BEGIN_WRITE), err);
    if (code != ERR_OK) {
        gate_leave(&self->gate);
    }
    return code;
}

enum err_code sqlite_commit(struct sqlite_store *self, struct err *err) {
    enum err_code code = sqlite_run(self, sqlite_use(self, SQL_COMMIT_WRITE), err);
    if (code == ERR_OK) {
        gate_leave(&self->gate);
        return ERR_OK;
    }
    sqlite_rollback(self);
    return code;
}

void sqlite_rollback(struct sqlite_store *self) {
    /* Some errors roll back by themselves; then there is nothing to do. */
    if (sqlite3_get_autocommit(self->db) == 0) {
        sqlite3_stmt *statement = sqlite_use(self, SQL_ROLLBACK_WRITE);
        (void)sqlite3_step(statement); /* fails only if the error before it was fatal */
        (void)sqlite3_reset(statement);
    }
    gate_leave(&self->gate);
}

enum err_code sqlite_end(struct sqlite_store *self, enum err_code code, struct err *err) {
    if (code == ERR_OK) {
        return sqlite_commit(self, err);
    }
    sqlite_rollback(self);
    return code;
}

enum err_code sqlite_begin_read(struct sqlite_store *self, struct err *err) {
    return sqlite_run(self, sqlite_use(self, SQL_BEGIN_READ), err);
}

void sqlite_end_read(struct sqlite_store *self) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_COMMIT_WRITE);
    (void)sqlite3_step(statement); /* nothing was written: there is nothing to lose */
    (void)sqlite3_reset(statement);
}

static enum err_code sqlite_check_writable(struct store *store, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code == ERR_OK) {
        sqlite_rollback(self);
    }
    /* A transaction that writes nothing begins on a full disk, too. */
    return code == ERR_OK ? place_check_room(self->path, PLACE_ROOM_BYTES_MIN, err) : code;
}

static int32_t sqlite_wal_pages(const struct store *store) {
    return ((const struct sqlite_store *)store)->wal_pages;
}

static enum err_code sqlite_listen(struct store *store, int *fd_out, struct err *err) {
    struct wake *wake = &sqlite_of(store)->wake;
    enum err_code code = wake_listen(wake, err);
    if (code == ERR_OK) {
        *fd_out = wake->fd;
    }
    return code;
}

static bool sqlite_hear(struct store *store) {
    return wake_hear(&sqlite_of(store)->wake);
}

static void sqlite_wake(struct store *store) {
    wake_send(&sqlite_of(store)->wake);
}

enum err_code sqlite_write_audit_log(struct sqlite_store *self, const struct audit_line *line,
                                     struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_WRITE_AUDIT_LOG);
    sqlite_bind_integer(statement, ":at_ms", line->at_ms);
    sqlite_bind_text(statement, ":actor", line->actor);
    sqlite_bind_text(statement, ":action", line->action);
    sqlite_bind_text(statement, ":target", line->target);
    sqlite_bind_text(statement, ":reason", line->reason);
    sqlite_bind_integer(statement, ":count", line->count);
    return sqlite_run(self, statement, err);
}

static void sqlite_close(struct store *store) {
    sqlite_release(sqlite_of(store));
}

const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .close = sqlite_close,
    .check_writable = sqlite_check_writable,
    .checkpoint = sqlite_checkpoint,
    .wal_pages = sqlite_wal_pages,
    .create_preorders = sqlite_create_preorders,
    .apply_payments = sqlite_apply_payments,
    .list_payments = sqlite_list_payments,
    .list_flagged = sqlite_list_flagged,
    .accept_payment = sqlite_accept_payment,
    .settle_and_claim = sqlite_settle_and_claim,
    .count_due = sqlite_count_due,
    .settle_and_claim_members = sqlite_settle_and_claim_members,
    .register_worker = sqlite_register_worker,
    .unregister_worker = sqlite_unregister_worker,
    .tend_workers = sqlite_tend_workers,
    .bring_back = sqlite_bring_back,
    .list_workers = sqlite_list_workers,
    .listen = sqlite_listen,
    .hear = sqlite_hear,
    .wake = sqlite_wake,
    .find_preorder = sqlite_find_preorder,
    .search_preorders = sqlite_search_preorders,
    .list_events = sqlite_list_events,
    .list_attempts = sqlite_list_attempts,
    .event_payload = sqlite_event_payload,
    .read_backlog = sqlite_read_backlog,
    .read_status = sqlite_read_status,
    .audit = sqlite_audit,
    .retry_events = sqlite_retry_events,
    .cancel_events = sqlite_cancel_events,
    .pause_account = sqlite_pause_account,
    .resume_account = sqlite_resume_account,
};
