/*
 * Keeps indexes of a database in memory, as days of creates would have done, until it is ended: reads
 * all their pages and, where it may, locks them. A kernel that has little to do may still give memory
 * back to the machine's host; what was only read is gone a minute later.
 *
 * Nothing may be in the log and nothing else may use the database until the line of JSON is there.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/options.h"

/* A page of an index in SQLite's file format, section 1.6: what stands where. */
enum {
    PAGE_BYTES = 4096,
    INTERIOR_INDEX = 2,
    CELL_COUNT_AT = 3,
    LAST_CHILD_AT = 8,
    CELLS_AT = 12,
    DEPTH_MAX = 8,
};

struct pages {
    uint32_t *numbers;
    size_t count, capacity;
};

static void add(struct pages *pages, uint32_t number) {
    if (pages->count == pages->capacity) {
        pages->capacity = pages->capacity == 0 ? 1024 : 2 * pages->capacity;
        pages->numbers = reallocarray(pages->numbers, pages->capacity, sizeof *pages->numbers);
        if (pages->numbers == NULL) {
            bench_fail("out of memory");
        }
    }
    pages->numbers[pages->count++] = number;
}

static uint32_t read_16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t read_32(const uint8_t *at) {
    return read_16(at) << 16 | read_16(at + 2);
}

/* Adds what the page points to; false: it is a leaf. */
static bool add_children(int fd, uint32_t number, struct pages *pages) {
    uint8_t page[PAGE_BYTES];
    if (pread(fd, page, sizeof page, (off_t)(number - 1) * PAGE_BYTES) != PAGE_BYTES) {
        bench_fail("cannot read page %" PRIu32, number);
    }
    if (page[0] != INTERIOR_INDEX) {
        return false;
    }
    uint32_t cell_count = read_16(page + CELL_COUNT_AT);
    for (uint32_t i = 0; i < cell_count; i++) {
        uint32_t at = read_16(page + CELLS_AT + (size_t)2 * i);
        if (at > PAGE_BYTES - sizeof(uint32_t)) {
            bench_fail("page %" PRIu32 " is broken", number);
        }
        add(pages, read_32(page + at));
    }
    add(pages, read_32(page + LAST_CHILD_AT));
    return true;
}

/* All pages of a tree, level by level. Leaves are named by their parents and not read for it. */
static void add_tree(int fd, uint32_t root, struct pages *pages) {
    size_t level = pages->count;
    add(pages, root);
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        size_t end = pages->count;
        while (level < end && add_children(fd, pages->numbers[level], pages)) {
            level++;
        }
        if (level < end) {
            return;
        }
    }
    bench_fail("the tree at page %" PRIu32 " is too deep", root);
}

static void add_all(const char *path, int fd, struct pages *pages) {
    struct bare bare;
    bare_open(&bare, path);
    sqlite3_stmt *roots =
        bare_prepare(&bare, "SELECT rootpage FROM sqlite_master WHERE name IN"
                            " ('sqlite_autoindex_idempotency_keys_1', 'preorders_by_email',"
                            " 'sqlite_autoindex_preorders_1', 'sqlite_autoindex_preorders_2')");
    while (sqlite3_step(roots) == SQLITE_ROW) {
        add_tree(fd, (uint32_t)sqlite3_column_int64(roots, 0), pages);
    }
    (void)sqlite3_finalize(roots);
    bare_close(&bare);
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* In the order of the file, asked for ahead so that the disk has more than one to read at a time. */
static void touch_all(int fd, const volatile uint8_t *file, struct pages *pages) {
    enum { AHEAD = 64 };
    qsort(pages->numbers, pages->count, sizeof *pages->numbers, compare);
    for (size_t i = 0; i < pages->count + AHEAD; i++) {
        if (i < pages->count) {
            (void)posix_fadvise(fd, (off_t)(pages->numbers[i] - 1) * PAGE_BYTES, PAGE_BYTES,
                                POSIX_FADV_WILLNEED);
        }
        if (i >= AHEAD) {
            (void)file[(size_t)(pages->numbers[i - AHEAD] - 1) * PAGE_BYTES];
        }
    }
}

int main(int argc, char **argv) {
    const char *path = NULL;
    const struct bench_option options[] = {{"database", &path, NULL}};
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        bench_fail("cannot use %s", path);
    }
    struct pages pages = {0};
    add_all(path, fd, &pages);
    size_t byte_count = (size_t)status.st_size;
    void *file = mmap(NULL, byte_count, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED || madvise(file, byte_count, MADV_RANDOM) != 0) {
        bench_fail("cannot map %s", path);
    }
    bool is_locked = mlock2(file, byte_count, MLOCK_ONFAULT) == 0;
    touch_all(fd, file, &pages);
    (void)printf("{\"pages\":%zu,\"locked\":%s}\n", pages.count, is_locked ? "true" : "false");
    (void)fflush(stdout);
    return pause();
}
