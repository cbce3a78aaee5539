/* Counting, measuring, and the text that Prometheus reads. */
#include "common/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNTED, LABELLED, LEVEL, TIMES };

static const struct metric table[] = {
    [COUNTED] = {.name = "shop_counted_total",
                 .help = "What is \\ counted.\nAll of it.",
                 .kind = METRIC_COUNTER},
    [LABELLED] = {.name = "shop_labelled_total",
                  .help = "By route.",
                  .kind = METRIC_COUNTER,
                  .labels = {"route", "code"},
                  .series_max = 3},
    [LEVEL] = {.name = "shop_level", .help = "A level.", .kind = METRIC_GAUGE},
    [TIMES] = {.name = "shop_times_seconds",
               .help = "Times.",
               .kind = METRIC_HISTOGRAM,
               .labels = {"route"},
               .series_max = 2,
               .bounds = {0.001, 0.3, 2.5}},
};

static struct metrics *metrics;
static char *shown;

/* calloc is wrapped by the linker: the test decides which call finds no memory. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);

static int callocs_left = -1; /* negative: no end */

void *__wrap_calloc(size_t count, size_t byte_count) {
    if (callocs_left == 0) {
        return NULL;
    }
    callocs_left -= callocs_left > 0;
    return __real_calloc(count, byte_count);
}

static int setup(void **state) {
    (void)state;
    struct err err;
    return metrics_open(table, sizeof table / sizeof table[0], &metrics, &err) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    metrics_close(metrics);
    free(shown);
    shown = NULL;
    return 0;
}

static void show(void) {
    struct buf text;
    buf_init(&text, 65536);
    metrics_render(metrics, &text);
    free(shown);
    shown = buf_take(&text, NULL);
    assert_non_null(shown);
}

static void expect(const char *line) {
    show();
    const char *found = strstr(shown, line);
    if (found == NULL || (found != shown && found[-1] != '\n')) {
        fail_msg("no line '%s' in\n%s", line, shown);
    }
}

static void expect_not(const char *piece) {
    show();
    if (strstr(shown, piece) != NULL) {
        fail_msg("'%s' in\n%s", piece, shown);
    }
}

static void a_metric_without_labels_is_shown_from_the_start(void **state) {
    (void)state;
    expect("shop_counted_total 0\n");
    expect("shop_level 0\n");
    expect_not("shop_labelled_total");
    expect_not("shop_times_seconds");
}

static void help_and_type_come_first_and_are_escaped(void **state) {
    (void)state;
    expect("# HELP shop_counted_total What is \\\\ counted.\\nAll of it.\n"
           "# TYPE shop_counted_total counter\nshop_counted_total 0\n");
    expect("# TYPE shop_level gauge\n");
}

static void counters_add_up_by_their_labels(void **state) {
    (void)state;
    metrics_add(metrics, COUNTED, NULL, 1);
    metrics_add(metrics, COUNTED, NULL, 0.25);
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", "200"), 1);
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", "200"), 1);
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", "404"), 1);
    expect("shop_counted_total 1.25\n");
    expect("shop_labelled_total{route=\"/a\",code=\"200\"} 2\n");
    expect("shop_labelled_total{route=\"/a\",code=\"404\"} 1\n");
}

static void label_values_are_escaped(void **state) {
    (void)state;
    metrics_add(metrics, LABELLED, METRIC_LABELS("a\"b\\c\nd", "1"), 1);
    expect("shop_labelled_total{route=\"a\\\"b\\\\c\\nd\",code=\"1\"} 1\n");
}

static void too_many_label_values_share_one_series(void **state) {
    (void)state;
    char code[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(code, sizeof code, "%d", i);
        metrics_add(metrics, LABELLED, METRIC_LABELS("/a", code), 1);
    }
    expect("shop_labelled_total{route=\"/a\",code=\"2\"} 1\n");
    expect("shop_labelled_total{route=\"other\",code=\"other\"} 97\n");
    expect_not("code=\"3\"");
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", "1"), 1);
    expect("shop_labelled_total{route=\"/a\",code=\"1\"} 2\n");
}

static void a_label_value_without_end_counts_as_other(void **state) {
    (void)state;
    char longest[METRIC_LABEL_BYTES + 1];
    memset(longest, 'x', METRIC_LABEL_BYTES);
    longest[METRIC_LABEL_BYTES] = '\0';
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", longest), 1);
    metrics_add(metrics, LABELLED, METRIC_LABELS("/a", longest + 1), 1);
    expect("shop_labelled_total{route=\"other\",code=\"other\"} 1\n");
    expect_not("xx\"} 2");
}

static void buckets_are_cumulative_and_closed_above(void **state) {
    (void)state;
    const double values[] = {0.0005, 0.001, 0.0011, 0.3, 3};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        metrics_observe(metrics, TIMES, METRIC_LABELS("/a"), values[i]);
    }
    expect("# TYPE shop_times_seconds histogram\n"
           "shop_times_seconds_bucket{route=\"/a\",le=\"0.001\"} 2\n"
           "shop_times_seconds_bucket{route=\"/a\",le=\"0.3\"} 4\n"
           "shop_times_seconds_bucket{route=\"/a\",le=\"2.5\"} 4\n"
           "shop_times_seconds_bucket{route=\"/a\",le=\"+Inf\"} 5\n"
           "shop_times_seconds_sum{route=\"/a\"} 3.3026\n"
           "shop_times_seconds_count{route=\"/a\"} 5\n");
}

static void gauges_are_set_and_zeroed(void **state) {
    (void)state;
    metrics_set(metrics, LEVEL, NULL, -1.5);
    expect("shop_level -1.5\n");
    metrics_set(metrics, LEVEL, NULL, 1795354634.125);
    expect("shop_level 1795354634.125\n");
    metrics_zero(metrics, LEVEL);
    expect("shop_level 0\n");
}

static void numbers_that_are_not_whole_are_written_in_other_ways(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *line;
    } cases[] = {{-1e20, "shop_level -1e+20\n"},
                 {1e20, "shop_level 1e+20\n"},
                 {9007199254740991.0, "shop_level 9007199254740991\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        metrics_set(metrics, LEVEL, NULL, cases[i].value);
        expect(cases[i].line);
    }
}

static void a_histogram_may_have_as_many_bounds_as_there_are_places(void **state) {
    (void)state;
    struct metric metric = {.name = "full_seconds", .help = "Full.", .kind = METRIC_HISTOGRAM};
    struct metrics *full = NULL;
    struct buf text;
    struct err err;
    for (size_t i = 0; i < METRIC_BOUNDS_MAX; i++) {
        metric.bounds[i] = (double)(i + 1);
    }
    assert_int_equal(metrics_open(&metric, 1, &full, &err), ERR_OK);
    metrics_observe(full, 0, NULL, METRIC_BOUNDS_MAX + 1);
    buf_init(&text, 65536);
    metrics_render(full, &text);
    assert_non_null(strstr(buf_text(&text), "le=\"+Inf\"} 1\n"));
    buf_release(&text);
    metrics_close(full);
}

static void without_memory_there_are_no_metrics(void **state) {
    (void)state;
    size_t metric_count = sizeof table / sizeof table[0];
    for (int allowed = 0; allowed < (int)metric_count + 2; allowed++) {
        struct metrics *none = NULL;
        struct err err = {0};
        callocs_left = allowed;
        enum err_code code = metrics_open(table, metric_count, &none, &err);
        callocs_left = -1;
        assert_int_equal(code, ERR_FATAL);
        assert_string_equal(err.text, "out of memory");
        assert_null(none);
    }
}

enum { ROUNDS = 20000 };

static void *write_all_the_time(void *context) {
    char code[16];
    for (int i = 0; i < ROUNDS; i++) {
        (void)snprintf(code, sizeof code, "%d", i % 4);
        metrics_add(context, COUNTED, NULL, 1);
        metrics_add(context, LABELLED, METRIC_LABELS("/a", code), 1);
        metrics_observe(context, TIMES, METRIC_LABELS("/a"), 0.01);
    }
    return NULL;
}

static void another_thread_may_look_while_one_writes(void **state) {
    (void)state;
    pthread_t writer;
    long last = 0;
    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, metrics), 0);
    while (last < ROUNDS) {
        show();
        const char *line = strstr(shown, "\nshop_counted_total ");
        assert_non_null(line);
        long value = strtol(line + strlen("\nshop_counted_total "), NULL, 10);
        assert_true(value >= last);
        assert_null(strstr(shown, "route=\"\""));
        last = value;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    expect("shop_labelled_total{route=\"/a\",code=\"1\"} 5000\n");
    expect("shop_times_seconds_count{route=\"/a\"} 20000\n");
}

static void nothing_is_counted_without_metrics(void **state) {
    (void)state;
    metrics_add(NULL, COUNTED, NULL, 1);
    metrics_set(NULL, LEVEL, NULL, 1);
    metrics_observe(NULL, TIMES, METRIC_LABELS("/a"), 1);
    metrics_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_metric_without_labels_is_shown_from_the_start, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(help_and_type_come_first_and_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_add_up_by_their_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(label_values_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_label_values_share_one_series, setup, teardown),
        cmocka_unit_test_setup_teardown(a_label_value_without_end_counts_as_other, setup, teardown),
        cmocka_unit_test_setup_teardown(buckets_are_cumulative_and_closed_above, setup, teardown),
        cmocka_unit_test_setup_teardown(gauges_are_set_and_zeroed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_thread_may_look_while_one_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_that_are_not_whole_are_written_in_other_ways, setup,
                                        teardown),
        cmocka_unit_test(a_histogram_may_have_as_many_bounds_as_there_are_places),
        cmocka_unit_test(without_memory_there_are_no_metrics),
        cmocka_unit_test(nothing_is_counted_without_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
