/*
 * The control of migrations: each statement is a transaction by itself. Linked into ctl-piecemeal only, to show that
 * syscalls.py sees a database that is half migrated.
 */
#include <sqlite3.h>
#include <string.h>

int __real_sqlite3_exec(sqlite3 *db, const char *text, int (*on_row)(void *, int, char **, char **),
                        void *context, char **message_out);
int __wrap_sqlite3_exec(sqlite3 *db, const char *text, int (*on_row)(void *, int, char **, char **),
                        void *context, char **message_out);

int __wrap_sqlite3_exec(sqlite3 *db, const char *text, int (*on_row)(void *, int, char **, char **),
                        void *context, char **message_out) {
    if (strcmp(text, "BEGIN IMMEDIATE") == 0 || strcmp(text, "COMMIT") == 0) {
        return SQLITE_OK;
    }
    return __real_sqlite3_exec(db, text, on_row, context, message_out);
}
