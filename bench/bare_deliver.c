/*
 * Baselines Q and T: the statements that claim and that settle, run by SQLite alone over all that is
 * due, in batches of the given number, one transaction each, with the same checkpoints.
 *
 * Prints one line of JSON with both rates.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/options.h"
#include "common/clock.h"
#include "common/domain/ident.h"
#include "schema/sqlite.h"

enum { HTTP_ACCEPTED = 202, LEASE_MS = 60000 };

static const char worker[] = "baseline-1";

struct claimed {
    int64_t rowid, token;
    struct ident id;
};

struct run {
    struct bare bare;
    sqlite3_stmt *begin, *commit, *due, *claim, *journal, *settle;
    struct claimed *claimed;
    size_t claimed_count, claimed_max, batch;
    int64_t pages, now_ms;
};

static void prepare(struct run *run) {
    struct bare *bare = &run->bare;
    run->begin = bare_prepare(bare, "BEGIN IMMEDIATE");
    run->commit = bare_prepare(bare, "COMMIT");
    run->due = bare_prepare(bare, sql_statements[SQL_DUE_LIST].text);
    run->claim = bare_prepare(bare, sql_statements[SQL_CLAIM_EVENT].text);
    run->journal = bare_prepare(bare, sql_statements[SQL_JOURNAL_ATTEMPT].text);
    run->settle = bare_prepare(bare, sql_statements[SQL_SETTLE_EVENT].text);
}

/* Reads a batch, its bodies too, and returns how many there were. */
static size_t read_due(struct run *run) {
    size_t count = 0;
    bare_bind_integer(run->due, ":now", run->now_ms);
    bare_bind_integer(run->due, ":is_repeated", 0);
    bare_bind_integer(run->due, ":limit", (int64_t)run->batch);
    while (sqlite3_step(run->due) == SQLITE_ROW) {
        struct claimed *claimed = &run->claimed[run->claimed_count + count++];
        claimed->rowid = sqlite3_column_int64(run->due, 0);
        claimed->token = sqlite3_column_int64(run->due, 3) + 1;
        (void)snprintf(claimed->id.text, sizeof claimed->id.text, "%s",
                       (const char *)sqlite3_column_text(run->due, 1));
        (void)sqlite3_column_blob(run->due, 6);
    }
    (void)sqlite3_reset(run->due);
    return count;
}

static size_t claim_batch(struct run *run) {
    bare_step(&run->bare, run->begin);
    size_t count = read_due(run);
    for (size_t i = 0; i < count; i++) {
        bare_bind_integer(run->claim, ":rowid", run->claimed[run->claimed_count + i].rowid);
        bare_bind_text(run->claim, ":worker", worker);
        bare_bind_integer(run->claim, ":now", run->now_ms);
        bare_bind_integer(run->claim, ":expires", run->now_ms + LEASE_MS);
        bare_bind_integer(run->claim, ":backfill_before", 0);
        bare_step(&run->bare, run->claim);
    }
    bare_step(&run->bare, run->commit);
    bare_checkpoint(&run->bare, run->pages);
    run->claimed_count += count;
    return count;
}

static void settle_one(struct run *run, const struct claimed *claimed) {
    sqlite3_stmt *journal = run->journal;
    bare_bind_text(journal, ":id", claimed->id.text);
    bare_bind_integer(journal, ":token", claimed->token);
    bare_bind_text(journal, ":worker", worker);
    bare_bind_integer(journal, ":started_at", run->now_ms);
    bare_bind_integer(journal, ":finished_at", run->now_ms);
    bare_bind_text(journal, ":outcome", "sent");
    bare_bind_integer(journal, ":burnt", 1);
    bare_bind_integer(journal, ":http_status", HTTP_ACCEPTED);
    bare_step(&run->bare, journal);
    sqlite3_stmt *settle = run->settle;
    bare_bind_text(settle, ":status", "sent");
    bare_bind_integer(settle, ":single_only", 0);
    bare_bind_integer(settle, ":given_back", 0);
    bare_bind_integer(settle, ":is_judged", 1);
    bare_bind_integer(settle, ":held", 0);
    bare_bind_integer(settle, ":started_at", run->now_ms);
    bare_bind_integer(settle, ":http_status", HTTP_ACCEPTED);
    bare_bind_integer(settle, ":sent_at", run->now_ms);
    bare_bind_text(settle, ":id", claimed->id.text);
    bare_bind_integer(settle, ":token", claimed->token);
    bare_step(&run->bare, settle);
}

static void settle_all(struct run *run) {
    for (size_t i = 0; i < run->claimed_count;) {
        bare_step(&run->bare, run->begin);
        for (size_t end = i + run->batch; i < end && i < run->claimed_count; i++) {
            settle_one(run, &run->claimed[i]);
        }
        bare_step(&run->bare, run->commit);
        bare_checkpoint(&run->bare, run->pages);
    }
}

int main(int argc, char **argv) {
    const char *path = NULL;
    int64_t batch = 64;
    int64_t row_max = 200000;
    struct run run = {.pages = 130};
    const struct bench_option options[] = {
        {"database", &path, NULL},
        {"batch", NULL, &batch},
        {"pages", NULL, &run.pages},
        {"rows", NULL, &row_max},
    };
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    const struct clock *clock = clock_system();
    run.batch = (size_t)batch;
    run.claimed_max = (size_t)row_max;
    run.claimed = calloc(run.claimed_max + run.batch, sizeof *run.claimed);
    run.now_ms = clock_wall_ms(clock);
    if (run.claimed == NULL) {
        bench_fail("out of memory");
    }
    bare_open(&run.bare, path);
    prepare(&run);

    int64_t start_us = clock_mono_us(clock);
    while (run.claimed_count < run.claimed_max && claim_batch(&run) > 0) {
    }
    int64_t claimed_us = clock_mono_us(clock);
    settle_all(&run);
    int64_t settled_us = clock_mono_us(clock);
    double count = (double)run.claimed_count * MS_PER_S * US_PER_MS;
    (void)printf("{\"rows\":%zu,\"claims_per_second\":%.1f,\"settles_per_second\":%.1f}\n",
                 run.claimed_count, count / (double)(claimed_us - start_us),
                 count / (double)(settled_us - claimed_us));
    return run.claimed_count > 0 ? 0 : 1;
}
