/*
 * Does the gate keep what was acknowledged? Two experiments, each a mode of this program:
 *
 *   load: processes that create, claim, settle and work the log off every few pages, as fast as they
 *   can; afterwards everything that was acknowledged must be there, the file sound, and nobody may
 *   have been told "busy".
 *   interleave: the one bad moment of SQLite before 3.51.3, brought about on purpose.
 *
 * Linked twice: with the store as it is, and as gate-control without the gate (no_gate.c), which
 * must break. Prints one line of JSON; judging it is the caller's job. Exit status 1: the experiment
 * itself could not be made.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store.h"
#include "tests/torture/interleave.h"
#include "tests/torture/ledger.h"
#include "tests/torture/row.h"

enum {
    WRITER_COUNT = 8,
    CREATES_MAX = 4,
    CLAIMS_MAX = 8,
    CHECKPOINT_PAGES = 4,
    /* Far longer than anybody may wait: who gives up is counted as busy. */
    WRITE_TIMEOUT_MS = 10000,
    LEASE_MS = 600000,
    PATH_BYTES = 4000,
};

/* What a writer tells the parent; in memory that both see, read when the writer has ended. */
struct tally {
    int64_t commit_count, created_count, sent_count, checkpoint_count;
    int64_t busy_count, broken_count;
    int64_t worst_ms;
    struct err first_err;
};

struct writer {
    uint32_t index;
    uint32_t row_count;
    struct store *store;
    struct random random;
    struct random_seeded seeded;
    FILE *ledger;
    struct tally *tally;
    struct claim_batch batch;
    char id[16];
};

static bool note(struct writer *writer, enum err_code code, const struct err *err,
                 int64_t start_us) {
    int64_t took_ms = (clock_mono_us(clock_system()) - start_us) / US_PER_MS;
    if (took_ms > writer->tally->worst_ms) {
        writer->tally->worst_ms = took_ms;
    }
    if (code == ERR_OK) {
        return true;
    }
    writer->tally->busy_count += code == ERR_BUSY ? 1 : 0;
    writer->tally->broken_count += code == ERR_BUSY ? 0 : 1;
    if (writer->tally->first_err.code == ERR_OK) {
        writer->tally->first_err = *err;
    }
    return false;
}

static void create_some(struct writer *writer) {
    struct row rows[CREATES_MAX];
    struct create creates[CREATES_MAX];
    size_t count = 1 + (size_t)random_below(&writer->random, CREATES_MAX);
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < count; i++) {
        row_make(&rows[i], writer->index, writer->row_count++, clock_wall_ms(clock_system()),
                 &writer->random);
        creates[i] = rows[i].create;
    }
    struct err err = {0};
    int64_t start_us = clock_mono_us(clock_system());
    enum err_code code = store_create_preorders(writer->store, creates, count, &err);
    if (!note(writer, code, &err, start_us)) {
        return;
    }
    writer->tally->commit_count++;
    for (size_t i = 0; i < count; i++) {
        if (creates[i].result == CREATE_STORED &&
            ledger_add(writer->ledger, LEDGER_PREORDER, &rows[i].preorder.id)) {
            writer->tally->created_count++;
        }
    }
}

/* Nine of ten verdicts are `sent`, the others come again. */
static size_t judge(struct writer *writer, struct settlement settlements[CLAIMS_MAX]) {
    for (size_t i = 0; i < writer->batch.claim_count; i++) {
        const struct claim *claim = &writer->batch.claims[i];
        int64_t now_ms = clock_wall_ms(clock_system());
        settlements[i] = (struct settlement){
            .event_id = claim->event_id,
            .token = claim->token,
            .outcome = random_below(&writer->random, 10) == 0 ? OUTCOME_RETRY : OUTCOME_SENT,
            .is_burnt = true,
            .error = "",
            .started_at_ms = now_ms,
            .finished_at_ms = now_ms,
            .next_attempt_at_ms = now_ms,
        };
    }
    return writer->batch.claim_count;
}

static void deliver_some(struct writer *writer) {
    struct settlement settlements[CLAIMS_MAX];
    size_t count = judge(writer, settlements);
    struct claim_request request = {.worker = writer->id,
                                    .now_ms = clock_wall_ms(clock_system()),
                                    .lease_ms = LEASE_MS,
                                    .count_max = CLAIMS_MAX,
                                    .probe_interval_ms = LEASE_MS,
                                    .limits = {.burst_count = 1000000, .steady_count = 1000000}};
    struct settle_report report = {0};
    struct err err = {0};
    int64_t start_us = clock_mono_us(clock_system());
    enum err_code code = store_settle_and_claim(writer->store, settlements, count, &report,
                                                &request, &writer->batch, &err);
    if (!note(writer, code, &err, start_us)) {
        return;
    }
    writer->tally->commit_count++;
    for (size_t i = 0; i < count; i++) {
        if (settlements[i].outcome == OUTCOME_SENT &&
            ledger_add(writer->ledger, LEDGER_SENT, &settlements[i].event_id)) {
            writer->tally->sent_count++;
        }
    }
}

static void checkpoint(struct writer *writer) {
    struct err err = {0};
    if (store_wal_pages(writer->store) < CHECKPOINT_PAGES) {
        return;
    }
    int64_t start_us = clock_mono_us(clock_system());
    enum err_code code = store_checkpoint(writer->store, CHECKPOINT_PAGES, &err);
    writer->tally->checkpoint_count += note(writer, code, &err, start_us) ? 1 : 0;
}

/* The first writer is a checkout, as the API is; the others stand behind it, as workers do. */
static int write_until(struct writer *writer, const char *url, int64_t end_us) {
    (void)snprintf(writer->id, sizeof writer->id, "writer-%" PRIu32, writer->index);
    struct store_options options = {
        .role = writer->index == 0 ? STORE_CHECKOUT : STORE_BACKGROUND,
        .write_timeout_ms = WRITE_TIMEOUT_MS,
        .clock = clock_system(),
    };
    struct err err = {0};
    int64_t start_us = clock_mono_us(clock_system());
    if (!note(writer, store_open(url, &options, &writer->store, &err), &err, start_us)) {
        return 1;
    }
    while (clock_mono_us(clock_system()) < end_us && writer->tally->broken_count == 0) {
        if (random_below(&writer->random, 2) == 0) {
            create_some(writer);
        } else {
            deliver_some(writer);
        }
        checkpoint(writer);
    }
    claim_batch_release(&writer->batch);
    store_close(writer->store);
    return fflush(writer->ledger) == 0 ? 0 : 1;
}

static bool migrate(const char *url) {
    struct store_options options = {
        .role = STORE_BACKGROUND, .write_timeout_ms = WRITE_TIMEOUT_MS, .clock = clock_system()};
    struct store_migration migration = {0};
    struct err err = {0};
    if (store_migrate(url, &options, false, &migration, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    return true;
}

/* Starts a writer; its promises go to *ledger_out. */
static pid_t start(uint32_t index, const char *url, uint64_t seed, int64_t end_us,
                   struct tally *tally, FILE **ledger_out) {
    *ledger_out = tmpfile();
    if (*ledger_out == NULL) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct writer writer = {.index = index, .ledger = *ledger_out, .tally = tally};
        writer.random = random_seeded(&writer.seeded, seed * WRITER_COUNT + index);
        _exit(write_until(&writer, url, end_us));
    }
    return pid;
}

static void add(struct tally *sum, const struct tally *tally) {
    sum->commit_count += tally->commit_count;
    sum->created_count += tally->created_count;
    sum->sent_count += tally->sent_count;
    sum->checkpoint_count += tally->checkpoint_count;
    sum->busy_count += tally->busy_count;
    sum->broken_count += tally->broken_count;
    sum->worst_ms = tally->worst_ms > sum->worst_ms ? tally->worst_ms : sum->worst_ms;
    if (sum->first_err.code == ERR_OK) {
        sum->first_err = tally->first_err;
    }
}

static void print_load(const struct tally *sum, const struct tally *tallies,
                       const struct ledger_check *check, int crash_count) {
    char text[ERR_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s", sum->first_err.text);
    for (char *byte = text; *byte != '\0'; byte++) {
        if (*byte == '"' || *byte == '\\') {
            *byte = '\'';
        }
    }
    (void)printf(
        "{\"sqlite\": %d, \"writers\": %d, \"commits\": %" PRId64 ", \"checkout_commits\": %" PRId64
        ", \"created\": %" PRId64 ", \"sent\": %" PRId64 ", \"checkpoints\": %" PRId64
        ", \"busy\": %" PRId64 ", \"broken\": %" PRId64 ", \"crashed\": %d, \"promised\": %" PRId64
        ", \"lost\": %" PRId64 ", \"sound\": %s, \"worst_ms\": %" PRId64
        ", \"checkout_worst_ms\": %" PRId64 ", \"first_error\": \"%s\"}\n",
        sqlite3_libversion_number(), WRITER_COUNT, sum->commit_count, tallies[0].commit_count,
        sum->created_count, sum->sent_count, sum->checkpoint_count, sum->busy_count,
        sum->broken_count, crash_count, check->promised_count, check->lost_count,
        check->is_sound ? "true" : "false", sum->worst_ms, tallies[0].worst_ms, text);
}

static int run_load(const char *path, const char *url, uint64_t seed, int64_t seconds) {
    struct tally *tallies = mmap(NULL, WRITER_COUNT * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED || !migrate(url)) {
        return 1;
    }
    FILE *ledgers[WRITER_COUNT];
    pid_t pids[WRITER_COUNT];
    int64_t end_us = clock_mono_us(clock_system()) + seconds * MS_PER_S * US_PER_MS;
    for (uint32_t i = 0; i < WRITER_COUNT; i++) {
        pids[i] = start(i, url, seed, end_us, &tallies[i], &ledgers[i]);
        if (pids[i] < 0) {
            return 1;
        }
    }
    struct tally sum = {0};
    struct ledger_check check = {.is_sound = true};
    int crash_count = 0;
    for (uint32_t i = 0; i < WRITER_COUNT; i++) {
        int status = 0;
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        crash_count += WIFSIGNALED(status) ? 1 : 0;
        add(&sum, &tallies[i]);
    }
    for (uint32_t i = 0; i < WRITER_COUNT; i++) {
        ledger_verify(ledgers[i], path, &check);
        (void)fclose(ledgers[i]);
    }
    ledger_check_file(path, &check);
    print_load(&sum, tallies, &check, crash_count);
    (void)munmap(tallies, WRITER_COUNT * sizeof *tallies);
    return 0;
}

static int run_interleave(const char *path, uint64_t seed) {
    struct interleave result;
    if (!interleave_run(path, seed, &result)) {
        return 1;
    }
    (void)printf("{\"sqlite\": %d, \"entered\": %s, \"kept_out\": %s, \"acked\": %" PRId64
                 ", \"lost\": %" PRId64 ", \"sound\": %s}\n",
                 sqlite3_libversion_number(), result.was_entered ? "true" : "false",
                 result.was_kept_out ? "true" : "false", result.acked_count, result.lost_count,
                 result.is_sound ? "true" : "false");
    return 0;
}

static int usage(const char *name) {
    (void)fprintf(stderr, "usage: %s load FOLDER SEED SECONDS | %s interleave FOLDER SEED\n", name,
                  name);
    return 2;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 4) {
        return usage(arguments[0]);
    }
    char path[PATH_BYTES];
    char url[PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/%s.db", arguments[2], arguments[1]);
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    uint64_t seed = strtoull(arguments[3], NULL, 10);
    if (strcmp(arguments[1], "interleave") == 0) {
        return run_interleave(path, seed);
    }
    if (strcmp(arguments[1], "load") == 0 && argument_count == 5) {
        return run_load(path, url, seed, strtoll(arguments[4], NULL, 10));
    }
    return usage(arguments[0]);
}
