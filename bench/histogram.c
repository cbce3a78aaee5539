#include "bench/histogram.h"

#include <inttypes.h>
#include <stdio.h>

/* Below 64 a bucket a microsecond; above, the upper 7 bits say which. */
static int bucket_of(int64_t us) {
    int shift = 0;
    while (us >> shift >= 2 * HISTOGRAM_PARTS) {
        shift++;
    }
    int bucket = shift * HISTOGRAM_PARTS + (int)(us >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static int64_t upper_end(int bucket) {
    if (bucket < 2 * HISTOGRAM_PARTS) {
        return bucket;
    }
    int shift = bucket / HISTOGRAM_PARTS - 1;
    int64_t part = bucket - shift * HISTOGRAM_PARTS;
    return ((part + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, int64_t us) {
    us = us < 0 ? 0 : us;
    histogram->count++;
    histogram->sum_us += us;
    histogram->max_us = us > histogram->max_us ? us : histogram->max_us;
    histogram->buckets[bucket_of(us)]++;
}

int64_t histogram_percentile(const struct histogram *histogram, double share) {
    int64_t wanted = (int64_t)(share * (double)histogram->count + 0.5);
    wanted = wanted < 1 ? 1 : wanted;
    int64_t seen = 0;
    for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted) {
            int64_t end = upper_end(bucket);
            return end < histogram->max_us ? end : histogram->max_us;
        }
    }
    return histogram->max_us;
}

void histogram_print(const struct histogram *histogram) {
    double mean = histogram->count == 0 ? 0 : (double)histogram->sum_us / (double)histogram->count;
    (void)printf("{\"count\":%" PRId64 ",\"mean_us\":%.1f,\"p50_us\":%" PRId64
                 ",\"p90_us\":%" PRId64 ",\"p99_us\":%" PRId64 ",\"p999_us\":%" PRId64
                 ",\"max_us\":%" PRId64 "}",
                 histogram->count, mean, histogram_percentile(histogram, 0.5),
                 histogram_percentile(histogram, 0.9), histogram_percentile(histogram, 0.99),
                 histogram_percentile(histogram, 0.999), histogram->max_us);
}
