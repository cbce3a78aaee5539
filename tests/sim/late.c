#include "tests/sim/late.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>

/* What the callers have for a statement. */
struct late {
    sqlite3 *db;
    const char *text; /* as long as the program */
    unsigned flags;
    sqlite3_stmt *real; /* NULL: not used yet */
};

static bool is_preparing;

bool late_is_preparing(void) {
    return is_preparing;
}

/* The linker's names: __real_ is SQLite's function, __wrap_ is called instead of it. */
#define WRAPPED(name) __typeof__(name) __real_##name, __wrap_##name
WRAPPED(sqlite3_prepare_v3);
WRAPPED(sqlite3_prepare_v2);
WRAPPED(sqlite3_finalize);
WRAPPED(sqlite3_reset);
WRAPPED(sqlite3_clear_bindings);
WRAPPED(sqlite3_step);
WRAPPED(sqlite3_bind_parameter_index);
WRAPPED(sqlite3_bind_int64);
WRAPPED(sqlite3_bind_text);
WRAPPED(sqlite3_bind_text64);
WRAPPED(sqlite3_bind_blob);
WRAPPED(sqlite3_column_blob);
WRAPPED(sqlite3_column_bytes);
WRAPPED(sqlite3_column_int);
WRAPPED(sqlite3_column_int64);
WRAPPED(sqlite3_column_text);
WRAPPED(sqlite3_column_type);

static struct late *late_of(sqlite3_stmt *statement) {
    return (struct late *)(void *)statement;
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *text, int byte_count, unsigned flags,
                              sqlite3_stmt **statement_out, const char **tail_out) {
    assert(byte_count == -1 && tail_out == NULL);
    struct late *late = malloc(sizeof *late);
    assert(late != NULL);
    *late = (struct late){.db = db, .text = text, .flags = flags};
    *statement_out = (sqlite3_stmt *)(void *)late;
    return SQLITE_OK;
}

/* For once: prepared at once. */
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *text, int byte_count,
                              sqlite3_stmt **statement_out, const char **tail_out) {
    sqlite3_stmt *real = NULL;
    int result = __real_sqlite3_prepare_v2(db, text, byte_count, &real, tail_out);
    *statement_out = NULL;
    if (result == SQLITE_OK) {
        result = __wrap_sqlite3_prepare_v3(db, text, -1, 0, statement_out, NULL);
        late_of(*statement_out)->real = real;
    }
    return result;
}

static sqlite3_stmt *real_of(sqlite3_stmt *statement) {
    struct late *late = late_of(statement);
    if (late != NULL && late->real == NULL) {
        is_preparing = true;
        int result =
            __real_sqlite3_prepare_v3(late->db, late->text, -1, late->flags, &late->real, NULL);
        is_preparing = false;
        assert(result == SQLITE_OK);
    }
    return late == NULL ? NULL : late->real;
}

/* What has not been used has nothing to forget. */
static sqlite3_stmt *used_of(sqlite3_stmt *statement) {
    return statement == NULL ? NULL : late_of(statement)->real;
}

int __wrap_sqlite3_finalize(sqlite3_stmt *statement) {
    int result = __real_sqlite3_finalize(used_of(statement));
    free(late_of(statement));
    return result;
}

int __wrap_sqlite3_reset(sqlite3_stmt *statement) {
    return __real_sqlite3_reset(used_of(statement));
}

int __wrap_sqlite3_clear_bindings(sqlite3_stmt *statement) {
    return used_of(statement) == NULL ? SQLITE_OK
                                      : __real_sqlite3_clear_bindings(used_of(statement));
}

int __wrap_sqlite3_step(sqlite3_stmt *statement) {
    return __real_sqlite3_step(real_of(statement));
}

int __wrap_sqlite3_bind_parameter_index(sqlite3_stmt *statement, const char *name) {
    return __real_sqlite3_bind_parameter_index(real_of(statement), name);
}

int __wrap_sqlite3_bind_int64(sqlite3_stmt *statement, int index, sqlite3_int64 value) {
    return __real_sqlite3_bind_int64(real_of(statement), index, value);
}

int __wrap_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, int byte_count,
                             void (*destroy)(void *)) {
    return __real_sqlite3_bind_text(real_of(statement), index, text, byte_count, destroy);
}

int __wrap_sqlite3_bind_text64(sqlite3_stmt *statement, int index, const char *text,
                               sqlite3_uint64 byte_count, void (*destroy)(void *),
                               unsigned char encoding) {
    return __real_sqlite3_bind_text64(real_of(statement), index, text, byte_count, destroy,
                                      encoding);
}

int __wrap_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int byte_count,
                             void (*destroy)(void *)) {
    return __real_sqlite3_bind_blob(real_of(statement), index, bytes, byte_count, destroy);
}

const void *__wrap_sqlite3_column_blob(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_blob(used_of(statement), column);
}

int __wrap_sqlite3_column_bytes(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_bytes(used_of(statement), column);
}

int __wrap_sqlite3_column_int(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_int(used_of(statement), column);
}

sqlite3_int64 __wrap_sqlite3_column_int64(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_int64(used_of(statement), column);
}

const unsigned char *__wrap_sqlite3_column_text(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_text(used_of(statement), column);
}

int __wrap_sqlite3_column_type(sqlite3_stmt *statement, int column) {
    return __real_sqlite3_column_type(used_of(statement), column);
}
