#pragma once
/*
 * This process and the kernel: the figures that every Prometheus client shows, and how to be woken soon.
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

/* Asks that the calling thread, when it wakes, waits for less than the usual 3 ms behind threads that
   compute: it wants to run for short times only (sched(7), sched_setattr(2): the slice of a normal
   thread, Linux 6.12 and later). Older kernels ignore it. */
void process_want_short_slices(void);
