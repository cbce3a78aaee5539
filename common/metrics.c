#include "common/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Relaxed throughout: each value has one writer, and readers want no order among values. */
struct series {
    char labels[METRIC_LABELS_MAX][METRIC_LABEL_BYTES];
    _Atomic double value; /* of a histogram: the sum */
    _Atomic uint64_t
        buckets[METRIC_BOUNDS_MAX + 1]; /* not cumulative; the last: above all bounds */
};

struct family {
    const struct metric *metric;
    size_t label_count, bound_count;
    struct series *series; /* room for all it can ever have, so that readers may walk it */
    size_t capacity;       /* the last place is for "other" */
    atomic_size_t series_count;
};

struct metrics {
    struct family *families;
    size_t family_count;
};

static size_t count_labels(const struct metric *metric) {
    size_t count = 0;
    while (count < METRIC_LABELS_MAX && metric->labels[count] != NULL) {
        count++;
    }
    return count;
}

static size_t count_bounds(const struct metric *metric) {
    size_t count = 0;
    while (count < METRIC_BOUNDS_MAX && metric->bounds[count] > 0) {
        assert(count == 0 || metric->bounds[count] > metric->bounds[count - 1]);
        count++;
    }
    assert((count > 0) == (metric->kind == METRIC_HISTOGRAM));
    return count;
}

static CHECKED enum err_code open_family(const struct metric *metric, struct family *family,
                                         struct err *err) {
    family->metric = metric;
    family->label_count = count_labels(metric);
    family->bound_count = count_bounds(metric);
    assert((family->label_count > 0) == (metric->series_max > 0));
    family->capacity = metric->series_max + 1;
    family->series = calloc(family->capacity, sizeof *family->series);
    if (family->series == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    atomic_init(&family->series_count, family->label_count == 0 ? 1 : 0);
    return ERR_OK;
}

enum err_code metrics_open(const struct metric *table, size_t metric_count,
                           struct metrics **metrics_out, struct err *err) {
    struct metrics *metrics = calloc(1, sizeof *metrics);
    struct family *families = calloc(metric_count, sizeof *families);
    if (metrics == NULL || families == NULL) {
        free(metrics);
        free(families);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    *metrics = (struct metrics){.families = families, .family_count = metric_count};
    for (size_t i = 0; i < metric_count; i++) {
        enum err_code code = open_family(&table[i], &families[i], err);
        if (code != ERR_OK) {
            metrics_close(metrics);
            return code;
        }
    }
    *metrics_out = metrics;
    return ERR_OK;
}

void metrics_close(struct metrics *metrics) {
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < metrics->family_count; i++) {
        free(metrics->families[i].series);
    }
    free(metrics->families);
    free(metrics);
}

/* ---- Writing ---------------------------------------------------------------------------------- */

/* Without labels a series is that of all the rest. */
static const char *label_at(const char *const *labels, size_t i) {
    return labels == NULL ? "other" : labels[i];
}

static bool has_labels(const struct family *family, const struct series *series,
                       const char *const *labels) {
    for (size_t i = 0; i < family->label_count; i++) {
        if (strcmp(series->labels[i], label_at(labels, i)) != 0) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct family *family, const char *const *labels) {
    for (size_t i = 0; i < family->label_count; i++) {
        if (strlen(labels[i]) >= METRIC_LABEL_BYTES) {
            return false;
        }
    }
    return true;
}

/* The series of these labels, made if it is not there. */
static struct series *find_series(struct family *family, const char *const *labels) {
    assert((labels != NULL) == (family->label_count > 0));
    size_t count = atomic_load_explicit(&family->series_count, memory_order_relaxed);
    if (labels == NULL) {
        return &family->series[0];
    }
    if (!fits(family, labels)) {
        labels = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (has_labels(family, &family->series[i], labels)) {
            return &family->series[i];
        }
    }
    if (count == family->capacity) {
        return &family->series[count - 1];
    }
    if (count + 1 == family->capacity) {
        labels = NULL;
    }
    struct series *series = &family->series[count];
    for (size_t i = 0; i < family->label_count; i++) {
        const char *value = label_at(labels, i);
        memcpy(series->labels[i], value, strlen(value) + 1);
    }
    /* Readers see the labels with the count. */
    atomic_store_explicit(&family->series_count, count + 1, memory_order_release);
    return series;
}

static struct family *family_of(const struct metrics *metrics, size_t metric) {
    assert(metric < metrics->family_count);
    return &metrics->families[metric];
}

static void add_to(struct series *series, double amount) {
    double value = atomic_load_explicit(&series->value, memory_order_relaxed);
    atomic_store_explicit(&series->value, value + amount, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, size_t metric, const char *const *labels, double amount) {
    if (metrics == NULL) {
        return;
    }
    struct family *family = family_of(metrics, metric);
    assert(family->metric->kind == METRIC_COUNTER && amount >= 0);
    add_to(find_series(family, labels), amount);
}

void metrics_set(struct metrics *metrics, size_t metric, const char *const *labels, double value) {
    if (metrics == NULL) {
        return;
    }
    struct family *family = family_of(metrics, metric);
    assert(family->metric->kind != METRIC_HISTOGRAM);
    atomic_store_explicit(&find_series(family, labels)->value, value, memory_order_relaxed);
}

void metrics_observe(struct metrics *metrics, size_t metric, const char *const *labels,
                     double value) {
    if (metrics == NULL) {
        return;
    }
    struct family *family = family_of(metrics, metric);
    assert(family->metric->kind == METRIC_HISTOGRAM);
    struct series *series = find_series(family, labels);
    size_t bucket = 0;
    while (bucket < family->bound_count && value > family->metric->bounds[bucket]) {
        bucket++;
    }
    uint64_t count = atomic_load_explicit(&series->buckets[bucket], memory_order_relaxed);
    atomic_store_explicit(&series->buckets[bucket], count + 1, memory_order_relaxed);
    add_to(series, value);
}

void metrics_zero(struct metrics *metrics, size_t metric) {
    struct family *family = family_of(metrics, metric);
    assert(family->metric->kind == METRIC_GAUGE);
    size_t count = atomic_load_explicit(&family->series_count, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        atomic_store_explicit(&family->series[i].value, 0, memory_order_relaxed);
    }
}

/* ---- Rendering -------------------------------------------------------------------------------- */

static void append_escaped(struct buf *text, const char *value, bool with_quotes) {
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n') {
            buf_append_text(text, "\\n");
        } else if (*at == '\\' || (with_quotes && *at == '"')) {
            buf_append_format(text, "\\%c", *at);
        } else {
            buf_append(text, at, 1);
        }
    }
}

/* Whole numbers as such, others with as few digits as make 0.3 look like 0.3. */
static void append_number(struct buf *text, double value) {
    const double whole_max = 9007199254740992.0; /* 2^53: above it not every whole number exists */
    if (value > -whole_max && value < whole_max && value == (double)(int64_t)value) {
        buf_append_format(text, "%" PRId64, (int64_t)value);
    } else {
        buf_append_format(text, "%.15g", value);
    }
}

/* `bound`: the value of "le", NULL for none. */
static void append_name(struct buf *text, const struct family *family, const struct series *series,
                        const char *suffix, const char *bound) {
    const char *before = "{";
    buf_append_format(text, "%s%s", family->metric->name, suffix);
    for (size_t i = 0; i < family->label_count; i++) {
        buf_append_format(text, "%s%s=\"", before, family->metric->labels[i]);
        append_escaped(text, series->labels[i], true);
        buf_append_text(text, "\"");
        before = ",";
    }
    if (bound != NULL) {
        buf_append_format(text, "%sle=\"%s\"", before, bound);
        before = ",";
    }
    buf_append_text(text, *before == '{' ? " " : "} ");
}

static void append_sample(struct buf *text, double value) {
    append_number(text, value);
    buf_append_text(text, "\n");
}

static void render_histogram(const struct family *family, const struct series *series,
                             struct buf *text) {
    uint64_t count = 0;
    for (size_t i = 0; i <= family->bound_count; i++) {
        struct buf number;
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        buf_init(&number, 32);
        if (i == family->bound_count) {
            buf_append_text(&number, "+Inf");
        } else {
            append_number(&number, family->metric->bounds[i]);
        }
        append_name(text, family, series, "_bucket", buf_text(&number));
        buf_release(&number);
        append_sample(text, (double)count);
    }
    append_name(text, family, series, "_sum", NULL);
    append_sample(text, atomic_load_explicit(&series->value, memory_order_relaxed));
    append_name(text, family, series, "_count", NULL);
    append_sample(text, (double)count);
}

static const char *kind_name(enum metric_kind kind) {
    return kind == METRIC_COUNTER ? "counter" : kind == METRIC_GAUGE ? "gauge" : "histogram";
}

static void render_family(const struct family *family, struct buf *text) {
    const struct metric *metric = family->metric;
    size_t count = atomic_load_explicit(&family->series_count, memory_order_acquire);
    if (count == 0) {
        return;
    }
    buf_append_format(text, "# HELP %s ", metric->name);
    append_escaped(text, metric->help, false);
    buf_append_format(text, "\n# TYPE %s %s\n", metric->name, kind_name(metric->kind));
    for (size_t i = 0; i < count; i++) {
        const struct series *series = &family->series[i];
        if (metric->kind == METRIC_HISTOGRAM) {
            render_histogram(family, series, text);
        } else {
            append_name(text, family, series, "", NULL);
            append_sample(text, atomic_load_explicit(&series->value, memory_order_relaxed));
        }
    }
}

void metrics_render(const struct metrics *metrics, struct buf *text) {
    for (size_t i = 0; i < metrics->family_count; i++) {
        render_family(&metrics->families[i], text);
    }
}
