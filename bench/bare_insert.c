/*
 * Baseline S: the rows that the API wrote, written once more by SQLite alone: the same bytes into a
 * table of the same size, in batches of the given number, with the same checkpoints.
 *
 * Reads the preorders behind --after (a rowid) from the database --from, then writes them to --into.
 * Prints one line of JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/options.h"
#include "common/clock.h"
#include "schema/sqlite.h"

enum { COLUMNS_MAX = 24, NAME_BYTES = 64 };

/* One kind of row: where it is read, and which statement writes it. */
struct kind {
    enum sql_statement statement;
    const char *query; /* its columns are named like the statement's parameters */
    int column_count;
    int parameters[COLUMNS_MAX];
    sqlite3_value **values; /* column_count for each row */
    sqlite3_stmt *insert;
};

static struct kind kinds[] = {
    {SQL_PREORDER_INSERT,
     "SELECT id, number, email, price_id, product, color, locale, source, amount, currency,"
     " properties, payment_url, request_id, created_at FROM preorders WHERE rowid > ?"
     " ORDER BY rowid",
     0,
     {0},
     NULL,
     NULL},
    {SQL_KEY_INSERT,
     "SELECT k.key, k.fingerprint, k.preorder_id, k.reply, k.is_page FROM idempotency_keys AS k"
     " JOIN preorders AS p ON p.id = k.preorder_id WHERE p.rowid > ? ORDER BY p.rowid",
     0,
     {0},
     NULL,
     NULL},
    {SQL_EVENT_INSERT,
     "SELECT o.id, o.preorder_id, o.sequence, o.metric, o.created_at AS next_attempt_at, o.payload,"
     " o.request_id, o.traceparent, o.created_at FROM outbox AS o"
     " JOIN preorders AS p ON p.id = o.preorder_id WHERE p.rowid > ? ORDER BY p.rowid",
     0,
     {0},
     NULL,
     NULL},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static void match_parameters(struct kind *kind, sqlite3_stmt *query, struct bare *into) {
    kind->insert = bare_prepare(into, sql_statements[kind->statement].text);
    kind->column_count = sqlite3_column_count(query);
    if (kind->column_count != sqlite3_bind_parameter_count(kind->insert)) {
        bench_fail("%s has other parameters", sql_statements[kind->statement].name);
    }
    for (int i = 0; i < kind->column_count; i++) {
        char name[NAME_BYTES];
        (void)snprintf(name, sizeof name, ":%s", sqlite3_column_name(query, i));
        kind->parameters[i] = sqlite3_bind_parameter_index(kind->insert, name);
    }
}

/* Up to `row_max` rows; how many there were. */
static size_t read_rows(struct kind *kind, struct bare *from, struct bare *into, int64_t after,
                        size_t row_max) {
    sqlite3_stmt *query = bare_prepare(from, kind->query);
    match_parameters(kind, query, into);
    if (sqlite3_bind_int64(query, 1, after) != SQLITE_OK) {
        bench_fail("cannot bind");
    }
    size_t width = (size_t)kind->column_count;
    size_t count = 0;
    kind->values = calloc(row_max * width, sizeof(sqlite3_value *));
    while (kind->values != NULL && count < row_max && sqlite3_step(query) == SQLITE_ROW) {
        for (size_t i = 0; i < width; i++) {
            kind->values[count * width + i] =
                sqlite3_value_dup(sqlite3_column_value(query, (int)i));
        }
        count++;
    }
    (void)sqlite3_finalize(query);
    return count;
}

static void insert_row(struct bare *into, const struct kind *kind, size_t row) {
    for (int i = 0; i < kind->column_count; i++) {
        sqlite3_value *value = kind->values[row * (size_t)kind->column_count + (size_t)i];
        if (sqlite3_bind_value(kind->insert, kind->parameters[i], value) != SQLITE_OK) {
            bench_fail("cannot bind");
        }
    }
    bare_step(into, kind->insert);
}

static void insert_all(struct bare *into, size_t row_count, size_t batch, int64_t pages) {
    sqlite3_stmt *begin = bare_prepare(into, "BEGIN IMMEDIATE");
    sqlite3_stmt *commit = bare_prepare(into, "COMMIT");
    for (size_t row = 0; row < row_count;) {
        bare_step(into, begin);
        for (size_t end = row + batch; row < end && row < row_count; row++) {
            for (size_t i = 0; i < KIND_COUNT; i++) {
                insert_row(into, &kinds[i], row);
            }
        }
        bare_step(into, commit);
        bare_checkpoint(into, pages);
    }
}

int main(int argc, char **argv) {
    const char *from_path = NULL;
    const char *into_path = NULL;
    int64_t after = 0;
    int64_t batch = 64;
    int64_t pages = 170; /* as the API without a worker */
    int64_t row_max = 1000000;
    const struct bench_option options[] = {
        {"from", &from_path, NULL}, {"into", &into_path, NULL}, {"after", NULL, &after},
        {"batch", NULL, &batch},    {"pages", NULL, &pages},    {"rows", NULL, &row_max},
    };
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    struct bare from;
    struct bare into;
    bare_open(&from, from_path);
    bare_open(&into, into_path);
    size_t row_count = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        size_t count = read_rows(&kinds[i], &from, &into, after, (size_t)row_max);
        if (count == 0 || (i > 0 && count != row_count)) {
            bench_fail("%s has not the rows that are wanted", from_path);
        }
        row_count = count;
    }
    const struct clock *clock = clock_system();
    int64_t start_us = clock_mono_us(clock);
    insert_all(&into, row_count, (size_t)batch, pages);
    double seconds = (double)(clock_mono_us(clock) - start_us) / (MS_PER_S * US_PER_MS);
    (void)printf("{\"rows\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"checkpoints\":%" PRId64
                 "}\n",
                 row_count, seconds, (double)row_count / seconds, into.checkpoint_count);
    return 0;
}
