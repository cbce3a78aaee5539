#pragma once
/*
 * Latencies, counted in buckets: each power of two of microseconds in 64 equal parts, so that any
 * percentile is off by less than 1.6 %, and no more memory is used however many are counted.
 */
#include <stdint.h>

enum { HISTOGRAM_PARTS = 64, HISTOGRAM_BUCKETS = 27 * HISTOGRAM_PARTS };

struct histogram {
    int64_t count, sum_us, max_us;
    int64_t buckets[HISTOGRAM_BUCKETS];
};

/* Negative counts as 0; what is beyond the last bucket (an hour) counts there, max_us stays exact. */
void histogram_add(struct histogram *histogram, int64_t us);

/* The upper end of the bucket in which the given share of all lies, at most max_us; 0 if empty.
   `share` is from 0 to 1. */
int64_t histogram_percentile(const struct histogram *histogram, double share);

/* {"count":…,"mean_us":…,"p50_us":…,"p90_us":…,"p99_us":…,"p999_us":…,"max_us":…} on stdout. */
void histogram_print(const struct histogram *histogram);
