#include "common/store/sqlite/operations.h"

#include "common/store/sqlite/place.h"
#include "common/store/sqlite/transaction.h"
#include "common/store/sqlite/wake.h"

static enum err_code sqlite_check_writable(struct store *store, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    enum err_code code = sqlite_begin(self, err);
    if (code == ERR_OK) {
        sqlite_rollback(self);
    }
    /* A transaction that writes nothing begins on a full disk, too. */
    return code == ERR_OK ? place_check_room(self->path, PLACE_ROOM_BYTES_MIN, err) : code;
}

static int32_t sqlite_wal_pages(const struct store *store) {
    return ((const struct sqlite_store *)store)->wal_pages;
}

static enum err_code sqlite_listen(struct store *store, int *fd_out, struct err *err) {
    struct wake *wake = &sqlite_of(store)->wake;
    enum err_code code = wake_listen(wake, err);
    if (code == ERR_OK) {
        *fd_out = wake->fd;
    }
    return code;
}

static bool sqlite_hear(struct store *store) {
    return wake_hear(&sqlite_of(store)->wake);
}

static void sqlite_wake(struct store *store) {
    wake_send(&sqlite_of(store)->wake);
}

static void sqlite_close(struct store *store) {
    sqlite_release(sqlite_of(store));
}

const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .close = sqlite_close,
    .check_writable = sqlite_check_writable,
    .checkpoint = sqlite_checkpoint,
    .wal_pages = sqlite_wal_pages,
    .create_preorders = sqlite_create_preorders,
    .apply_payments = sqlite_apply_payments,
    .list_payments = sqlite_list_payments,
    .list_flagged = sqlite_list_flagged,
    .accept_payment = sqlite_accept_payment,
    .settle_and_claim = sqlite_settle_and_claim,
    .count_due = sqlite_count_due,
    .settle_and_claim_members = sqlite_settle_and_claim_members,
    .register_worker = sqlite_register_worker,
    .unregister_worker = sqlite_unregister_worker,
    .tend_workers = sqlite_tend_workers,
    .bring_back = sqlite_bring_back,
    .list_workers = sqlite_list_workers,
    .listen = sqlite_listen,
    .hear = sqlite_hear,
    .wake = sqlite_wake,
    .find_preorder = sqlite_find_preorder,
    .search_preorders = sqlite_search_preorders,
    .list_events = sqlite_list_events,
    .list_attempts = sqlite_list_attempts,
    .event_payload = sqlite_event_payload,
    .read_backlog = sqlite_read_backlog,
    .read_status = sqlite_read_status,
    .audit = sqlite_audit,
    .retry_events = sqlite_retry_events,
    .cancel_events = sqlite_cancel_events,
    .pause_account = sqlite_pause_account,
    .resume_account = sqlite_resume_account,
};
