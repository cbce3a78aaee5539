#pragma once
/*
 * A prepared statement: give it values, run it, read its rows. Text that is bound is not copied: it stays as it
 * is until the statement has run.
 */
#include "common/store/sqlite/engine.h"

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
