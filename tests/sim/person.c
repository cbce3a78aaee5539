#include "tests/sim/person.h"

#include "common/store.h"

enum { WRITE_TIMEOUT_MS = 2000 };

static struct store *open_store(struct world *world) {
    const struct store_options options = {
        .role = STORE_BACKGROUND, .write_timeout_ms = WRITE_TIMEOUT_MS, .clock = &world->clock};
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(world->url, &options, &store, &err) != ERR_OK) {
        world_complain(world, "preorderctl cannot open the database: %s", err.text);
    }
    return store;
}

static void repair(struct world *world, struct store *store, bool is_retry) {
    struct repair repair = {
        .filter = {.status = is_retry ? "dead" : "pending", .limit = 1 + world_dice(world, 5)},
        .actor = "ada",
        .reason = "played",
        .now_ms = clock_wall_ms(&world->clock),
    };
    int64_t count = 0;
    struct err err = {0};
    enum err_code code = is_retry ? store_retry_events(store, &repair, &count, &err)
                                  : store_cancel_events(store, &repair, &count, &err);
    world_trace(world, is_retry ? "retry" : "cancel", count, (int64_t)code);
    if (code != ERR_OK) {
        world_complain(world, "a person's order failed: %s", err.text);
    }
}

static void order(struct world *world, struct store *store, bool is_pause) {
    struct account_order order = {
        .actor = "ada", .reason = "played", .now_ms = clock_wall_ms(&world->clock)};
    bool changed = false;
    struct err err = {0};
    enum err_code code = is_pause ? store_pause_account(store, &order, &changed, &err)
                                  : store_resume_account(store, &order, &changed, &err);
    world_trace(world, is_pause ? "pause" : "resume", changed ? 1 : 0, (int64_t)code);
    if (code != ERR_OK) {
        world_complain(world, "a person's order failed: %s", err.text);
    }
}

void person_turn(struct world *world) {
    if (!world_chance(world, world->faults.person)) {
        return;
    }
    int64_t what = world_dice(world, 4);
    struct store *store = open_store(world);
    if (store == NULL) {
        return;
    }
    if (what < 2) {
        repair(world, store, what == 0);
    } else {
        order(world, store, what == 2);
    }
    store_close(store);
}

void person_leave(struct world *world) {
    struct store *store = open_store(world);
    if (store != NULL) {
        order(world, store, false);
        store_close(store);
    }
}
