#include "tests/sim/faulty.h"

#include <stdlib.h>

#include "common/store/ops.h"
#include "tests/sim/late.h"
#include "tests/store/shim.h"

enum { WRITE_TIMEOUT_MS = 2000, DISK_CALLS_MAX = 40 };

struct faulty {
    struct store base; /* first: this is the struct store */
    struct store *inner;
    struct world *world;
    bool *is_dead;
};

/* ---- The disk --------------------------------------------------------------------------------- */

static struct world *disk_world; /* whose operation is running */

static int before_call(void *context, enum shim_call call, const char *path) {
    (void)context;
    (void)path;
    struct world *world = disk_world;
    if (world == NULL || world->disk_countdown == 0 || call == SHIM_UNFETCH ||
        late_is_preparing()) {
        return 0;
    }
    if (world->disk_countdown > 1) {
        world->disk_countdown--;
        return 0;
    }
    world->disk_countdown = world->disk_stays_broken ? 1 : 0;
    world->figures.disk_errors++;
    return shim_error(call);
}

void faulty_install_disk(void) {
    static const struct shim shim = {.before = before_call};
    shim_install(&shim);
}

/* ---- Fates ------------------------------------------------------------------------------------ */

enum fate {
    FATE_DONE,
    FATE_BUSY,         /* not done */
    FATE_UNKNOWN_DONE, /* done, and nobody hears of it */
    FATE_UNKNOWN,      /* not done, and nobody knows */
    FATE_FATAL,        /* not done; the process exits */
    FATE_DIES_BEFORE,
    FATE_DIES_AFTER,
};

static enum fate choose_fate(struct faulty *self) {
    struct world *world = self->world;
    enum fate fate = FATE_DONE;
    if (world_chance(world, world->faults.store_busy)) {
        fate = FATE_BUSY;
    } else if (world_chance(world, world->faults.store_unknown)) {
        fate = world_dice(world, 2) == 0 ? FATE_UNKNOWN : FATE_UNKNOWN_DONE;
    } else if (world_chance(world, world->faults.store_fatal)) {
        fate = FATE_FATAL;
    } else if (world_chance(world, world->faults.dies_in_store)) {
        fate = world_dice(world, 2) == 0 ? FATE_DIES_BEFORE : FATE_DIES_AFTER;
    }
    if (fate == FATE_DONE && world_chance(world, world->faults.disk)) {
        world->disk_countdown = 1 + (int32_t)world_dice(world, DISK_CALLS_MAX);
        world->disk_stays_broken = world_dice(world, 2) == 0;
    }
    disk_world = world;
    return fate;
}

/* True: the operation is not to be done at all. */
static bool is_skipped(enum fate fate) {
    return fate == FATE_BUSY || fate == FATE_UNKNOWN || fate == FATE_FATAL ||
           fate == FATE_DIES_BEFORE;
}

static enum err_code end(struct faulty *self, enum fate fate, enum err_code code, struct err *err) {
    disk_world = NULL;
    self->world->disk_countdown = 0;
    self->world->has_lost = self->world->has_lost || (code != ERR_OK && code != ERR_BUSY) ||
                            (fate != FATE_DONE && fate != FATE_BUSY);
    world_trace(self->world, "store", (int64_t)fate, (int64_t)code);
    switch (fate) {
    case FATE_DONE:
        self->world->figures.unknowns += code == ERR_UNKNOWN ? 1 : 0;
        return code;
    case FATE_BUSY:
        return err_set(err, ERR_BUSY, "the gate was not won");
    case FATE_UNKNOWN:
    case FATE_UNKNOWN_DONE:
        self->world->figures.unknowns++;
        return code == ERR_OK ? err_set(err, ERR_UNKNOWN, "the commit's answer was lost") : code;
    case FATE_FATAL:
        return err_set(err, ERR_FATAL, "the disk failed");
    case FATE_DIES_BEFORE:
    case FATE_DIES_AFTER:
        *self->is_dead = true;
        return code == ERR_OK ? err_set(err, ERR_FATAL, "killed") : code;
    }
    return code;
}

/* ---- The operations --------------------------------------------------------------------------- */

static struct faulty *faulty_of(struct store *store) {
    return (struct faulty *)store;
}

static void faulty_close(struct store *store) {
    struct faulty *self = faulty_of(store);
    store_close(self->inner);
    free(self);
}

static enum err_code faulty_create(struct store *store, struct create *creates, size_t create_count,
                                   struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_create_preorders(self->inner, creates, create_count, err);
    }
    return end(self, fate, code, err);
}

static enum err_code faulty_apply(struct store *store, const struct payment_terms *terms,
                                  struct payment_apply *applies, size_t apply_count,
                                  struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_apply_payments(self->inner, terms, applies, apply_count, err);
    }
    return end(self, fate, code, err);
}

static enum err_code faulty_settle_and_claim(struct store *store,
                                             const struct settlement *settlements,
                                             size_t settlement_count,
                                             struct settle_report *report_out,
                                             const struct claim_request *request,
                                             struct claim_batch *batch, struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_settle_and_claim(self->inner, settlements, settlement_count, report_out,
                                      request, batch, err);
    }
    code = end(self, fate, code, err);
    if (code != ERR_OK) {
        claim_batch_release(batch);
        *report_out = (struct settle_report){0};
    }
    return code;
}

static enum err_code faulty_members(struct store *store, const struct settlement *settlements,
                                    size_t settlement_count, const struct job_request *request,
                                    struct job_reply *reply_out, struct claim_batch *batch,
                                    struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_settle_and_claim_members(self->inner, settlements, settlement_count, request,
                                              reply_out, batch, err);
    }
    code = end(self, fate, code, err);
    if (code != ERR_OK) {
        claim_batch_release(batch);
        *reply_out = (struct job_reply){0};
    }
    return code;
}

static enum err_code faulty_count_due(struct store *store, int64_t now_ms, int64_t limit,
                                      int64_t *count_out, struct err *err) {
    return store_count_due(faulty_of(store)->inner, now_ms, limit, count_out, err);
}

static enum err_code faulty_register(struct store *store, const struct worker_entry *entry,
                                     struct err *err) {
    return store_register_worker(faulty_of(store)->inner, entry, err);
}

static enum err_code faulty_tend(struct store *store, int64_t now_ms, int64_t lease_ms,
                                 struct tend_report *report_out, struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_tend_workers(self->inner, now_ms, lease_ms, report_out, err);
    }
    return end(self, fate, code, err);
}

static enum err_code faulty_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                                       int64_t wait_max_ms, int64_t *count_out, struct err *err) {
    struct faulty *self = faulty_of(store);
    return store_bring_back(self->inner, now_ms, lease_ms, wait_max_ms, count_out, err);
}

static enum err_code faulty_checkpoint(struct store *store, int32_t pages_min, struct err *err) {
    struct faulty *self = faulty_of(store);
    enum fate fate = choose_fate(self);
    enum err_code code = ERR_OK;
    if (!is_skipped(fate)) {
        code = store_checkpoint(self->inner, pages_min, err);
    }
    return end(self, fate, code, err);
}

static int32_t faulty_wal_pages(const struct store *store) {
    return store_wal_pages(((const struct faulty *)store)->inner);
}

static void faulty_wake(struct store *store) {
    (void)store; /* the simulation wakes whom it likes */
}

static const struct store_ops faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .checkpoint = faulty_checkpoint,
    .wal_pages = faulty_wal_pages,
    .create_preorders = faulty_create,
    .apply_payments = faulty_apply,
    .settle_and_claim = faulty_settle_and_claim,
    .count_due = faulty_count_due,
    .settle_and_claim_members = faulty_members,
    .register_worker = faulty_register,
    .tend_workers = faulty_tend,
    .bring_back = faulty_bring_back,
    .wake = faulty_wake,
};

enum err_code faulty_open(struct world *world, enum store_role role, bool *is_dead,
                          struct store **store_out, struct err *err) {
    struct faulty *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    struct store_options options = {
        .role = role, .write_timeout_ms = WRITE_TIMEOUT_MS, .clock = &world->clock};
    enum err_code code = store_open(world->url, &options, &self->inner, err);
    if (code != ERR_OK) {
        free(self);
        return code;
    }
    self->base.ops = &faulty_ops;
    self->world = world;
    self->is_dead = is_dead;
    *store_out = &self->base;
    return ERR_OK;
}
