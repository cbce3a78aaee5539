/*
 * The simulation: `sim FOLDER SEED COUNT` plays COUNT seeds from SEED on, in FOLDER, and prints one
 * line with what happened as JSON; `sim FOLDER SEED 1 trace` the hash of the story as well. It ends
 * with status 1 at the first broken promise, which it names with its seed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/browsers.h"
#include "tests/sim/check.h"
#include "tests/sim/crew.h"
#include "tests/sim/faulty.h"
#include "tests/sim/person.h"
#include "tests/sim/stripe.h"

enum {
    STORY_US = 180 * 1000 * 1000,
    TROUBLE_US = 500 * 1000,
    REST_US = 10 * 1000 * 1000,
    TURNS_MAX = 400 * 1000,
    /* After the trouble everything has to come to its end within a simulated day. */
    END_US = INT32_MAX,
};

static const char catalog_text[] =
    "{\"currency\":\"USD\",\"products\":[{\"price_id\":\"price_1\",\"name\":\"Lamp\","
    "\"color\":\"black\",\"amount\":4999,\"payment_link\":\"https://pay.example/lamp\"}]}";

struct sim {
    struct world world;
    struct klaviyo klaviyo;
    struct crew crew;
    struct shop shop;
    struct browsers browsers;
    struct stripe stripe;
    struct settings settings;
    struct catalog *catalog;
    const char *folder;
    char *template; /* an empty database */
    size_t template_bytes;
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- Files ------------------------------------------------------------------------------------ */

static void sweep(const struct world *world) {
    static const char *const ends[] = {"", "-wal", "-shm", "-gate", "-workers"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[WORLD_PATH_BYTES + 16];
        (void)snprintf(path, sizeof path, "%s%s", world->path, ends[i]);
        (void)unlink(path);
    }
}

static bool copy_template(const struct sim *sim) {
    int fd = open(sim->world.path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    ssize_t written = write(fd, sim->template, sim->template_bytes);
    return close(fd) == 0 && written == (ssize_t)sim->template_bytes;
}

static bool make_template(struct sim *sim, const char *folder, struct err *err) {
    sim->folder = folder;
    world_begin(&sim->world, 0, folder);
    sweep(&sim->world);
    const struct store_options options = {
        .role = STORE_BACKGROUND, .write_timeout_ms = 2000, .clock = clock_system()};
    struct store_migration migration;
    struct store *store = NULL;
    if (store_migrate(sim->world.url, &options, false, &migration, err) != ERR_OK ||
        store_open(sim->world.url, &options, &store, err) != ERR_OK) {
        return false;
    }
    bool is_done = store_checkpoint(store, 0, err) == ERR_OK;
    store_close(store);
    FILE *file = fopen(sim->world.path, "rb");
    if (!is_done || file == NULL) {
        return false;
    }
    enum { TEMPLATE_BYTES_MAX = 4 * 1024 * 1024 };
    sim->template = malloc(TEMPLATE_BYTES_MAX);
    sim->template_bytes =
        sim->template == NULL ? 0 : fread(sim->template, 1, TEMPLATE_BYTES_MAX, file);
    (void)fclose(file);
    sweep(&sim->world);
    return sim->template_bytes > 0;
}

/* ---- One story -------------------------------------------------------------------------------- */

static void jump(struct world *world) {
    static const int64_t spans_ms[] = {5 * 1000, 60 * 60 * 1000, INT64_C(10) * 365 * 86400 * 1000};
    if (world_chance(world, world->faults.clock_jumps)) {
        int64_t span_ms = spans_ms[world_dice(world, sizeof spans_ms / sizeof spans_ms[0])];
        world_set_wall(world, world_dice(world, 2 * span_ms) - span_ms);
        world_trace(world, "jump", world->wall_offset_ms, 0);
    }
}

static void trouble(struct sim *sim) {
    crew_trouble(&sim->crew);
    shop_trouble(&sim->shop);
    stripe_trouble(&sim->stripe);
    person_turn(&sim->world);
    jump(&sim->world);
}

/* One thing of those that are due, or the time to the next one passes. */
static void turn(struct sim *sim) {
    struct world *world = &sim->world;
    int64_t crew_us = crew_next_us(&sim->crew);
    int64_t shop_us = shop_next_us(&sim->shop);
    int64_t browsers_us = browsers_next_us(&sim->browsers);
    int64_t stripe_us = stripe_next_us(&sim->stripe);
    int64_t next_us = smaller(smaller(crew_us, stripe_us), smaller(shop_us, browsers_us));
    if (next_us > world->mono_us) {
        world_pass(world, next_us - world->mono_us);
    }
    /* Who goes first among those that are due is as good as chance. */
    enum { KINDS = 4 };
    int64_t first = world_dice(world, KINDS);
    for (int64_t i = 0; i < KINDS; i++) {
        int64_t who = (first + i) % KINDS;
        if (who == 0 && crew_us <= world->mono_us) {
            crew_turn(&sim->crew);
            return;
        }
        if (who == 1 && shop_us <= world->mono_us) {
            shop_turn(&sim->shop);
            return;
        }
        if (who == 2 && browsers_us <= world->mono_us) {
            (void)browsers_turn(&sim->browsers);
            return;
        }
        if (who == 3 && stripe_us <= world->mono_us) {
            stripe_turn(&sim->stripe);
            return;
        }
    }
}

static void hear_news(struct sim *sim) {
    if (sim->shop.has_news) {
        sim->shop.has_news = false;
        crew_wake(&sim->crew);
    }
}

static void play(struct sim *sim, int64_t until_us) {
    struct world *world = &sim->world;
    int64_t trouble_us = world->mono_us;
    for (int64_t turns = 0; world->mono_us < until_us && world->complaint[0] == '\0'; turns++) {
        if (turns > TURNS_MAX) {
            world_complain(world, "it does not come to rest");
        }
        turn(sim);
        hear_news(sim);
        if (world->mono_us >= trouble_us) {
            trouble(sim);
            trouble_us = world->mono_us + world_span(world, TROUBLE_US);
        }
    }
}

/* Nothing goes wrong any more: all that is left has to come to its end. */
static void come_to_rest(struct sim *sim) {
    struct world *world = &sim->world;
    world->is_quiet = true;
    world->wall_offset_ms = 0; /* the right time at last */
    browsers_calm(&sim->browsers);
    person_leave(world);
    int64_t end_us = world->mono_us + END_US * INT64_C(40);
    int64_t span_us = world_span(world, REST_US);
    struct check check = {0};
    bool is_done = false;
    do {
        play(sim, world->mono_us + span_us);
        span_us *= 2;
        if (check.db == NULL && !check_open(&check, world)) {
            break;
        }
        is_done = stripe_is_done(&sim->stripe) && check_is_at_rest(&check);
    } while (world->complaint[0] == '\0' && !is_done && world->mono_us < end_us);
    check_close(&check);
    if (!is_done) {
        world_complain(world, "after %d days not everything has come to its end",
                       (int)(world->mono_us / 1000000 / 86400));
    }
}

static void audit(struct world *world) {
    const struct store_options options = {
        .role = STORE_BACKGROUND, .write_timeout_ms = 2000, .clock = &world->clock};
    struct store *store = NULL;
    struct err err = {0};
    struct store_audit audit = {0};
    enum err_code code = store_open(world->url, &options, &store, &err);
    if (code == ERR_OK) {
        code = store_audit(store, &audit, &err);
        store_close(store);
    }
    if (code != ERR_OK || !audit.agrees) {
        world_complain(world, "the audit does not agree: %s", err.text);
    }
}

static void check_all(struct sim *sim) {
    struct check check;
    if (check_open(&check, &sim->world)) {
        check_promises(&check, &sim->browsers, &sim->klaviyo, &sim->stripe);
    }
    check_close(&check);
}

static bool tell(struct sim *sim, uint64_t seed) {
    struct world *world = &sim->world;
    world_begin(world, seed, sim->folder);
    sweep(world);
    if (!copy_template(sim)) {
        world_complain(world, "cannot write into %s", world->folder);
        return false;
    }
    klaviyo_begin(&sim->klaviyo, world);
    crew_begin(&sim->crew, world, &sim->klaviyo);
    shop_begin(&sim->shop, world, &sim->settings, sim->catalog);
    browsers_begin(&sim->browsers, world, &sim->shop);
    stripe_begin(&sim->stripe, world, &sim->shop, &sim->browsers);
    play(sim, world_span(world, STORY_US));
    come_to_rest(sim);
    crew_end(&sim->crew);
    shop_end(&sim->shop);
    if (world->complaint[0] == '\0') {
        audit(world);
        check_all(sim);
    }
    browsers_end(&sim->browsers);
    stripe_end(&sim->stripe);
    world->figures.seeds++;
    world->figures.simulated_s += world->mono_us / (MS_PER_S * INT64_C(1000));
    return world->complaint[0] == '\0';
}

/* ---- The command ------------------------------------------------------------------------------ */

static bool prepare(struct sim *sim, const char *folder, char **argv, struct err *err) {
    int next = 0;
    enum config_action action = CONFIG_RUN;
    char *alone[] = {argv[0], NULL};
    if (settings_load(SETTINGS_API, "", "", 1, alone, &sim->settings, &next, &action, err) !=
            ERR_OK ||
        catalog_parse("catalog", catalog_text, strlen(catalog_text), &sim->catalog, err) !=
            ERR_OK) {
        return false;
    }
    sim->settings.stripe_webhook_secret = strdup(STRIPE_SIM_SECRET);
    if (sim->settings.stripe_webhook_secret == NULL) {
        return false;
    }
    /* One thread, and nobody asks how much memory is used. */
    if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK) {
        return false;
    }
    faulty_install_disk();
    return make_template(sim, folder, err);
}

static void print_figures(const struct figures *figures) {
    (void)printf("{\"seeds\":%" PRId64 ",\"posts\":%" PRId64 ",\"created\":%" PRId64
                 ",\"sends\":%" PRId64 ",\"accepted\":%" PRId64 ",\"deaths\":%" PRId64
                 ",\"stops\":%" PRId64 ",\"disk_errors\":%" PRId64 ",\"unknowns\":%" PRId64
                 ",\"jumps\":%" PRId64 ",\"notices\":%" PRId64 ",\"simulated_s\":%" PRId64 "}\n",
                 figures->seeds, figures->posts, figures->created, figures->sends,
                 figures->accepted, figures->deaths, figures->stops, figures->disk_errors,
                 figures->unknowns, figures->jumps, figures->notices, figures->simulated_s);
}

int main(int argc, char **argv) {
    static struct sim sim;
    struct err err = {0};
    if (argc < 4) {
        (void)fprintf(stderr, "usage: sim FOLDER SEED COUNT [trace]\n");
        return 2;
    }
    if (!prepare(&sim, argv[1], argv, &err)) {
        (void)fprintf(stderr, "sim: %s\n", err.text);
        return 2;
    }
    /* What the processes log is not the story. */
    if (freopen("/dev/null", "w", stderr) == NULL) {
        return 2;
    }
    uint64_t seed = strtoull(argv[2], NULL, 10);
    uint64_t count = strtoull(argv[3], NULL, 10);
    bool is_kept = true;
    for (uint64_t i = 0; i < count && is_kept; i++) {
        is_kept = tell(&sim, seed + i);
        if (!is_kept) {
            (void)printf("seed %" PRIu64 ": %s\n", seed + i, sim.world.complaint);
        } else if (argc > 4) {
            (void)printf("%016" PRIx64 "\n", sim.world.trace);
        }
    }
    print_figures(&sim.world.figures);
    settings_release(&sim.settings);
    catalog_free(sim.catalog);
    free(sim.template);
    return is_kept ? 0 : 1;
}
