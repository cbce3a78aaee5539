/*
 * Power cuts: tells stories (story.h) on a disk in memory, cuts the power at every operation of each,
 * opens what is left as the first process after the cut does, and asks whether it is a state that
 * was promised (witness.h). In a quarter of the images the power fails again while the database is
 * opened, or right after it.
 *
 *   power FOLDER SEED FIRST COUNT CUTS full|normal|off
 *
 * tells stories FIRST to FIRST+COUNT-1 of this seed and makes CUTS images at each operation. With
 * `normal` or `off` the stories' connections do not sync each commit: the controls, which must be
 * caught. Prints one line of JSON; judging it is the caller's job, what was wrong goes to stderr.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/store/sqlite/engine.h"
#include "tests/torture/cut.h"
#include "tests/torture/disk_vfs.h"
#include "tests/torture/skip.h"
#include "tests/torture/witness.h"

enum {
    TURNS = 60,
    SECOND_CUT_IN = 4,   /* one image in so many is cut again */
    PREPARE_ALL_IN = 16, /* in one of so many every statement is prepared, which reads no row */
    SHOWN_MAX = 5,
};

struct sums {
    int64_t stories, ops, commits, syncs, accepted, paid, requests;
    int64_t images, second_images;
    int64_t lost, torn, corrupt;
};

struct power {
    const char *folder;
    uint64_t seed;
    int cuts;
    const char *synchronous; /* NULL: as the store wants it */
    struct clock clock;
    struct random random; /* SQLite's own, and what a cut leaves */
    struct random_seeded seeded;
    struct story story; /* the one that is told */
    struct story after; /* whoever opens what is left of it */
    struct disk disk, image, second_image;
    struct cut cut, second_cut;
    struct witness witness;
    struct sums sums;
    bool is_control;
    int shown_count;
};

static struct power power;

/* ---- The controls ----------------------------------------------------------------------------- */

/* Lets the store's own word on syncing fall on deaf ears. */
static int authorize(void *context, int action, const char *first, const char *second,
                     const char *schema, const char *trigger) {
    (void)context;
    (void)second;
    (void)schema;
    (void)trigger;
    return action == SQLITE_PRAGMA && strcmp(first, "synchronous") == 0 ? SQLITE_IGNORE : SQLITE_OK;
}

static int weaken(sqlite3 *db, char **message, const void *routines) {
    (void)message;
    (void)routines;
    if (power.synchronous != NULL) {
        char text[64];
        (void)snprintf(text, sizeof text, "PRAGMA synchronous = %s", power.synchronous);
        (void)sqlite3_exec(db, text, NULL, NULL, NULL);
        (void)sqlite3_set_authorizer(db, authorize, NULL);
    }
    return SQLITE_OK;
}

/* ---- Telling ---------------------------------------------------------------------------------- */

static void reseed(uint64_t a, uint64_t b, uint64_t c) {
    power.seeded.state = a * UINT64_C(0x9E3779B97F4A7C15) + b * UINT64_C(0xBF58476D1CE4E5B9) + c;
    sqlite3_randomness(0, NULL); /* SQLite draws anew, from here */
}

static bool fail_story(uint64_t number, const char *what) {
    (void)fprintf(stderr, "story %" PRIu64 ": %s\n", number, what);
    return false;
}

static enum err_code tell_turns(struct story *story, struct err *err) {
    enum err_code code = story_open_api(story, err);
    for (size_t i = 0; i < STORY_WORKERS && code == ERR_OK; i++) {
        code = story_open_worker(story, i, err);
    }
    for (int i = 0; i < TURNS && code == ERR_OK; i++) {
        code = story_turn(story, err);
    }
    return code;
}

/* From the empty disk to the last turn. */
static bool tell(uint64_t number) {
    struct story *story = &power.story;
    struct err err = {0};
    disk_release(&power.disk);
    disk_vfs_use(&power.disk);
    power.disk.tag = WITNESS_NOTHING_YET;
    reseed(power.seed, number, 0);
    story_begin(story, power.folder, power.seed * 1000003 + number);
    story_place(story, false);
    if (story_migrate(story, &err) != ERR_OK) {
        return fail_story(number, err.text);
    }
    story_place(story, true);
    witness_use(&power.witness);
    bool is_good = witness_begin(&power.witness, story, &power.disk);
    story->on_promise = witness_promise;
    story->context = &power.witness;
    if (is_good && tell_turns(story, &err) != ERR_OK) {
        is_good = fail_story(number, err.text);
    }
    witness_end(&power.witness);
    witness_use(NULL);
    if (power.witness.complaint[0] != '\0' || story->complaint[0] != '\0') {
        is_good = fail_story(number, power.witness.complaint[0] != '\0' ? power.witness.complaint
                                                                        : story->complaint);
    }
    power.sums.stories++;
    power.sums.commits += power.witness.state_count;
    power.sums.accepted += story->accepted_count;
    power.sums.paid += story->paid_count;
    for (int i = 0; i < story->sent->event_count; i++) {
        power.sums.requests += story->sent->counts[i];
    }
    story_end(story);
    return is_good;
}

/* ---- Cutting ---------------------------------------------------------------------------------- */

/* What became of an image. */
struct verdict_on {
    uint64_t number;
    bool is_corrupt;
    char why[STATE_TEXT_BYTES];
};

static enum err_code open_after(bool is_created, struct store **store_out, struct err *err) {
    struct story *after = &power.after;
    struct store_options options = {
        .role = STORE_CHECKOUT, .write_timeout_ms = 2000, .clock = &after->clock};
    enum err_code code = store_open(after->url, &options, store_out, err);
    if (is_created || (code != ERR_NOT_FOUND && code != ERR_CONFLICT)) {
        return code;
    }
    /* The cut came before the database was ready; then it is created again. */
    code = story_migrate(after, err);
    story_place(after, true);
    return code == ERR_OK ? store_open(after->url, &options, store_out, err) : code;
}

/* Opens a disk as the first process after the cut, reads all of it and closes it again. */
static void recover(struct disk *disk, bool is_created, struct verdict_on *verdict) {
    struct store *store = NULL;
    struct err err = {0};
    *verdict = (struct verdict_on){0};
    disk_vfs_use(disk);
    story_place(&power.after, disk_find(disk, DISK_DATABASE) != NULL);
    if (open_after(is_created, &store, &err) != ERR_OK) {
        verdict->is_corrupt = true;
        (void)snprintf(verdict->why, sizeof verdict->why, "does not open: %.200s", err.text);
        return;
    }
    sqlite3 *db = sqlite_of(store)->db;
    verdict->is_corrupt =
        !state_number(db, &verdict->number, verdict->why) || !state_is_whole(db, verdict->why);
    store_close(store);
}

static void show(const char *what, const char *why, const char *where) {
    if (!power.is_control && power.shown_count++ < SHOWN_MAX) {
        (void)fprintf(stderr, "%s: %s %s\n", where, what, why);
    }
}

static void judge(const struct verdict_on *verdict, int32_t first, int32_t last,
                  const char *where) {
    int32_t state =
        verdict->is_corrupt ? -1 : witness_find(&power.witness, verdict->number, first, last);
    if (verdict->is_corrupt) {
        power.sums.corrupt++;
        show("corrupt", verdict->why, where);
    } else if (state < 0 || state > last) {
        power.sums.torn++;
        show("torn", "a state that never was", where);
    } else if (state < first) {
        power.sums.lost++;
        show("lost", "a state older than what was promised", where);
    }
}

/* The power fails again, somewhere between the first look at the image and right after it. */
static void cut_again(bool is_created, int32_t first, int32_t last, const struct verdict_on *before,
                      const char *where) {
    size_t op_count = power.image.op_count;
    size_t point = (size_t)random_below(&power.random, op_count + 1);
    cut_begin(&power.second_cut, &power.image);
    cut_walk_to(&power.second_cut, point);
    cut_make(&power.second_cut, (enum cut_manner)random_below(&power.random, CUT_MANNERS),
             &power.random, &power.second_image);
    struct verdict_on verdict;
    recover(&power.second_image, is_created, &verdict);
    power.sums.images++;
    power.sums.second_images++;
    judge(&verdict, first, last, where);
    /* What a process was shown once it had opened the database must not go away any more. */
    if (point == op_count && !verdict.is_corrupt && verdict.number != before->number) {
        power.sums.lost++;
        show("lost", "what the first process after the cut saw", where);
    }
}

static void cut_once(uint64_t number, size_t op, int cut) {
    char where[96];
    int32_t tag = op < power.disk.op_count ? power.disk.ops[op].tag : power.disk.tag;
    bool is_created = tag != WITNESS_NOTHING_YET;
    int32_t first = 0;
    int32_t last = 0;
    witness_range(tag, &first, &last);
    (void)snprintf(where, sizeof where, "story %" PRIu64 ", operation %zu, image %d", number, op,
                   cut);
    reseed(power.seed * 1000003 + number, op, (uint64_t)cut);
    skip_statements(random_below(&power.random, PREPARE_ALL_IN) != 0);
    cut_make(&power.cut, (enum cut_manner)random_below(&power.random, CUT_MANNERS), &power.random,
             &power.image);
    struct verdict_on verdict;
    recover(&power.image, is_created, &verdict);
    power.sums.images++;
    judge(&verdict, first, last, where);
    if (!verdict.is_corrupt && random_below(&power.random, SECOND_CUT_IN) == 0) {
        cut_again(is_created, first, last, &verdict, where);
    }
}

static void cut_everywhere(uint64_t number) {
    const char *synchronous = power.synchronous;
    power.synchronous = NULL; /* who comes after the cut is no control */
    story_begin(&power.after, power.folder, number);
    cut_begin(&power.cut, &power.disk);
    do {
        for (int cut = 0; cut < power.cuts; cut++) {
            cut_once(number, power.cut.op_count, cut);
        }
    } while (cut_step(&power.cut));
    for (size_t i = 0; i < power.disk.op_count; i++) {
        power.sums.syncs += power.disk.ops[i].action == DISK_SYNC ? 1 : 0;
    }
    power.sums.ops += (int64_t)power.disk.op_count;
    skip_statements(false);
    story_end(&power.after);
    power.synchronous = synchronous;
}

static void print_sums(void) {
    const struct sums *sums = &power.sums;
    (void)printf("{\"stories\": %" PRId64 ", \"ops\": %" PRId64 ", \"syncs\": %" PRId64
                 ", \"commits\": %" PRId64 ", \"accepted\": %" PRId64 ", \"paid\": %" PRId64
                 ", \"requests\": %" PRId64 ", \"images\": %" PRId64 ", \"second_images\": %" PRId64
                 ", \"lost\": %" PRId64 ", \"torn\": %" PRId64 ", \"corrupt\": %" PRId64 "}\n",
                 sums->stories, sums->ops, sums->syncs, sums->commits, sums->accepted, sums->paid,
                 sums->requests, sums->images, sums->second_images, sums->lost, sums->torn,
                 sums->corrupt);
}

static void set_up(void) {
    log_set_level(LOG_LEVEL_ERROR);
    /* One thread, and a million databases to open. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    power.random = random_seeded(&power.seeded, 1);
    power.clock = *clock_system();
    disk_vfs_install(&power.clock, &power.random);
    witness_install();
    int result = sqlite3_auto_extension((void (*)(void))weaken);
    assert(result == SQLITE_OK);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 7) {
        (void)fprintf(stderr, "usage: %s FOLDER SEED FIRST COUNT CUTS full|normal|off\n",
                      arguments[0]);
        return 2;
    }
    power.folder = arguments[1];
    power.seed = strtoull(arguments[2], NULL, 10);
    uint64_t first = strtoull(arguments[3], NULL, 10);
    uint64_t count = strtoull(arguments[4], NULL, 10);
    power.cuts = (int)strtol(arguments[5], NULL, 10);
    power.is_control = strcmp(arguments[6], "full") != 0;
    power.synchronous = power.is_control ? arguments[6] : NULL;
    set_up();
    for (uint64_t number = first; number < first + count; number++) {
        if (!tell(number)) {
            return 1;
        }
        cut_everywhere(number);
    }
    print_sums();
    witness_release(&power.witness);
    cut_release(&power.cut);
    cut_release(&power.second_cut);
    disk_release(&power.disk);
    disk_release(&power.image);
    disk_release(&power.second_image);
    return 0;
}
