#include "tests/torture/skip.h"

#include <sqlite3.h>
#include <stddef.h>

static bool skips;

int __real_sqlite3_prepare_v3(sqlite3 *db, const char *text, int byte_count, unsigned flags,
                              sqlite3_stmt **statement_out, const char **tail_out);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *text, int byte_count, unsigned flags,
                              sqlite3_stmt **statement_out, const char **tail_out);

void skip_statements(bool are_skipped) {
    skips = are_skipped;
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *text, int byte_count, unsigned flags,
                              sqlite3_stmt **statement_out, const char **tail_out) {
    if (skips) {
        *statement_out = NULL;
        return SQLITE_OK;
    }
    return __real_sqlite3_prepare_v3(db, text, byte_count, flags, statement_out, tail_out);
}
