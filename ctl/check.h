#pragma once
/*
 * Is anything wrong, and how much: the judgement that `preorderctl check` prints for Nagios and its
 * kin. A function of the data alone.
 *
 * Threads: any.
 */
#include <stddef.h>

#include "common/store.h"

/* The exit status that the plugin interface gives each. */
enum check_level { CHECK_OK = 0, CHECK_WARNING = 1, CHECK_CRITICAL = 2, CHECK_UNKNOWN = 3 };

enum {
    CHECK_TEXT_BYTES = 1024,
    CHECK_FIGURES_BYTES = 512,
    /* A worker says that it lives every few seconds; one that was not seen for so long stands still. */
    CHECK_UNSEEN_MS = 60 * 1000,
};

/* A figure above its limit is wrong; below it for the workers. */
struct check_limits {
    int64_t oldest_warning_ms, oldest_critical_ms; /* how late the oldest due event may be */
    int64_t dead_warning, dead_critical;
    int64_t flagged_warning, flagged_critical; /* preorders that wait for a person */
    int64_t workers_min;                       /* fewer: critical */
};

struct check_input {
    const struct store_status *status;
    const struct worker_list *workers;
    struct check_limits limits;
    int64_t now_ms;
};

struct check {
    enum check_level level;            /* the worst of all */
    char text[CHECK_TEXT_BYTES];       /* what is wrong, else how well it goes; one line, no "|" */
    char figures[CHECK_FIGURES_BYTES]; /* performance data */
    int64_t oldest_due_age_ms;         /* 0: none is due */
    size_t running_count;              /* workers alive and seen lately */
};

void check_judge(const struct check_input *input, struct check *check_out);

/* "OK", "WARNING", "CRITICAL", "UNKNOWN". */
const char *check_level_name(enum check_level level);
