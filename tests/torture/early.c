/*
 * The control API's haste: it answers first and commits afterwards, when it wakes the workers. Linked into api-early
 * only, to show that syscalls.py sees what that loses.
 */
#include <stddef.h>

#include "common/store/sqlite/transaction.h"

static _Thread_local struct sqlite_store *put_off;

enum err_code __real_sqlite_end(struct sqlite_store *self, enum err_code code, struct err *err);
enum err_code __wrap_sqlite_end(struct sqlite_store *self, enum err_code code, struct err *err);
void __real_store_wake(struct store *store);
void __wrap_store_wake(struct store *store);

enum err_code __wrap_sqlite_end(struct sqlite_store *self, enum err_code code, struct err *err) {
    if (code != ERR_OK) {
        return __real_sqlite_end(self, code, err);
    }
    put_off = self;
    return ERR_OK;
}

void __wrap_store_wake(struct store *store) {
    struct err err = {0};
    enum err_code code = ERR_OK;
    if (put_off != NULL) {
        code = __real_sqlite_end(put_off, ERR_OK, &err);
        put_off = NULL;
    }
    if (code == ERR_OK) {
        __real_store_wake(store);
    }
}
