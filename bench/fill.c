/*
 * Fills a database with copies of its first preorder, which came with --key: --count of them with
 * keys, events and journal, each with ids, number, address and key of its own. Nothing else may use
 * it meanwhile.
 *
 * What is copied was written by the real programs, so sizes and shapes are theirs. Ids and times rise
 * with --first, numbers, addresses and keys are spread at random, as they are in life.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/options.h"
#include "common/clock.h"
#include "common/random.h"

enum {
    COLUMNS_MAX = 40,
    QUERY_BYTES = 512,
    BATCH = 20000,
    EMAIL_DIGITS = 9,
    EMAIL_RANGE = 1000000000,
    NUMBER_BITS = 40,
    CHANCE_BITS = 24,
    TEXT_BYTES = 64,
    STEP_MS = 10, /* between two preorders */
    SWAPS = 5,
};

/* A text that differs from copy to copy; old and new have the same length. */
struct swap {
    const char *old;
    char new[TEXT_BYTES];
};

struct column {
    int type;
    bool is_time;
    int64_t integer;
    char *text; /* or blob */
    size_t bytes;
};

struct table {
    const char *name;
    const char *first; /* how to find its row of the preorder that is copied */
    int column_count;
    struct column columns[COLUMNS_MAX];
    sqlite3_stmt *insert;
};

#define FIRST_EVENT "(SELECT id FROM outbox ORDER BY rowid LIMIT 1)"

static struct table tables[] = {
    {.name = "preorders", .first = "ORDER BY rowid LIMIT 1"},
    {.name = "idempotency_keys", .first = "WHERE key = ?1"},
    {.name = "outbox", .first = "ORDER BY rowid LIMIT 1"},
    {.name = "outbox_attempts", .first = "WHERE outbox_id = " FIRST_EVENT},
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void read_column(sqlite3_stmt *query, int index, struct column *column) {
    column->type = sqlite3_column_type(query, index);
    column->integer = sqlite3_column_int64(query, index);
    column->bytes = (size_t)sqlite3_column_bytes(query, index);
    column->is_time =
        column->type == SQLITE_INTEGER && ends_with(sqlite3_column_name(query, index), "_at");
    column->text = calloc(1, column->bytes + 1);
    if (column->text == NULL) {
        bench_fail("out of memory");
    }
    if (column->bytes > 0) {
        memcpy(column->text, sqlite3_column_blob(query, index), column->bytes);
    }
}

static sqlite3_stmt *find_first(struct bare *bare, const struct table *table, const char *columns,
                                const char *key) {
    char text[QUERY_BYTES];
    (void)snprintf(text, sizeof text, "SELECT %s FROM %s %s", columns, table->name, table->first);
    sqlite3_stmt *query = bare_prepare(bare, text);
    if (strstr(table->first, "?1") != NULL) {
        bare_bind_text(query, "?1", key);
    }
    return query;
}

/* The first row of the table, and the statement that writes one like it. */
static void read_table(struct bare *bare, struct table *table, const char *key) {
    char text[QUERY_BYTES];
    sqlite3_stmt *query = find_first(bare, table, "*", key);
    if (sqlite3_step(query) != SQLITE_ROW) {
        (void)sqlite3_finalize(query);
        return; /* the journal of what was not sent is empty */
    }
    table->column_count = sqlite3_column_count(query);
    int length = snprintf(text, sizeof text, "INSERT INTO %s VALUES (?", table->name);
    for (int i = 0; i < table->column_count; i++) {
        read_column(query, i, &table->columns[i]);
        length += i == 0 ? 0 : snprintf(text + length, sizeof text - (size_t)length, ",?");
    }
    (void)snprintf(text + length, sizeof text - (size_t)length, ")");
    (void)sqlite3_finalize(query);
    table->insert = bare_prepare(bare, text);
}

/* A column of the first preorder (0) or event (2). */
static const char *text_of(struct bare *bare, size_t table, const char *column) {
    sqlite3_stmt *query = find_first(bare, &tables[table], column, NULL);
    const char *copy = sqlite3_step(query) == SQLITE_ROW
                           ? strdup((const char *)sqlite3_column_text(query, 0))
                           : NULL;
    (void)sqlite3_finalize(query);
    if (copy == NULL) {
        bench_fail("%s is empty: there is nothing to copy", tables[table].name);
    }
    return copy;
}

/* UUID of version 7: begins with the time. */
static void make_uuid(char text[TEXT_BYTES], int64_t at_ms, int64_t number,
                      const struct random *random) {
    uint64_t bits = 0;
    random_fill(random, &bits, sizeof bits);
    (void)snprintf(text, TEXT_BYTES,
                   "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                   (uint64_t)at_ms >> 16, (uint64_t)at_ms & 0xffff, (uint64_t)number % 10,
                   0x8000 | (bits >> 50), bits & 0xffffffffffff);
}

/* The second, then what no other of it has: as common/domain/preorder.c draws them. */
static void make_number(char *text, int64_t number, int64_t at_ms) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const uint64_t chance_max = (UINT64_C(1) << CHANCE_BITS) - 1;
    /* Odd, so that no two are equal. */
    uint64_t chance = (uint64_t)number * UINT64_C(0x9e3779b1) & chance_max;
    uint64_t bits = (uint64_t)(at_ms / MS_PER_S) << CHANCE_BITS | chance;
    char *at = text + strlen(text) - NUMBER_BITS / 5;
    for (int i = 0; i < NUMBER_BITS / 5; i++) {
        at[i] = digits[bits >> (NUMBER_BITS - 5 - 5 * i) & 31];
    }
}

static void make_swaps(struct swap swaps[SWAPS], int64_t number, int64_t at_ms,
                       const struct random *random) {
    uint64_t key[2];
    random_fill(random, key, sizeof key);
    make_uuid(swaps[0].new, at_ms, 2 * number, random);
    make_uuid(swaps[1].new, at_ms, 2 * number + 1, random);
    make_number(swaps[2].new, number, at_ms);
    (void)snprintf(swaps[3].new, sizeof swaps[3].new, "customer-%0*" PRId64, EMAIL_DIGITS,
                   number * 982451653 % EMAIL_RANGE);
    (void)snprintf(swaps[4].new, sizeof swaps[4].new, "%016" PRIx64 "%016" PRIx64, key[0], key[1]);
}

static void swap_texts(char *text, size_t bytes, const struct swap *swap) {
    size_t length = strlen(swap->old);
    char *at = memmem(text, bytes, swap->old, length);
    while (at != NULL) {
        memcpy(at, swap->new, length);
        char *next = at + length;
        at = memmem(next, bytes - (size_t)(next - text), swap->old, length);
    }
}

static void insert(struct bare *bare, struct table *table, const struct swap swaps[SWAPS],
                   int64_t at_ms, char *scratch) {
    size_t used = 0;
    for (int i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        int result = SQLITE_OK;
        if (column->type == SQLITE_INTEGER) {
            result =
                sqlite3_bind_int64(table->insert, i + 1, column->is_time ? at_ms : column->integer);
        } else if (column->type == SQLITE_TEXT) {
            char *text = scratch + used;
            used += column->bytes;
            memcpy(text, column->text, column->bytes);
            for (size_t j = 0; j < SWAPS; j++) {
                swap_texts(text, column->bytes, &swaps[j]);
            }
            result =
                sqlite3_bind_text(table->insert, i + 1, text, (int)column->bytes, SQLITE_STATIC);
        } else if (column->type == SQLITE_BLOB) {
            result = sqlite3_bind_blob(table->insert, i + 1, column->text, (int)column->bytes,
                                       SQLITE_STATIC);
        }
        if (result != SQLITE_OK) {
            bench_fail("cannot bind");
        }
    }
    bare_step(bare, table->insert);
}

static void fill(struct bare *bare, struct swap swaps[SWAPS], int64_t first, int64_t count,
                 int64_t start_ms) {
    static char scratch[64 * 1024];
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, (uint64_t)first);
    for (int64_t number = first; number < first + count; number++) {
        if ((number - first) % BATCH == 0) {
            bare_run(bare, number == first ? "BEGIN" : "COMMIT; BEGIN");
        }
        int64_t at_ms = start_ms + number * STEP_MS;
        make_swaps(swaps, number, at_ms, &random);
        for (size_t j = 0; j < TABLE_COUNT; j++) {
            if (tables[j].column_count > 0) {
                insert(bare, &tables[j], swaps, at_ms, scratch);
            }
        }
    }
    bare_run(bare, "COMMIT");
}

static void sync_file(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || close(fd) != 0) {
        bench_fail("cannot sync %s", path);
    }
}

int main(int argc, char **argv) {
    const char *path = NULL;
    const char *key = NULL;
    int64_t count = 0;
    int64_t first = 1;
    int64_t total = 0;
    int64_t cache_mib = 1024;
    const struct bench_option options[] = {
        {"database", &path, NULL}, {"key", &key, NULL},     {"count", NULL, &count},
        {"first", NULL, &first},   {"total", NULL, &total}, {"cache-mib", NULL, &cache_mib},
    };
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    struct bare bare;
    char text[QUERY_BYTES];
    bare_open(&bare, path);
    (void)snprintf(text, sizeof text,
                   "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF;"
                   "PRAGMA synchronous = OFF; PRAGMA cache_size = -%" PRId64,
                   cache_mib * 1024);
    bare_run(&bare, text);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        read_table(&bare, &tables[i], key);
    }
    struct swap swaps[SWAPS] = {
        {.old = text_of(&bare, 0, "id")},
        {.old = text_of(&bare, 2, "id")},
        {.old = text_of(&bare, 0, "number")},
        {.old = text_of(&bare, 0, "substr(email, 1, 18)")},
        {.old = key},
    };
    (void)snprintf(swaps[2].new, sizeof swaps[2].new, "%s", swaps[2].old);
    total = total > first + count ? total : first + count;
    int64_t start_ms = clock_wall_ms(clock_system()) - (total + 1) * STEP_MS;
    fill(&bare, swaps, first, count, start_ms);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        (void)sqlite3_finalize(tables[i].insert);
    }
    bare_run(&bare, "PRAGMA journal_mode = WAL");
    bare_close(&bare);
    sync_file(path);
    return 0;
}
