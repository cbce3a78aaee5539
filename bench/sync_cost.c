/*
 * What one fdatasync costs on the disk of the database: --bytes written over what is there, then
 * synced, as a commit does in a log that is used again. Prints one line of JSON.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/histogram.h"
#include "bench/options.h"
#include "common/clock.h"

enum { FILE_BYTES = 4 * 1024 * 1024 };

static void write_at(int fd, const char *bytes, size_t count, int64_t at) {
    if (pwrite(fd, bytes, count, at) != (ssize_t)count) {
        bench_fail("cannot write");
    }
}

int main(int argc, char **argv) {
    static struct histogram histogram;
    const char *path = NULL;
    int64_t byte_count = 4096;
    int64_t count = 1000;
    int64_t pause_us = 0;
    const struct bench_option options[] = {{"file", &path, NULL},
                                           {"bytes", NULL, &byte_count},
                                           {"count", NULL, &count},
                                           {"pause", NULL, &pause_us}};
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char *bytes = calloc(1, FILE_BYTES);
    if (fd < 0 || bytes == NULL || byte_count < 1 || byte_count > FILE_BYTES) {
        bench_fail("cannot use %s", path);
    }
    write_at(fd, bytes, FILE_BYTES, 0);
    if (fsync(fd) != 0) {
        bench_fail("cannot sync %s", path);
    }
    const struct clock *clock = clock_system();
    int64_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        at = at + byte_count > FILE_BYTES - byte_count ? 0 : at + byte_count;
        int64_t start_us = clock_mono_us(clock);
        write_at(fd, bytes, (size_t)byte_count, at);
        if (fdatasync(fd) != 0) {
            bench_fail("cannot sync %s", path);
        }
        histogram_add(&histogram, clock_mono_us(clock) - start_us);
        if (pause_us > 0) {
            (void)usleep((useconds_t)pause_us);
        }
    }
    histogram_print(&histogram);
    (void)putchar('\n');
    return 0;
}
