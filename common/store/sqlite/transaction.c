#include "common/store/sqlite/transaction.h"

#include <assert.h>
#include <stdio.h>

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
