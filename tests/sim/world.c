#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WALL_BEGIN_MS INT64_C(1795353434000)

enum { FAULTS_SHARE = 2 /* a fault of one kind is in one seed of so many */ };

static int64_t wall_ms(void *context) {
    const struct world *world = context;
    return WALL_BEGIN_MS + world->wall_offset_ms + world->mono_us / US_PER_MS;
}

static int64_t mono_us(void *context) {
    return ((const struct world *)context)->mono_us;
}

static int32_t maybe(struct world *world, int32_t per_mille_max) {
    return world_dice(world, FAULTS_SHARE) == 0 ? (int32_t)world_dice(world, per_mille_max + 1) : 0;
}

static void choose_kind(struct world *world) {
    static const struct kind long_one = {.pace = 1, .browsers_max = 40, .sessions_max = 24};
    static const struct kind medium_one = {.pace = 4, .browsers_max = 16, .sessions_max = 8};
    static const struct kind short_one = {.pace = 16, .browsers_max = 6, .sessions_max = 3};
    int64_t draw = world_dice(world, 32);
    world->kind = draw == 0 ? long_one : draw < 4 ? medium_one : short_one;
}

/* Swarm: most seeds lack most faults, so that one kind does not hide what another would show. */
static void choose_faults(struct world *world) {
    world->faults = (struct faults){
        .store_busy = maybe(world, 100),
        .store_unknown = maybe(world, 60),
        .store_fatal = maybe(world, 20),
        .disk = maybe(world, 40),
        .dies_in_store = maybe(world, 30),
        .dies = maybe(world, 10),
        .stops = maybe(world, 10),
        .post_lost = maybe(world, 200),
        .wire_fails = maybe(world, 300),
        .weather = maybe(world, 20),
        .poison = maybe(world, 100),
        .person = maybe(world, 10),
        .clock_jumps = maybe(world, 10),
    };
}

void world_begin(struct world *world, uint64_t seed, const char *folder) {
    struct figures figures = world->figures;
    memset(world, 0, sizeof *world);
    world->figures = figures;
    world->seed = seed;
    (void)random_seeded(&world->dice_state, seed);
    world->product = random_seeded(&world->product_state, seed ^ UINT64_C(0x9e3779b97f4a7c15));
    world->clock = (struct clock){.wall_ms = wall_ms, .mono_us = mono_us, .context = world};
    world->trace = UINT64_C(1469598103934665603);
    (void)snprintf(world->folder, sizeof world->folder, "%s", folder);
    (void)snprintf(world->path, sizeof world->path, "%s/preorder.db", world->folder);
    (void)snprintf(world->url, sizeof world->url, "sqlite:%s/preorder.db", world->folder);
    choose_kind(world);
    choose_faults(world);
    world->is_quick_to_bulk = world_dice(world, 3) == 0;
}

int64_t world_dice(struct world *world, int64_t bound) {
    struct random dice = {.context = &world->dice_state};
    struct random_seeded unused;
    dice.fill = random_seeded(&unused, 0).fill;
    return (int64_t)random_below(&dice, (uint64_t)bound);
}

bool world_chance(struct world *world, int32_t per_mille) {
    return per_mille > 0 && !world->is_quiet && world_dice(world, PER_MILLE) < per_mille;
}

int64_t world_span(const struct world *world, int64_t time) {
    return time / world->kind.pace;
}

void world_pass(struct world *world, int64_t us) {
    world->mono_us += us;
}

void world_set_wall(struct world *world, int64_t change_ms) {
    world->wall_offset_ms += change_ms;
    world->has_jumped = true;
    world->figures.jumps++;
}

static void mix(struct world *world, const void *bytes, size_t byte_count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < byte_count; i++) {
        world->trace = (world->trace ^ at[i]) * UINT64_C(1099511628211);
    }
}

void world_trace(struct world *world, const char *what, int64_t a, int64_t b) {
    int64_t numbers[3] = {world->mono_us, a, b};
    mix(world, what, strlen(what));
    mix(world, numbers, sizeof numbers);
}

void world_complain(struct world *world, const char *format, ...) {
    if (world->complaint[0] != '\0') {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->complaint, sizeof world->complaint, format, arguments);
    va_end(arguments);
}
