/*
 * What a person does to the account as a whole: pause and resume.
 */
#include "common/store/sqlite/account.h"
#include "common/store/sqlite/audit_log.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

static CHECKED enum err_code write_line(struct sqlite_store *self,
                                        const struct account_order *order, const char *action,
                                        struct err *err) {
    struct audit_line line = {.at_ms = order->now_ms,
                              .actor = order->actor,
                              .action = action,
                              .target = "account",
                              .reason = order->reason,
                              .count = 1};
    return sqlite_write_audit_log(self, &line, err);
}

static bool change(struct account *account, const struct account_order *order, bool pauses) {
    return pauses ? account_pause(account, order->reason, order->now_ms)
                  : account_resume(account, order->now_ms);
}

static CHECKED enum err_code change_within(struct sqlite_store *self,
                                           const struct account_order *order, bool pauses,
                                           bool *changed_out, struct err *err) {
    struct account account;
    enum err_code code = account_load(self, &account, err);
    if (code != ERR_OK) {
        return code;
    }
    *changed_out = change(&account, order, pauses);
    if (order->dry_run || !*changed_out) {
        return ERR_OK;
    }
    code = account_store(self, &account, err);
    return code == ERR_OK ? write_line(self, order, pauses ? "pause" : "resume", err) : code;
}

static CHECKED enum err_code change_account(struct store *store, const struct account_order *order,
                                            bool pauses, bool *changed_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = change_within(self, order, pauses, changed_out, err);
    if (code != ERR_OK || order->dry_run) {
        sqlite_rollback(self);
        return code;
    }
    return sqlite_commit(self, err);
}

enum err_code sqlite_pause_account(struct store *store, const struct account_order *order,
                                   bool *changed_out, struct err *err) {
    return change_account(store, order, true, changed_out, err);
}

enum err_code sqlite_resume_account(struct store *store, const struct account_order *order,
                                    bool *changed_out, struct err *err) {
    return change_account(store, order, false, changed_out, err);
}
