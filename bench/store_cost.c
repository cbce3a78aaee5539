/*
 * What the store's own operations cost on a database: claims and settlements of what is due, in
 * batches of the given number, and searches for preorders that are there: among the last --recent, and
 * anywhere. Each search is done once before it is timed. One process, alone, through common/store.h
 * with gate, account and all. Prints one line of JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/options.h"
#include "common/clock.h"
#include "common/store.h"

enum {
    HTTP_ACCEPTED = 202,
    LEASE_MS = 600000,
    WRITE_TIMEOUT_MS = 5000,
    LOG_PAGES = 200,
    BATCH_MAX = 64,
    URL_BYTES = 4096,
    LIMIT = 100000000,
    TEXT_BYTES = 128,
};

static const char worker[] = "baseline-1";

struct run {
    const char *path;
    struct store *store;
    int64_t batch, row_max;
    struct settlement *settlements; /* of all that was claimed */
    size_t claimed_count;
};

static int64_t now_us(void) {
    return clock_mono_us(clock_system());
}

static double rate(int64_t count, int64_t start_us) {
    return (double)count * MS_PER_S * US_PER_MS / (double)(now_us() - start_us);
}

static void must(enum err_code code, const struct err *err) {
    if (code != ERR_OK) {
        bench_fail("%s", err->text);
    }
}

static void exchange(struct run *run, const struct settlement *settlements, size_t settlement_count,
                     size_t claim_max, struct claim_batch *batch) {
    struct err err = {0};
    struct settle_report report = {0};
    struct claim_request request = {
        .worker = worker,
        .now_ms = clock_wall_ms(clock_system()),
        .lease_ms = LEASE_MS,
        .count_max = claim_max,
        .held_count = run->claimed_count,
        .probe_interval_ms = LEASE_MS,
        .limits = {.burst_count = LIMIT, .steady_count = LIMIT},
    };
    must(store_settle_and_claim(run->store, settlements, settlement_count, &report, &request, batch,
                                &err),
         &err);
    must(store_checkpoint(run->store, LOG_PAGES, &err), &err);
}

static double claim_all(struct run *run) {
    struct claim_batch batch = {0};
    int64_t start_us = now_us();
    do {
        exchange(run, NULL, 0, (size_t)run->batch, &batch);
        for (size_t i = 0; i < batch.claim_count; i++) {
            int64_t at_ms = clock_wall_ms(clock_system());
            run->settlements[run->claimed_count++] = (struct settlement){
                .event_id = batch.claims[i].event_id,
                .token = batch.claims[i].token,
                .outcome = OUTCOME_SENT,
                .is_burnt = true,
                .error = "",
                .http_status = HTTP_ACCEPTED,
                .started_at_ms = at_ms,
                .finished_at_ms = at_ms,
            };
        }
    } while (batch.claim_count > 0 && (int64_t)run->claimed_count < run->row_max);
    claim_batch_release(&batch);
    return rate((int64_t)run->claimed_count, start_us);
}

static double settle_all(struct run *run) {
    struct claim_batch batch = {0};
    size_t count = run->claimed_count;
    int64_t start_us = now_us();
    for (size_t i = 0; i < count; i += (size_t)run->batch) {
        size_t part = count - i < (size_t)run->batch ? count - i : (size_t)run->batch;
        run->claimed_count = count - i - part;
        exchange(run, &run->settlements[i], part, 0, &batch);
    }
    claim_batch_release(&batch);
    return rate((int64_t)count, start_us);
}

/* Texts to look for: one of the columns of the last so many preorders. */
static size_t draw_texts(const struct run *run, const char *column, int64_t among,
                         char (*texts)[TEXT_BYTES], size_t text_max) {
    struct bare bare;
    char query[TEXT_BYTES * 2];
    bare_open(&bare, run->path);
    (void)snprintf(query, sizeof query,
                   "SELECT %s FROM preorders WHERE rowid = (SELECT max(rowid) FROM preorders) - "
                   "abs(random()) %% min(%" PRId64 ", (SELECT max(rowid) FROM preorders))",
                   column, among);
    sqlite3_stmt *statement = bare_prepare(&bare, query);
    size_t count = 0;
    while (count < text_max && sqlite3_step(statement) == SQLITE_ROW) {
        (void)snprintf(texts[count++], TEXT_BYTES, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    bare_close(&bare);
    return count;
}

static void search_all(struct run *run, enum search_kind kind, char (*texts)[TEXT_BYTES],
                       size_t text_count) {
    for (size_t i = 0; i < text_count; i++) {
        struct preorder_list list = {0};
        struct err err = {0};
        must(store_search_preorders(run->store, kind, texts[i], &list, &err), &err);
        if (list.preorder_count == 0) {
            bench_fail("%s is not found", texts[i]);
        }
        preorder_list_release(&list);
    }
}

/* How many a second; all that is looked for has been in memory before. */
static double search(struct run *run, enum search_kind kind, const char *column, int64_t among,
                     int64_t count) {
    char(*texts)[TEXT_BYTES] = calloc((size_t)count, sizeof *texts);
    if (texts == NULL) {
        bench_fail("out of memory");
    }
    size_t text_count = draw_texts(run, column, among, texts, (size_t)count);
    search_all(run, kind, texts, text_count);
    int64_t start_us = now_us();
    search_all(run, kind, texts, text_count);
    double result = rate((int64_t)text_count, start_us);
    free(texts);
    return result;
}

static void print_searches(struct run *run, const char *where, int64_t among, int64_t count) {
    (void)printf(",\"%s\":{\"id\":%.1f,\"number\":%.1f,\"e-mail\":%.1f}", where,
                 search(run, SEARCH_ID, "id", among, count),
                 search(run, SEARCH_NUMBER, "number", among, count),
                 search(run, SEARCH_EMAIL, "email", among, count));
}

int main(int argc, char **argv) {
    struct run run = {.batch = BATCH_MAX, .row_max = 20000};
    int64_t search_count = 2000;
    int64_t recent = 10000;
    const struct bench_option options[] = {
        {"database", &run.path, NULL}, {"batch", NULL, &run.batch},
        {"rows", NULL, &run.row_max},  {"searches", NULL, &search_count},
        {"recent", NULL, &recent},
    };
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    const struct store_options store_options = {
        .role = STORE_BACKGROUND, .write_timeout_ms = WRITE_TIMEOUT_MS, .clock = clock_system()};
    char url[URL_BYTES];
    struct err err = {0};
    (void)snprintf(url, sizeof url, "sqlite:%s", run.path);
    run.settlements = calloc((size_t)(run.row_max + run.batch), sizeof *run.settlements);
    if (run.settlements == NULL || run.batch < 1 || run.batch > BATCH_MAX) {
        bench_fail("cannot start");
    }
    must(store_open(url, &store_options, &run.store, &err), &err);
    double claims = claim_all(&run);
    size_t count = run.claimed_count;
    double settles = settle_all(&run);
    (void)printf("{\"rows\":%zu,\"claims_per_second\":%.1f,\"settles_per_second\":%.1f", count,
                 claims, settles);
    print_searches(&run, "recent", recent, search_count);
    print_searches(&run, "anywhere", INT64_MAX, search_count);
    (void)printf("}\n");
    store_close(run.store);
    return 0;
}
