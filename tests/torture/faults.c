/*
 * Every call fails: for a flow of the story (story.h) and a kind of fault (fault.h), the first call
 * fails, then the second, and so on until the flow meets none; each time in a child process of its
 * own, so that a crash is a finding and not the end.
 *
 *   faults FOLDER SEED FLOW KIND once|lasting FIRST STEP [unrecovered]
 *
 * tries every STEP-th call from FIRST on, which counts from 0. After the fault: nobody was told 201
 * whose preorder a power cut would take away; a party that said "fatal" is started anew (all of them
 * every other time, as after a crash of the machine's supervisor), the others go on; whoever got no
 * 201 asks again with the same key and gets one; everything is delivered; what Klaviyo was sent is in
 * the database, power cut or not; memory is given back. With `unrecovered` (the control) whoever opens
 * the database after the fault leaves the log as it is.
 *
 * Prints one line of JSON; what was wrong goes to stderr.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "common/log.h"
#include "common/store/sqlite/engine.h"
#include "tests/store/shim.h"
#include "tests/torture/cut.h"
#include "tests/torture/disk_vfs.h"
#include "tests/torture/fault.h"
#include "tests/torture/fault_memory.h"
#include "tests/torture/skip.h"
#include "tests/torture/story.h"

enum {
    POINTS_MAX = 50000,
    CHILD_SECONDS_MAX = 60,
    SHOWN_MAX = 5,
    BYTE_USERS = 3, /* of the gate file: held by whoever has the database open */
    EXIT_BROKEN = 1,
    EXIT_NOT_MET = 2, /* the flow has fewer calls than that */
    EXIT_UNHURT = 3,  /* the fault struck and the flow did not mind */
    DRAIN_TURNS = 300,
    /* Opening makes thousands of calls: after most of them it is enough that it opens. */
    LONG_STORY_IN = 16,
    ASKS = 10,
};

struct trial {
    const char *folder;
    uint64_t seed;
    bool is_unrecovered;
    struct clock clock;
    struct random random;
    struct random_seeded seeded;
    struct story story;
    struct story after; /* who opens what a power cut would leave */
    struct disk disk;
    int stranger_fd; /* the control: somebody else has the database open, it seems */
};

static struct trial trial = {.stranger_fd = -1};

/* ---- The faults of the disk ------------------------------------------------------------------- */

static bool strikes_call(enum shim_call call) {
    static const enum fault_kind kinds[SHIM_CALL_COUNT] = {
        [SHIM_OPEN] = FAULT_OPEN,
        [SHIM_READ] = FAULT_READ,
        [SHIM_WRITE] = FAULT_WRITE,
        [SHIM_SYNC] = FAULT_SYNC,
        [SHIM_TRUNCATE] = FAULT_TRUNCATE,
        [SHIM_DELETE] = FAULT_DELETE,
        [SHIM_SHARED_MEMORY] = FAULT_SHARED_MEMORY,
        [SHIM_LOCK] = FAULT_LOCK,
        [SHIM_SHARED_LOCK] = FAULT_LOCK,
        [SHIM_UNFETCH] = FAULT_KINDS,
    };
    return fault_strikes(kinds[call]);
}

static int before_call(void *context, enum shim_call call, const char *path) {
    (void)context;
    (void)path;
    if (call == SHIM_WRITE && fault_strikes(FAULT_FULL)) {
        return SQLITE_FULL;
    }
    if (!strikes_call(call)) {
        return SQLITE_OK;
    }
    if (call == SHIM_SYNC) { /* what waited for it is seen by all, and nobody knows if it arrives */
        disk_vfs_fail_next_sync();
        return SQLITE_OK;
    }
    return shim_error(call);
}

static const struct shim shim = {.before = before_call};

/* ---- Flows ------------------------------------------------------------------------------------ */

static enum err_code open_parties(struct story *story, struct err *err) {
    enum err_code code = story_open_api(story, err);
    return code == ERR_OK ? story_open_worker(story, 0, err) : code;
}

static enum err_code prepare_database(struct story *story, struct err *err) {
    enum err_code code = story_migrate(story, err);
    story_place(story, true);
    return code;
}

static enum err_code prepare_asks(struct story *story, struct err *err) {
    enum err_code code = prepare_database(story, err);
    if (code == ERR_OK) {
        code = open_parties(story, err);
    }
    if (code == ERR_OK) {
        code = story_ask(story, ASKS, err);
    }
    return code == ERR_OK ? store_checkpoint(story->store, 0, err) : code;
}

static enum err_code prepare_nothing(struct story *story, struct err *err) {
    (void)story;
    (void)err;
    return ERR_OK;
}

static enum err_code prepare_opening(struct story *story, struct err *err) {
    enum err_code code = prepare_asks(story, err);
    if (code == ERR_OK) {
        code = story_ask(story, 2, err); /* so that there is a log to work off */
    }
    story_close_api(story);
    story_close_worker(story, 0);
    return code;
}

static enum err_code prepare_log(struct story *story, struct err *err) {
    enum err_code code = prepare_asks(story, err);
    return code == ERR_OK ? story_ask(story, ASKS, err) : code;
}

static enum err_code prepare_answers(struct story *story, struct err *err) {
    enum err_code code = prepare_log(story, err);
    if (code == ERR_OK) {
        code = story_work(story, 0, err);
    }
    wire_answer(&story->workers[0].wire, &story->random, false);
    return code;
}

static enum err_code prepare_job(struct story *story, struct err *err) {
    story->bulk_threshold = 5;
    return prepare_log(story, err);
}

static enum err_code do_create(struct story *story, struct err *err) {
    return story_ask(story, 4, err);
}

static enum err_code do_pay(struct story *story, struct err *err) {
    return story_pay(story, err);
}

static enum err_code do_work(struct story *story, struct err *err) {
    return story_work(story, 0, err);
}

static enum err_code do_job(struct story *story, struct err *err) {
    enum err_code code = ERR_OK;
    for (int i = 0; i < 4 && code == ERR_OK; i++) {
        code = story_work(story, 0, err);
        wire_answer(&story->workers[0].wire, &story->random, true);
        story_pass_time(story, 50);
    }
    return code;
}

struct flow {
    const char *name;
    enum err_code (*prepare)(struct story *story, struct err *err);
    enum err_code (*run)(struct story *story, struct err *err);
};

static const struct flow flows[] = {
    {"migrate", prepare_nothing, prepare_database},
    {"open", prepare_opening, open_parties},
    {"create", prepare_asks, do_create},
    {"pay", prepare_asks, do_pay},
    {"claim", prepare_log, do_work},
    {"settle", prepare_answers, do_work},
    {"checkpoint", prepare_log, story_checkpoint},
    {"job", prepare_job, do_job},
};
enum { FLOW_COUNT = sizeof flows / sizeof flows[0] };

/* ---- Parties ---------------------------------------------------------------------------------- */

static void lock_bytes(int fd, short type, off_t start, off_t count) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = count};
    int result = fcntl(fd, F_OFD_SETLK, &lock);
    assert(result == 0);
}

/* Parent and children share the descriptors and so the locks; each child starts with those that the
   parent had, whatever the last one left, and a party that ends in a child gives them up. */
static void set_locks(struct store *store, bool is_open) {
    if (store == NULL) {
        return;
    }
    const struct sqlite_store *self = sqlite_of(store);
    lock_bytes(self->gate.fd, F_UNLCK, 0, 0);
    if (is_open) {
        lock_bytes(self->gate.fd, F_RDLCK, BYTE_USERS, 1);
    }
    if (self->roster.fd >= 0 && self->roster.slot >= 0) {
        lock_bytes(self->roster.fd, is_open ? F_WRLCK : F_UNLCK, self->roster.slot, 1);
    }
}

static void end_api(struct story *story) {
    set_locks(story->store, false);
    story_close_api(story);
}

static void end_worker(struct story *story, size_t index) {
    set_locks(story->workers[index].store, false);
    story_close_worker(story, index);
}

static bool fail(const char *what, const char *why) {
    (void)fprintf(stderr, "%s: %s\n", what, why);
    return false;
}

/* Starts what is not running. */
static bool start_all(struct story *story) {
    struct err err = {0};
    /* Nothing was promised yet only where the database was being created. */
    if (story->ask_count == 0 && prepare_database(story, &err) != ERR_OK) {
        return fail("does not migrate any more", err.text);
    }
    if (story->store == NULL && story_open_api(story, &err) != ERR_OK) {
        return fail("the api does not start any more", err.text);
    }
    if (story->workers[0].store == NULL && story_open_worker(story, 0, &err) != ERR_OK) {
        return fail("the worker does not start any more", err.text);
    }
    return true;
}

/* What the supervisor does when a party ended: starts it, or the machine's owner all of them. */
static bool restart(struct story *story, bool is_api, bool is_everybody) {
    if (is_api || is_everybody) {
        end_api(story);
    }
    if (!is_api || is_everybody) {
        end_worker(story, 0);
    }
    return start_all(story);
}

/* ---- Judging ---------------------------------------------------------------------------------- */

/* What is left if the power failed now, opened as after the cut. */
static bool survives_cut(enum cut_manner manner) {
    struct cut cut = {0};
    struct disk image = {0};
    struct store *store = NULL;
    struct err err = {0};
    char why[STATE_TEXT_BYTES] = "";
    cut_begin(&cut, &trial.disk);
    cut_walk_to(&cut, trial.disk.op_count);
    cut_make(&cut, manner, &trial.random, &image);
    disk_vfs_use(&image);
    story_place(&trial.after, disk_find(&image, DISK_DATABASE) != NULL);
    struct store_options options = {
        .role = STORE_CHECKOUT, .write_timeout_ms = 2000, .clock = &trial.clock};
    bool is_empty = trial.story.accepted_count == 0 && trial.story.sent->event_count == 0;
    skip_statements(true);
    enum err_code code = store_open(trial.after.url, &options, &store, &err);
    bool is_kept = is_empty && (code == ERR_NOT_FOUND || code == ERR_CONFLICT);
    if (code == ERR_OK) {
        sqlite3 *db = sqlite_of(store)->db;
        is_kept = state_is_sound(db, why) && story_is_kept(&trial.story, db, why);
    }
    store_close(store);
    skip_statements(false);
    disk_release(&image);
    cut_release(&cut);
    disk_vfs_use(&trial.disk);
    return is_kept || fail("after a power cut", code == ERR_OK ? why : err.text);
}

static bool is_in_order(const char *when) {
    char why[STATE_TEXT_BYTES] = "";
    sqlite3 *db = sqlite_of(trial.story.store)->db;
    if (trial.story.complaint[0] != '\0') {
        return fail(when, trial.story.complaint);
    }
    return (state_is_sound(db, why) && story_is_kept(&trial.story, db, why)) || fail(when, why);
}

/* Whoever was not told 201 asks again. */
static bool ask_again(struct story *story) {
    struct err err = {0};
    for (int i = 0; i < story->ask_count; i++) {
        for (int patience = 3; story->asks[i].status != 201 && patience > 0; patience--) {
            if (story_ask_again(story, &story->asks[i], &err) == ERR_FATAL &&
                !restart(story, true, false)) {
                return false;
            }
        }
        if (story->asks[i].status != 201) {
            return fail("no 201 in the end", err.text);
        }
    }
    return true;
}

static int64_t count_rows(const char *query) {
    sqlite3_stmt *statement = NULL;
    int64_t count = -1;
    if (sqlite3_prepare_v2(sqlite_of(trial.story.store)->db, query, -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        count = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return count;
}

/* Klaviyo says yes from now on: everything ends as sent, but for what it refused before. */
static bool deliver_all(struct story *story) {
    struct err err = {0};
    for (int i = 0; i < DRAIN_TURNS; i++) {
        if (story_work(story, 0, &err) != ERR_OK && !restart(story, false, false)) {
            return false;
        }
        wire_answer(&story->workers[0].wire, &story->random, true);
        if (count_rows("SELECT count(*) FROM outbox WHERE status = 'pending'") == 0 &&
            worker_held_count(story->workers[0].worker) == 0) {
            return true;
        }
        story_pass_time(story, 500);
    }
    return fail("not everything was delivered", err.text);
}

/* Each request to Klaviyo has its line in the journal. */
static bool is_journaled(const struct story *story) {
    int64_t sent_count = 0;
    for (int i = 0; i < story->sent->event_count; i++) {
        sent_count += story->sent->counts[i];
    }
    return count_rows("SELECT count(*) FROM outbox_attempts") >= sent_count ||
           fail("the journal", "fewer lines than requests");
}

static bool is_given_back(void) {
    struct fault_memory_use use = fault_memory_use();
    char text[96];
    (void)snprintf(text, sizeof text, "%zu pieces, %zu bytes of SQLite's", use.piece_count,
                   use.sqlite_bytes);
    if (use.piece_count != 0 || use.sqlite_bytes != 0) {
        return fail("memory not given back", text);
    }
#ifdef __SANITIZE_ADDRESS__
    /* It sees what the libraries allocate, too. */
    return __lsan_do_recoverable_leak_check() == 0 || fail("memory not given back", "see above");
#else
    return true;
#endif
}

/* ---- One point -------------------------------------------------------------------------------- */

/* The control: as if somebody else had the database open all the time, so that nobody is first. */
static void keep_open(const struct story *story) {
    char path[STORY_PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s-gate", story->path);
    trial.stranger_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    lock_bytes(trial.stranger_fd, F_RDLCK, BYTE_USERS, 1);
}

static bool go_on(struct story *story, const struct flow *flow, enum err_code code, int point) {
    bool is_opening = story->api == NULL || story->workers[0].worker == NULL;
    bool is_everybody = point % 2 == 0 || is_opening || trial.is_unrecovered;
    bool is_api = flow->run == do_create || flow->run == do_pay || flow->run == story_checkpoint;
    if (trial.is_unrecovered) {
        keep_open(story);
    }
    if ((code != ERR_OK && code != ERR_BUSY) || is_opening) {
        if (!restart(story, is_api, is_everybody)) {
            return false;
        }
    }
    if (is_opening && point % LONG_STORY_IN != 0) {
        return is_in_order("right after the fault");
    }
    return is_in_order("right after the fault") && ask_again(story) && survives_cut(CUT_NOTHING) &&
           deliver_all(story) && is_in_order("in the end") && is_journaled(story) &&
           survives_cut(CUT_NOTHING);
}

/* In the child: exit status. */
static int try_point(const struct flow *flow, enum fault_kind kind, int point, bool is_lasting) {
    struct story *story = &trial.story;
    struct err err = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)alarm(CHILD_SECONDS_MAX);
    set_locks(story->store, true);
    set_locks(story->workers[0].store, true);
    trial.seeded.state = (uint64_t)point;
    fault_arm(kind, point, is_lasting);
    enum err_code code = flow->run(story, &err);
    if (!fault_disarm()) {
        return EXIT_NOT_MET;
    }
    bool is_good =
        survives_cut(CUT_NOTHING) && survives_cut(CUT_SOME) && go_on(story, flow, code, point);
    if (is_good) {
        end_api(story);
        end_worker(story, 0);
        story_end(story);
        story_end(&trial.after);
        disk_release(&trial.disk);
        is_good = is_given_back();
    }
    return !is_good ? EXIT_BROKEN : code == ERR_OK ? EXIT_UNHURT : EXIT_SUCCESS;
}

/* ---- All points ------------------------------------------------------------------------------- */

struct counts {
    int points, unhurt, broken, crashed;
};

/* False: there are no more points. */
static bool run_child(const struct flow *flow, enum fault_kind kind, int point, bool is_lasting,
                      struct counts *counts) {
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        int result = try_point(flow, kind, point, is_lasting);
        (void)fflush(NULL);
        _exit(result);
    }
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_MET) {
        return false;
    }
    counts->points++;
    bool is_exit = WIFEXITED(status);
    bool is_known = is_exit && WEXITSTATUS(status) <= EXIT_UNHURT;
    counts->crashed += is_known ? 0 : 1;
    counts->broken += is_exit && WEXITSTATUS(status) == EXIT_BROKEN ? 1 : 0;
    counts->unhurt += is_exit && WEXITSTATUS(status) == EXIT_UNHURT ? 1 : 0;
    if ((!is_known || WEXITSTATUS(status) == EXIT_BROKEN) &&
        counts->broken + counts->crashed <= SHOWN_MAX && !trial.is_unrecovered) {
        (void)fprintf(stderr, "^ %s, %s, call %d, %s: status %x\n", flow->name, fault_name(kind),
                      point, is_lasting ? "lasting" : "once", (unsigned)status);
    }
    return true;
}

/* So that the flow has to read. */
static void forget_pages(struct store *store) {
    if (store != NULL) {
        (void)sqlite3_db_release_memory(sqlite_of(store)->db);
    }
}

static bool set_up(const struct flow *flow) {
    struct err err = {0};
    char folder[STORY_PATH_BYTES];
    log_init("faults", LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    fault_memory_install();
    trial.clock = *clock_system();
    trial.random = random_seeded(&trial.seeded, trial.seed);
    disk_vfs_install(&trial.clock, &trial.random);
    shim_install(&shim);
    disk_vfs_use(&trial.disk);
    (void)snprintf(folder, sizeof folder, "%s/after", trial.folder);
    (void)mkdir(folder, 0700);
    story_begin(&trial.after, folder, trial.seed);
    story_begin(&trial.story, trial.folder, 2 * trial.seed + 1);
    story_place(&trial.story, false);
    if (flow->prepare(&trial.story, &err) != ERR_OK) {
        return fail(flow->name, err.text);
    }
    forget_pages(trial.story.store);
    forget_pages(trial.story.workers[0].store);
    return true;
}

static const struct flow *find_flow(const char *name) {
    for (size_t i = 0; i < FLOW_COUNT; i++) {
        if (strcmp(flows[i].name, name) == 0) {
            return &flows[i];
        }
    }
    return NULL;
}

static enum fault_kind find_kind(const char *name) {
    int kind = 0;
    while (kind < FAULT_KINDS && strcmp(fault_name((enum fault_kind)kind), name) != 0) {
        kind++;
    }
    return (enum fault_kind)kind;
}

int main(int argument_count, char **arguments) {
    const struct flow *flow = argument_count >= 8 ? find_flow(arguments[3]) : NULL;
    enum fault_kind kind = argument_count >= 8 ? find_kind(arguments[4]) : FAULT_KINDS;
    if (flow == NULL || kind == FAULT_KINDS) {
        (void)fprintf(stderr,
                      "usage: %s FOLDER SEED FLOW KIND once|lasting FIRST STEP [unrecovered]\n",
                      arguments[0]);
        return 2;
    }
    trial.folder = arguments[1];
    trial.seed = strtoull(arguments[2], NULL, 10);
    bool is_lasting = strcmp(arguments[5], "lasting") == 0;
    int point = (int)strtol(arguments[6], NULL, 10);
    int step = (int)strtol(arguments[7], NULL, 10);
    trial.is_unrecovered = argument_count > 8;
    if (!set_up(flow)) {
        return 1;
    }
    struct counts counts = {0};
    while (point < POINTS_MAX && run_child(flow, kind, point, is_lasting, &counts)) {
        point += step;
    }
    if (point >= POINTS_MAX) {
        (void)fprintf(stderr, "more than %d calls\n", POINTS_MAX);
        return 1;
    }
    (void)printf("{\"points\": %d, \"unhurt\": %d, \"broken\": %d, \"crashed\": %d}\n",
                 counts.points, counts.unhurt, counts.broken, counts.crashed);
    return 0;
}
