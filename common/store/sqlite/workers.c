/*
 * The register of running workers: who lives, and what becomes of the claims of those that died.
 *
 * A row is written only by one that holds the lock of its slot, so a row whose slot is free is that
 * of a dead worker, for good: names are never used twice.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/holder.h"
#include "common/store/sqlite/account.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"
#include "common/store/sqlite/workers.h"

enum { LOST_BATCH_MAX = 512 }; /* claims that one transaction frees: a few ms in the gate */

/* A row of the register. */
struct entry {
    struct worker_view view;
    int32_t slot;
};

struct entries {
    struct entry *items; /* owned */
    size_t count, capacity;
};

static void entries_release(struct entries *entries) {
    free(entries->items);
    *entries = (struct entries){0};
}

static CHECKED enum err_code add(struct entries *entries, const struct entry *entry,
                                 struct err *err) {
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 16 : 2 * entries->capacity;
        struct entry *items = reallocarray(entries->items, capacity, sizeof *items);
        if (items == NULL) {
            return err_set(err, ERR_FATAL, "out of memory");
        }
        entries->items = items;
        entries->capacity = capacity;
    }
    entries->items[entries->count++] = *entry;
    return ERR_OK;
}

static CHECKED enum err_code read_entry(struct sqlite_store *self, sqlite3_stmt *statement,
                                        struct entry *entry_out, struct err *err) {
    *entry_out = (struct entry){.slot = sqlite3_column_int(statement, 2)};
    struct worker_view *view = &entry_out->view;
    sqlite_column_copy(statement, 0, view->name, sizeof view->name);
    sqlite_column_copy(statement, 1, view->host_id, sizeof view->host_id);
    sqlite_column_copy(statement, 4, view->listen, sizeof view->listen);
    view->pid = sqlite3_column_int64(statement, 3);
    view->started_at_ms = sqlite3_column_int64(statement, 5);
    view->seen_at_ms = sqlite3_column_int64(statement, 6);
    view->in_flight_count = sqlite3_column_int64(statement, 7);
    return roster_has(&self->roster, entry_out->slot, &view->is_alive, err);
}

/* Release it in every case. */
static CHECKED enum err_code read_entries(struct sqlite_store *self, struct entries *entries_out,
                                          struct err *err) {
    *entries_out = (struct entries){0};
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_LIST);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    while (code == ERR_OK && has_row) {
        struct entry entry;
        code = read_entry(self, statement, &entry, err);
        if (code == ERR_OK) {
            code = add(entries_out, &entry, err);
        }
        if (code == ERR_OK) {
            code = sqlite_next(self, statement, &has_row, err);
        }
    }
    (void)sqlite3_reset(statement);
    return code;
}

static bool is_registered(const struct sqlite_store *self) {
    return self->worker.name[0] != '\0';
}

static bool is_self(const struct sqlite_store *self, const struct entry *entry) {
    return strcmp(entry->view.name, self->worker.name) == 0;
}

static enum holder judge(const struct sqlite_store *self, const struct entry *entry) {
    bool is_same_host = strcmp(entry->view.host_id, self->worker.host_id) == 0;
    return holder_judge(is_same_host, entry->view.is_alive);
}

/* ---- Entering --------------------------------------------------------------------------------- */

static bool is_in_use(const struct entries *entries, int32_t slot) {
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->items[i].slot == slot) {
            return true;
        }
    }
    return false;
}

/* Locks the first slot that no row names and nobody holds. */
static CHECKED enum err_code take_slot(struct sqlite_store *self, struct err *err) {
    struct entries entries;
    bool taken = false;
    enum err_code code = read_entries(self, &entries, err);
    for (int32_t slot = 0; code == ERR_OK && !taken && slot < ROSTER_SLOTS_MAX; slot++) {
        if (!is_in_use(&entries, slot)) {
            code = roster_take(&self->roster, slot, &taken, err);
        }
    }
    entries_release(&entries);
    if (code == ERR_OK && !taken) {
        return err_set(err, ERR_CONFLICT, "there are %d workers already: no more are possible",
                       ROSTER_SLOTS_MAX);
    }
    return code;
}

static CHECKED enum err_code insert_self(struct sqlite_store *self, int64_t now_ms,
                                         struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_INSERT);
    sqlite_bind_text(statement, ":name", self->worker.name);
    sqlite_bind_text(statement, ":host_id", self->worker.host_id);
    sqlite_bind_integer(statement, ":slot", self->roster.slot);
    sqlite_bind_integer(statement, ":pid", self->worker.pid);
    sqlite_bind_text(statement, ":listen", self->worker.listen);
    sqlite_bind_integer(statement, ":started_at", self->worker.started_at_ms);
    sqlite_bind_integer(statement, ":seen_at", now_ms);
    return sqlite_run(self, statement, err);
}

enum err_code sqlite_register_worker(struct store *store, const struct worker_entry *entry,
                                     struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    assert(!is_registered(self));
    enum err_code code = sqlite_begin(self, err);
    if (code != ERR_OK) {
        return code;
    }
    struct worker_view *worker = &self->worker;
    (void)snprintf(worker->name, sizeof worker->name, "%s", entry->name);
    (void)snprintf(worker->host_id, sizeof worker->host_id, "%s", entry->host_id);
    (void)snprintf(worker->listen, sizeof worker->listen, "%s", entry->listen);
    worker->pid = entry->pid;
    worker->started_at_ms = entry->now_ms;
    code = take_slot(self, err);
    if (code == ERR_OK) {
        code = insert_self(self, entry->now_ms, err);
    }
    code = sqlite_end(self, code, err);
    if (code != ERR_OK) {
        roster_drop(&self->roster);
        *worker = (struct worker_view){0};
    }
    return code;
}

/* ---- Leaving ---------------------------------------------------------------------------------- */

static CHECKED enum err_code lose_claims(struct sqlite_store *self, const char *name,
                                         int64_t now_ms, int64_t *lost_count_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_CLAIMS_LOSE);
    sqlite_bind_text(statement, ":name", name);
    sqlite_bind_integer(statement, ":now", now_ms);
    sqlite_bind_integer(statement, ":limit", LOST_BATCH_MAX);
    enum err_code code = sqlite_run(self, statement, err);
    *lost_count_out = code == ERR_OK ? sqlite3_changes(self->db) : 0;
    return code;
}

static CHECKED enum err_code delete_entry(struct sqlite_store *self, const char *name,
                                          struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_DELETE);
    sqlite_bind_text(statement, ":name", name);
    return sqlite_run(self, statement, err);
}

/* Frees what a worker has in hand and, once nothing is left, strikes it off. */
static CHECKED enum err_code strike_off(struct sqlite_store *self, const struct worker_view *worker,
                                        int64_t now_ms, int64_t *lost_count_out, bool *is_off_out,
                                        struct err *err) {
    *is_off_out = false;
    enum err_code code = lose_claims(self, worker->name, now_ms, lost_count_out, err);
    if (code == ERR_OK && *lost_count_out < LOST_BATCH_MAX) {
        *is_off_out = true;
        code = delete_entry(self, worker->name, err);
    }
    if (code == ERR_OK && *is_off_out) {
        code = account_bury_worker(self, worker->name, now_ms, err);
    }
    return code;
}

enum err_code sqlite_unregister_worker(struct store *store, int64_t now_ms, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    bool is_off = !is_registered(self);
    while (!is_off) { /* as often as one worker's claims have batches */
        int64_t lost_count = 0;
        enum err_code code = sqlite_begin(self, err);
        if (code != ERR_OK) {
            return code;
        }
        code = strike_off(self, &self->worker, now_ms, &lost_count, &is_off, err);
        code = sqlite_end(self, code, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    roster_drop(&self->roster);
    self->worker = (struct worker_view){0};
    return ERR_OK;
}

/* ---- Tending ---------------------------------------------------------------------------------- */

static CHECKED enum err_code has_claims(struct sqlite_store *self, const char *name,
                                        bool *has_claims_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_HAS_CLAIMS);
    sqlite_bind_text(statement, ":name", name);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* EXISTS always gives one */
    *has_claims_out = code == ERR_OK && sqlite3_column_int(statement, 0) != 0;
    (void)sqlite3_reset(statement);
    return code;
}

static CHECKED enum err_code is_gone(struct sqlite_store *self, const struct entry *entry,
                                     int64_t now_ms, int64_t lease_ms, bool *is_gone_out,
                                     struct err *err) {
    enum holder holder = judge(self, entry);
    int64_t seen_at_ms = entry->view.seen_at_ms;
    *is_gone_out = holder_is_gone(holder, false, seen_at_ms, lease_ms, now_ms);
    if (!*is_gone_out || holder_loses_claims(holder)) {
        return ERR_OK;
    }
    bool holds_any = false;
    enum err_code code = has_claims(self, entry->view.name, &holds_any, err);
    *is_gone_out = holder_is_gone(holder, holds_any, seen_at_ms, lease_ms, now_ms);
    return code;
}

/* What there is to do, as one look at the register shows it. */
struct chores {
    size_t neighbour_count;
    bool renew;          /* the own row is old, or gone */
    bool is_own_missing; /* it is gone */
    bool is_any_gone;    /* `gone` died, or was not seen elsewhere for long */
    struct entry gone;
    bool is_more; /* others did, too */
};

static CHECKED enum err_code find_chores(struct sqlite_store *self, const struct entries *entries,
                                         int64_t now_ms, int64_t lease_ms,
                                         struct chores *chores_out, struct err *err) {
    *chores_out = (struct chores){.renew = true, .is_own_missing = true};
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < entries->count && code == ERR_OK; i++) {
        const struct entry *entry = &entries->items[i];
        if (is_self(self, entry)) {
            chores_out->is_own_missing = false;
            int64_t unseen_ms = now_ms - entry->view.seen_at_ms;
            chores_out->renew = unseen_ms < 0 || unseen_ms >= HOLDER_SEEN_EVERY_MS;
            continue;
        }
        if (judge(self, entry) == HOLDER_ALIVE) {
            chores_out->neighbour_count++;
            continue;
        }
        bool gone = false;
        code = is_gone(self, entry, now_ms, lease_ms, &gone, err);
        if (gone && chores_out->is_any_gone) {
            chores_out->is_more = true;
        } else if (gone) {
            chores_out->is_any_gone = true;
            chores_out->gone = *entry;
        }
    }
    return code;
}

static CHECKED enum err_code read_chores(struct sqlite_store *self, int64_t now_ms,
                                         int64_t lease_ms, struct chores *chores_out,
                                         struct err *err) {
    struct entries entries;
    enum err_code code = read_entries(self, &entries, err);
    if (code == ERR_OK) {
        code = find_chores(self, &entries, now_ms, lease_ms, chores_out, err);
    }
    entries_release(&entries);
    return code;
}

/* The own slot is still locked, so nobody can have entered with it. */
static CHECKED enum err_code renew_self(struct sqlite_store *self, const struct chores *chores,
                                        int64_t now_ms, struct err *err) {
    if (chores->is_own_missing) {
        return insert_self(self, now_ms, err);
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_SEEN);
    sqlite_bind_text(statement, ":name", self->worker.name);
    sqlite_bind_integer(statement, ":seen_at", now_ms);
    return sqlite_run(self, statement, err);
}

/* Within the gate: looks again, for others may have done it meanwhile. */
static CHECKED enum err_code do_chores(struct sqlite_store *self, int64_t now_ms, int64_t lease_ms,
                                       struct tend_report *report_out, struct err *err) {
    struct chores chores;
    enum err_code code = read_chores(self, now_ms, lease_ms, &chores, err);
    if (code == ERR_OK && chores.renew) {
        code = renew_self(self, &chores, now_ms, err);
    }
    if (code != ERR_OK || !chores.is_any_gone) {
        return code;
    }
    bool is_off = false;
    code = strike_off(self, &chores.gone.view, now_ms, &report_out->due_count, &is_off, err);
    report_out->is_more = chores.is_more || !is_off;
    memcpy(report_out->dead_name, chores.gone.view.name, sizeof report_out->dead_name);
    return code;
}

enum err_code sqlite_tend_workers(struct store *store, int64_t now_ms, int64_t lease_ms,
                                  struct tend_report *report_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    assert(is_registered(self));
    struct chores chores;
    enum err_code code = read_chores(self, now_ms, lease_ms, &chores, err);
    if (code != ERR_OK) {
        return code;
    }
    report_out->neighbour_count = chores.neighbour_count;
    if (!chores.renew && !chores.is_any_gone) {
        return ERR_OK;
    }
    code = sqlite_begin(self, err);
    if (code == ERR_OK) {
        code = sqlite_end(self, do_chores(self, now_ms, lease_ms, report_out, err), err);
    }
    if (code != ERR_OK) {
        *report_out = (struct tend_report){.neighbour_count = chores.neighbour_count};
    }
    return code;
}

/* ---- The claims of the living ----------------------------------------------------------------- */

static CHECKED enum err_code renew_claims(struct sqlite_store *self, const char *name,
                                          int64_t now_ms, int64_t lease_ms,
                                          size_t *renewed_count_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_CLAIMS_RENEW);
    sqlite_bind_text(statement, ":name", name);
    sqlite_bind_integer(statement, ":now", now_ms);
    sqlite_bind_integer(statement, ":expires", now_ms + lease_ms);
    enum err_code code = sqlite_run(self, statement, err);
    if (code == ERR_OK) {
        *renewed_count_out += (size_t)sqlite3_changes(self->db);
    }
    return code;
}

enum err_code sqlite_renew_lapsed(struct sqlite_store *self, int64_t now_ms, int64_t lease_ms,
                                  size_t *renewed_count_out, struct err *err) {
    *renewed_count_out = 0;
    if (!is_registered(self)) {
        return ERR_OK;
    }
    struct entries entries;
    enum err_code code = read_entries(self, &entries, err);
    for (size_t i = 0; i < entries.count && code == ERR_OK; i++) {
        if (holder_keeps_lapsed_claims(judge(self, &entries.items[i]))) {
            code = renew_claims(self, entries.items[i].view.name, now_ms, lease_ms,
                                renewed_count_out, err);
        }
    }
    entries_release(&entries);
    return code;
}

/* ---- Looking ---------------------------------------------------------------------------------- */

enum err_code sqlite_list_workers(struct store *store, struct worker_list *list_out,
                                  struct err *err) {
    struct entries entries;
    enum err_code code = read_entries(sqlite_of(store), &entries, err);
    if (code != ERR_OK) {
        entries_release(&entries);
        return code;
    }
    struct worker_view *workers = calloc(entries.count + 1, sizeof *workers);
    if (workers == NULL) {
        entries_release(&entries);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    for (size_t i = 0; i < entries.count; i++) {
        workers[i] = entries.items[i].view;
    }
    *list_out = (struct worker_list){.workers = workers, .worker_count = entries.count};
    entries_release(&entries);
    return ERR_OK;
}
