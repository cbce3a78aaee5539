#include "common/process.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/config.h"

enum {
    LINE_BYTES = 4096,
    STAT_FIELDS_BEFORE_START = 19, /* between the program's name and the start time (proc(5)) */
    FDS_MAX = 1 << 20,             /* nobody has more */
};

static const double ns_per_s = 1e9;

static bool read_line(const char *path, char line[LINE_BYTES]) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool has_line = fgets(line, LINE_BYTES, file) != NULL;
    (void)fclose(file);
    return has_line;
}

/* The number behind `skipped` words. */
static int64_t number_in(char *words, int skipped) {
    char *word = words + strspn(words, " ");
    for (int i = 0; i < skipped; i++) {
        word += strcspn(word, " \n");
        word += strspn(word, " ");
    }
    word[strcspn(word, " \n")] = '\0';
    struct err err;
    int64_t number = 0;
    return config_parse_integer(word, &number, &err) == ERR_OK ? number : 0;
}

static double now_s(clockid_t clock) {
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / ns_per_s;
}

static double read_start_time_s(void) {
    char line[LINE_BYTES];
    char *name_end = read_line("/proc/self/stat", line) ? strrchr(line, ')') : NULL;
    if (name_end == NULL) {
        return 0;
    }
    double started_s =
        (double)number_in(name_end + 1, STAT_FIELDS_BEFORE_START) / (double)sysconf(_SC_CLK_TCK);
    return now_s(CLOCK_REALTIME) - now_s(CLOCK_BOOTTIME) + started_s;
}

static int64_t count_fds(void) {
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = 0;
    if (folder == NULL) {
        return 0;
    }
    while (count < FDS_MAX && readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count - 3; /* ".", ".." and the one that reads */
}

void process_read(struct process *process_out) {
    char line[LINE_BYTES];
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    *process_out = (struct process){
        .start_time_s = read_start_time_s(),
        .cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID),
        .open_fds = count_fds(),
        .max_fds = (int64_t)limit.rlim_cur,
    };
    if (read_line("/proc/self/statm", line)) {
        process_out->resident_bytes = number_in(line, 1) * (int64_t)sysconf(_SC_PAGESIZE);
    }
}

/* The first version of struct sched_attr (sched_setattr(2)), which glibc 2.36 does not declare. */
struct attributes {
    uint32_t byte_count;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; /* of a normal thread: its slice */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

void process_want_short_slices(void) {
    const uint64_t slice_ns = 100000; /* the least that the kernel gives */
    struct attributes attributes = {0};
    /* Whoever was given another policy has been thought about. */
    if (syscall(SYS_sched_getattr, 0, &attributes, (unsigned)sizeof attributes, 0) == 0 &&
        attributes.policy == SCHED_OTHER) {
        attributes.byte_count = sizeof attributes;
        attributes.flags = 0;
        attributes.runtime_ns = slice_ns;
        (void)syscall(SYS_sched_setattr, 0, &attributes, 0); /* a wish: nothing hangs on it */
    }
}
