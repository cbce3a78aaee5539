#include "common/store/sqlite/statement.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
