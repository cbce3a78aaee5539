/* What both programs show of the shared database. */
#include "common/store/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"

static int64_t wall_ms, mono_us;

static int64_t read_wall_ms(void *context) {
    (void)context;
    return wall_ms;
}

static int64_t read_mono_us(void *context) {
    (void)context;
    return mono_us;
}

/* The next look asks the database again. */
static void pass_interval(void) {
    mono_us += (int64_t)WATCH_READ_INTERVAL_MS * US_PER_MS;
}

static const struct clock played = {.wall_ms = read_wall_ms, .mono_us = read_mono_us};

static struct watch *open_watch(struct fixture *fixture) {
    struct err err;
    struct watch *watch = NULL;
    struct watch_options options = {.component = "test", .store = fixture->store, .clock = &played};
    wall_ms = FIXTURE_NOW_MS + 100;
    mono_us = 1;
    static const struct metric own[] = {
        {.name = "own_total", .help = "Own.", .kind = METRIC_COUNTER}};
    static struct metrics *metrics;
    metrics_close(metrics);
    ASSERT_OK(metrics_open(own, 1, &metrics, &err));
    options.metrics = metrics;
    ASSERT_OK(watch_open(&options, &watch, &err));
    return watch;
}

static const char *render(struct watch *watch) {
    static char *shown;
    struct buf text;
    buf_init(&text, WATCH_TEXT_BYTES_MAX);
    watch_render(watch, &text);
    free(shown);
    shown = buf_take(&text, NULL);
    assert_non_null(shown);
    return shown;
}

static void expect(const char *shown, const char *line) {
    if (strstr(shown, line) == NULL) {
        fail_msg("no '%s' in\n%s", line, shown);
    }
}

static void pause_account(struct fixture *fixture, const char *reason) {
    fixture_run(fixture,
                "UPDATE account SET pause_reason = '%s', paused_at = 1000000,"
                " not_before = 1060000",
                reason);
    pass_interval();
}

static void the_database_the_process_and_the_program_are_shown(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    fixture_run(fixture,
                "UPDATE preorders SET flag = 'why' WHERE id = (SELECT max(id) FROM preorders)");
    struct watch *watch = open_watch(fixture);
    const char *shown = render(watch);
    expect(shown, "preorder_build_info{component=\"test\",version=\"" PREORDER_VERSION "\"} 1\n");
    expect(shown, "preorder_outbox_events{state=\"due\"} 3\n");
    expect(shown, "preorder_outbox_events{state=\"dead\"} 0\n");
    expect(shown, "preorder_flagged_preorders 1\n");
    expect(shown, "preorder_outbox_oldest_due_age_seconds 0.1\n");
    expect(shown, "preorder_last_success_timestamp_seconds 0\n");
    expect(shown, "preorder_account_paused{reason=\"none\"} 0\n");
    expect(shown, "\nown_total 0\n");
    watch_close(watch);
}

static void the_database_is_asked_once_a_second(void **state) {
    struct fixture *fixture = *state;
    struct watch *watch = open_watch(fixture);
    expect(render(watch), "preorder_outbox_events{state=\"due\"} 0\n");
    fixture_store_samples(fixture, 2, NULL);
    mono_us += (int64_t)(WATCH_READ_INTERVAL_MS - 1) * US_PER_MS;
    expect(render(watch), "preorder_outbox_events{state=\"due\"} 0\n");
    mono_us += US_PER_MS;
    expect(render(watch), "preorder_outbox_events{state=\"due\"} 2\n");
    watch_close(watch);
}

static void a_pause_is_shown_by_its_kind_and_goes_away(void **state) {
    static const struct {
        const char *reason, *label;
    } cases[] = {
        {"check KLAVIYO_API_KEY: Klaviyo answered 401: Incorrect key", "http_401"},
        {"ten different events in a row were refused: a bad deploy?: Klaviyo answered 400",
         "http_400"},
        {"check KLAVIYO_CA_FILE and the clock: certificate: expired", "certificate"},
        {"a failure nobody foresaw: Klaviyo answered no", "other"},
        {"a failure nobody foresaw: Klaviyo answered 4", "other"},
        {"a failure nobody foresaw: Klaviyo answered 40", "other"},
    };
    struct fixture *fixture = *state;
    struct watch *watch = open_watch(fixture);
    char line[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pause_account(fixture, cases[i].reason);
        (void)snprintf(line, sizeof line, "preorder_account_paused{reason=\"%s\"} 1\n",
                       cases[i].label);
        const char *shown = render(watch);
        expect(shown, line);
        assert_true(i == 0 ||
                    strstr(shown, "preorder_account_paused{reason=\"http_401\"} 0\n") != NULL);
    }
    fixture_run(fixture, "UPDATE account SET paused_by_person = 1");
    pass_interval();
    expect(render(watch), "preorder_account_paused{reason=\"operator\"} 1\n");
    fixture_run(fixture,
                "UPDATE account SET pause_reason = NULL, paused_at = NULL, paused_by_person = 0");
    pass_interval();
    expect(render(watch), "preorder_account_paused{reason=\"http_401\"} 0\n");
    expect(render(watch), "preorder_account_paused{reason=\"operator\"} 0\n");
    watch_close(watch);
}

static void the_account_s_note_says_what_holds_it(void **state) {
    struct fixture *fixture = *state;
    struct watch *watch = open_watch(fixture);
    struct err err = {0};
    ASSERT_OK(watch_check_account(watch, &err));
    fixture_run(fixture, "UPDATE account SET not_before = 1060000");
    pass_interval();
    ASSERT_CODE(ERR_BUSY, watch_check_account(watch, &err));
    assert_string_equal(err.text, "throttled until 1970-01-01T00:17:40.000Z");
    fixture_run(fixture, "UPDATE account SET opened_at = 1000000, breaker_pause = 1000");
    pass_interval();
    ASSERT_CODE(ERR_BUSY, watch_check_account(watch, &err));
    assert_string_equal(err.text,
                        "breaker open since 1970-01-01T00:16:40.000Z: only probes are sent");
    expect(render(watch), "preorder_breaker_open 1\n");
    pause_account(fixture, "check the key");
    ASSERT_CODE(ERR_BUSY, watch_check_account(watch, &err));
    assert_string_equal(err.text, "paused since 1970-01-01T00:16:40.000Z: check the key");
    fixture_run(fixture, "UPDATE account SET paused_by_person = 1");
    pass_interval();
    ASSERT_CODE(ERR_BUSY, watch_check_account(watch, &err));
    assert_string_equal(err.text,
                        "paused by a person since 1970-01-01T00:16:40.000Z: check the key");
    watch_close(watch);
}

static void figures_that_cannot_be_read_are_left_out(void **state) {
    struct fixture *fixture = *state;
    struct watch *watch = open_watch(fixture);
    struct err err = {0};
    fixture_run(fixture, "DELETE FROM account");
    const char *shown = render(watch);
    assert_null(strstr(shown, "preorder_outbox_events"));
    expect(shown, "process_open_fds ");
    expect(shown, "\nown_total 0\n");
    ASSERT_CODE(ERR_FATAL, watch_check_account(watch, &err));
    watch_close(watch);
}

static int64_t told_count, told_us;

static void on_gate_wait(void *context, int64_t wait_us) {
    assert_ptr_equal(context, &told_count);
    told_count++;
    told_us = wait_us;
}

static void a_write_tells_how_long_it_waited_for_the_gate(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = fixture_options(STORE_BACKGROUND, 200);
    struct store *store = NULL;
    struct err err = {0};
    options.on_gate_wait = on_gate_wait;
    options.context = &told_count;
    told_count = 0;
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    ASSERT_OK(store_check_writable(store, &err));
    assert_int_equal(told_count, 1);
    assert_in_range(told_us, 0, INT64_C(100) * US_PER_MS);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    ASSERT_CODE(ERR_BUSY, store_check_writable(store, &err));
    fixture_release_gate(&holder);
    assert_int_equal(told_count, 2);
    assert_true(told_us >= INT64_C(200) * US_PER_MS);
    store_close(store);
}

static void on_checkpoint(void *context, int64_t duration_us) {
    assert_ptr_equal(context, &told_count);
    told_count++;
    told_us = duration_us;
}

static void a_checkpoint_tells_how_long_it_took(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = fixture_options(STORE_BACKGROUND, 200);
    struct store *store = NULL;
    struct err err = {0};
    options.on_checkpoint = on_checkpoint;
    options.context = &told_count;
    told_count = 0;
    told_us = -1;
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    ASSERT_OK(store_checkpoint(store, 1, &err)); /* this handle knows of no page */
    assert_int_equal(told_count, 0);
    ASSERT_OK(store_checkpoint(store, 0, &err));
    assert_int_equal(told_count, 1);
    assert_in_range(told_us, 0, INT64_C(10000) * US_PER_MS);
    store_close(store);
}

/* calloc is wrapped by the linker: the test decides which call finds no memory. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);

static int callocs_left = -1; /* negative: no end */

void *__wrap_calloc(size_t count, size_t byte_count) {
    if (callocs_left == 0) {
        return NULL;
    }
    callocs_left -= callocs_left > 0 ? 1 : 0;
    return __real_calloc(count, byte_count);
}

static void without_memory_there_is_no_watch(void **state) {
    struct fixture *fixture = *state;
    struct watch_options options = {.component = "test", .store = fixture->store, .clock = &played};
    enum err_code code = ERR_FATAL;
    int allowed = 0;
    for (; code != ERR_OK; allowed++) {
        struct watch *watch = NULL;
        struct err err = {0};
        callocs_left = allowed;
        code = watch_open(&options, &watch, &err);
        callocs_left = -1;
        assert_true(code == ERR_OK || code == ERR_FATAL);
        assert_true((code == ERR_OK) == (watch != NULL));
        watch_close(watch);
    }
    assert_true(allowed > 10);
}

static void an_event_that_is_due_later_is_not_late(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct watch *watch = open_watch(fixture);
    expect(render(watch), "preorder_outbox_oldest_due_age_seconds 0.1\n");
    wall_ms = FIXTURE_NOW_MS - 60000; /* set back */
    pass_interval();
    expect(render(watch), "preorder_outbox_oldest_due_age_seconds 0\n");
    watch_close(watch);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(the_database_the_process_and_the_program_are_shown),
        EACH(the_database_is_asked_once_a_second),
        EACH(a_pause_is_shown_by_its_kind_and_goes_away),
        EACH(the_account_s_note_says_what_holds_it),
        EACH(figures_that_cannot_be_read_are_left_out),
        EACH(without_memory_there_is_no_watch),
        EACH(an_event_that_is_due_later_is_not_late),
        EACH(a_write_tells_how_long_it_waited_for_the_gate),
        EACH(a_checkpoint_tells_how_long_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
