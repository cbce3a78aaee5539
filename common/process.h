#pragma once
/*
 * What the kernel says about this process: the figures that every Prometheus client shows.
 *
 * Threads: any.
 */
#include <stdint.h>

struct process {
    double start_time_s; /* since the epoch */
    double cpu_s;        /* user and system */
    int64_t open_fds, max_fds;
    int64_t resident_bytes;
};

/* What cannot be read is 0 (no /proc). */
void process_read(struct process *process_out);
