#include "common/store/sqlite/engine.h"

#include <assert.h>
#include <stdlib.h>

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

void sqlite_release(struct sqlite_store *self) {
    for (size_t i = 0; i < SQL_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(self->statements[i]);
    }
    if (self->db != NULL) {
        int result = sqlite3_close(self->db);
        assert(result == SQLITE_OK);
    }
    gate_close(&self->gate);
    wake_close(&self->wake);
    roster_close(&self->roster);
    free(self->path);
    free(self);
}
