/*
 * Working the log off into the database, within the gate.
 *
 * SQLite publishes a checkpoint's progress only at its end, so it is all or nothing, and the time in
 * the gate is bounded by keeping the log short: whoever writes calls this after each step. A reader
 * that stays open (another program's; ours are brief) lets the log grow; the checkpoint after it then
 * takes 4 to 8 us a page.
 */
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/transaction.h"

/* A checkout has answers to give meanwhile, and can as well checkpoint after the next of them. */
enum { CHECKOUT_WAIT_MS = 20 };

static int64_t wait_ms(const struct store_options *options) {
    bool is_short = options->role == STORE_CHECKOUT && options->write_timeout_ms > CHECKOUT_WAIT_MS;
    return is_short ? CHECKOUT_WAIT_MS : options->write_timeout_ms;
}

enum err_code sqlite_checkpoint(struct store *store, int32_t pages_min, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    if (self->wal_pages < pages_min) {
        return ERR_OK;
    }
    enum err_code code = sqlite_enter(self, wait_ms(&self->options), err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t start_us = clock_mono_us(self->options.clock);
    int log_pages = 0;
    int done_pages = 0;
    int result = sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log_pages,
                                           &done_pages);
    gate_leave(&self->gate);
    if (self->options.on_checkpoint != NULL) {
        self->options.on_checkpoint(self->options.context,
                                    clock_mono_us(self->options.clock) - start_us);
    }
    if (result != SQLITE_OK) {
        return sqlite_fail(self, result, "cannot work the log off", err);
    }
    /* A reader may hold back the rest; what is done need not be done again. */
    self->wal_pages = log_pages - done_pages;
    return ERR_OK;
}
