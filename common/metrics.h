#pragma once
/*
 * What a program counts and measures, shown as Prometheus text (exposition format 0.0.4).
 *
 * A program declares its metrics in one table; a metric's place in the table is its name in the code.
 * Label names stand in the declaration; a series appears with the first value given for its labels,
 * and a metric without labels at once, with 0. A label's value is one of a few words, never an id
 * and never an address: beyond series_max values everything goes to a series whose labels all say
 * "other", so that nothing from outside can fill the memory.
 *
 * Threads: each metric is written by one thread at a time; any thread may render meanwhile. Writing
 * takes no lock and never blocks; a reader may see a histogram's sum one value behind its buckets.
 */
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

enum {
    METRIC_LABELS_MAX = 3,
    METRIC_LABEL_BYTES = 128, /* of a value; a longer one counts as "other" */
    METRIC_BOUNDS_MAX = 16,
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    const char *name; /* with its unit, as Prometheus wants it */
    const char *help;
    enum metric_kind kind;
    const char *labels[METRIC_LABELS_MAX]; /* names; NULL behind the last */
    size_t series_max;                     /* with labels: how many at most; else 0 */
    double bounds[METRIC_BOUNDS_MAX]; /* of a histogram: upper ends, rising; 0 behind the last */
};

/* Label values in the order of the declaration: METRIC_LABELS("GET", "200"). */
#define METRIC_LABELS(...) ((const char *const[]){__VA_ARGS__})

struct metrics;

/* The table is borrowed until metrics_close. ERR_FATAL: out of memory. */
CHECKED enum err_code metrics_open(const struct metric *table, size_t metric_count,
                                   struct metrics **metrics_out, struct err *err);
void metrics_close(struct metrics *metrics); /* NULL is fine */

/* `metric` is its place in the table; `labels` is NULL for a metric without. With NULL as `metrics`
   nothing is counted. Counters only grow: metrics_set on one is for totals that are kept elsewhere. */
void metrics_add(struct metrics *metrics, size_t metric, const char *const *labels, double amount);
void metrics_set(struct metrics *metrics, size_t metric, const char *const *labels, double value);
void metrics_observe(struct metrics *metrics, size_t metric, const char *const *labels,
                     double value);
/* Sets every series of a gauge to 0. */
void metrics_zero(struct metrics *metrics, size_t metric);

/* Appends all metrics that have a series. */
void metrics_render(const struct metrics *metrics, struct buf *text);
