#include "tests/sim/shop.h"

#include <assert.h>
#include <string.h>

#include "tests/sim/faulty.h"

enum { RESTART_US_MAX = 5 * 1000 * 1000, TURN_US_MAX = 2000 };

static void on_reply(void *context, void *ticket, struct reply *reply) {
    struct desk *desk = context;
    struct post *post = ticket;
    bool is_known = false;
    for (size_t i = 0; i < desk->post_count && !is_known; i++) {
        is_known = desk->posts[i] == post;
        if (is_known) {
            desk->posts[i] = desk->posts[--desk->post_count];
        }
    }
    if (!is_known) {
        reply_release(reply); /* the client has gone */
        return;
    }
    post->is_taken = false;
    if (desk->is_dead) {
        reply_release(reply); /* the process that would have answered is no more */
        return;
    }
    post->is_answered = true;
    post->reply = *reply;
    *reply = (struct reply){0};
}

static void die(struct desk *desk) {
    struct world *world = desk->shop->world;
    desk->is_dead = true;
    for (size_t i = 0; i < desk->post_count; i++) {
        desk->posts[i]->is_taken = false;
    }
    desk->post_count = 0;
    api_close(desk->api);
    store_close(desk->store);
    desk->api = NULL;
    desk->store = NULL;
    desk->is_up = false;
    desk->is_dead = false;
    desk->up_at_us = world->mono_us + world_dice(world, world_span(world, RESTART_US_MAX));
    world->figures.deaths++;
    world_trace(world, "api died", (int64_t)desk->index, desk->start_count);
}

static void start(struct desk *desk) {
    struct world *world = desk->shop->world;
    struct err err = {0};
    if (faulty_open(world, STORE_CHECKOUT, &desk->is_dead, &desk->store, &err) != ERR_OK) {
        world_complain(world, "an api cannot open the database: %s", err.text);
        return;
    }
    const struct api_options options = {
        .settings = desk->shop->settings,
        .catalog = desk->shop->catalog,
        .store = desk->store,
        .clock = &world->clock,
        .random = &world->product,
        .on_reply = on_reply,
        .context = desk,
    };
    if (api_open(&options, &desk->api, &err) != ERR_OK) {
        world_complain(world, "an api cannot start: %s", err.text);
        store_close(desk->store);
        return;
    }
    desk->is_up = true;
    desk->commit_at_us = INT64_MAX;
    desk->start_count++;
    world_trace(world, "api started", (int64_t)desk->index, desk->start_count);
}

static void commit(struct desk *desk) {
    struct world *world = desk->shop->world;
    struct err err = {0};
    size_t queued_count = api_queued_count(desk->api);
    enum err_code code = api_commit(desk->api, &err);
    world_trace(world, "commit", (int64_t)queued_count, (int64_t)code);
    desk->shop->has_news = true;
    if (code != ERR_OK || desk->is_dead) {
        die(desk);
        return;
    }
    desk->commit_at_us = api_queued_count(desk->api) > 0 ? world->mono_us + 1 : INT64_MAX;
}

static int64_t desk_next_us(const struct desk *desk) {
    return desk->is_up ? desk->commit_at_us : desk->up_at_us;
}

void shop_begin(struct shop *shop, struct world *world, const struct settings *settings,
                const struct catalog *catalog) {
    memset(shop, 0, sizeof *shop);
    shop->world = world;
    shop->settings = settings;
    shop->catalog = catalog;
    shop->desk_count = 1 + (size_t)world_dice(world, SHOP_MAX);
    for (size_t i = 0; i < shop->desk_count; i++) {
        shop->desks[i].shop = shop;
        shop->desks[i].index = i;
    }
}

int64_t shop_next_us(const struct shop *shop) {
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < shop->desk_count; i++) {
        int64_t desk_us = desk_next_us(&shop->desks[i]);
        next_us = desk_us < next_us ? desk_us : next_us;
    }
    return next_us;
}

void shop_turn(struct shop *shop) {
    for (size_t i = 0; i < shop->desk_count; i++) {
        struct desk *desk = &shop->desks[i];
        if (desk_next_us(desk) > shop->world->mono_us) {
            continue;
        }
        if (desk->is_up) {
            commit(desk);
        } else {
            start(desk);
        }
        return;
    }
}

bool shop_take(struct shop *shop, struct post *post) {
    struct world *world = shop->world;
    struct desk *desk = &shop->desks[world_dice(world, (int64_t)shop->desk_count)];
    if (!desk->is_up || desk->post_count == SHOP_HANDS_FULL) {
        return false;
    }
    post->is_taken = true;
    desk->posts[desk->post_count++] = post;
    struct reply reply = {0};
    if (api_refuse_head(desk->api, &post->request, &reply)) {
        on_reply(desk, post, &reply);
        return true;
    }
    api_take(desk->api, &post->request, post);
    if (api_queued_count(desk->api) > 0 && desk->commit_at_us == INT64_MAX) {
        desk->commit_at_us = world->mono_us + world_dice(world, TURN_US_MAX);
    }
    return true;
}

void shop_trouble(struct shop *shop) {
    struct world *world = shop->world;
    struct desk *desk = &shop->desks[world_dice(world, (int64_t)shop->desk_count)];
    if (desk->is_up && world_chance(world, world->faults.dies)) {
        die(desk);
    }
}

void shop_end(struct shop *shop) {
    for (size_t i = 0; i < shop->desk_count; i++) {
        if (shop->desks[i].is_up) {
            api_close(shop->desks[i].api);
            store_close(shop->desks[i].store);
        }
    }
}
