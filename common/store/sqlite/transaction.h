#pragma once
/*
 * Every write runs as: sqlite_begin (wins the gate, BEGIN IMMEDIATE) … sqlite_commit or sqlite_rollback (both
 * leave the gate). Reads that must see one state run between sqlite_begin_read and sqlite_end_read and never
 * take the gate.
 */
#include "common/store/sqlite/statement.h"

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
