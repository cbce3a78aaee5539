#include "tests/torture/interleave.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/shim.h"
#include "tests/torture/ledger.h"
#include "tests/torture/row.h"

/* Step 4 must write more pages than step 1: both sides of the old end of the log. */
enum { CREATES_BEFORE = 60, CREATES_AFTER = 200, CREATES_LAST = 20, GATE_TIMEOUT_MS = 50 };

struct race {
    struct store *writer;
    struct random random;
    struct random_seeded seeded;
    uint32_t number;
    FILE *ledger;
    bool is_armed;
    struct interleave *result;
};

/* A create on its own. An acknowledged one goes into the ledger. */
static enum err_code create_one(struct race *race) {
    struct row row = {0};
    struct err err = {0};
    row_make(&row, 0, race->number++, 1000, &race->random);
    enum err_code code = store_create_preorders(race->writer, &row.create, 1, &err);
    if (code == ERR_OK && row.create.result == CREATE_STORED &&
        ledger_add(race->ledger, LEDGER_PREORDER, &row.preorder.id)) {
        race->result->acked_count++;
    }
    return code;
}

static int commit_in_the_middle(void *context, enum shim_call call, const char *path) {
    (void)path;
    struct race *race = context;
    if (call == SHIM_UNFETCH && race->is_armed) {
        race->is_armed = false;
        enum err_code code = create_one(race);
        race->result->was_entered = code == ERR_OK;
        race->result->was_kept_out = code == ERR_BUSY;
    }
    return SQLITE_OK;
}

static void create_many(struct race *race, int count) {
    for (int i = 0; i < count; i++) {
        if (create_one(race) == ERR_FATAL) { /* the file is damaged, and shows it */
            race->result->is_sound = false;
            return;
        }
    }
}

static void checkpoint(struct race *race, struct store *store) {
    struct err err = {0};
    if (store_checkpoint(store, 0, &err) == ERR_FATAL) {
        race->result->is_sound = false;
    }
}

static void play(struct race *race, struct store *other) {
    create_many(race, CREATES_BEFORE);
    checkpoint(race, race->writer);
    race->is_armed = true;
    checkpoint(race, other);
    race->is_armed = false;
    create_many(race, CREATES_AFTER);
    checkpoint(race, other);
    create_many(race, CREATES_LAST);
    checkpoint(race, other);
}

bool interleave_run(const char *path, uint64_t seed, struct interleave *interleave_out) {
    static struct shim shim;
    struct race race = {.result = interleave_out, .ledger = tmpfile()};
    race.random = random_seeded(&race.seeded, seed);
    *interleave_out = (struct interleave){.is_sound = true};
    shim = (struct shim){.before = commit_in_the_middle, .context = &race};
    shim_install(&shim);

    char url[4096];
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    struct store_options options = {
        .role = STORE_CHECKOUT, .write_timeout_ms = GATE_TIMEOUT_MS, .clock = clock_system()};
    struct store_migration migration = {0};
    struct store *other = NULL;
    struct err err = {0};
    bool is_ready = race.ledger != NULL &&
                    store_migrate(url, &options, false, &migration, &err) == ERR_OK &&
                    store_open(url, &options, &race.writer, &err) == ERR_OK &&
                    store_open(url, &options, &other, &err) == ERR_OK;
    if (is_ready) {
        play(&race, other);
        struct ledger_check check = {.is_sound = true};
        ledger_verify(race.ledger, path, &check);
        interleave_out->lost_count = check.lost_count;
        ledger_check_file(path, &check);
        interleave_out->is_sound = interleave_out->is_sound && check.is_sound;
    } else {
        (void)fprintf(stderr, "cannot begin: %s\n", err.text);
    }
    store_close(other);
    store_close(race.writer);
    shim.before = NULL;
    if (race.ledger != NULL) {
        (void)fclose(race.ledger);
    }
    return is_ready;
}
