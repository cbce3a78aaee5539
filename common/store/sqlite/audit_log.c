#include "common/store/sqlite/audit_log.h"

#include "common/store/sqlite/statement.h"

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
