/* store_checkpoint: the log stays short, and nothing happens below the bound or outside the gate. */
#include <string.h>

#include "common/store/sqlite/transaction.h"
#include "tests/store/fixture.h"

enum { WAL_HEADER_BYTES = 32, WAL_FRAME_BYTES = 24 + 4096, BOUND_PAGES = 400 };

static int64_t log_pages(struct fixture *fixture) {
    return (fixture_file_bytes(fixture, "-wal") - WAL_HEADER_BYTES) / WAL_FRAME_BYTES;
}

static void checkpoint(struct store *store, int32_t pages_min) {
    struct err err = {0};
    ASSERT_OK(store_checkpoint(store, pages_min, &err));
}

static void below_the_bound_nothing_happens(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    int32_t pages = store_wal_pages(fixture->store);
    assert_in_range(pages, 1, 100);
    int64_t database_bytes = fixture_file_bytes(fixture, "");
    checkpoint(fixture->store, pages + 1);
    assert_int_equal(fixture_file_bytes(fixture, ""), database_bytes);
    assert_int_equal(store_wal_pages(fixture->store), pages);
    checkpoint(fixture->store, pages);
    assert_int_equal(store_wal_pages(fixture->store), 0);
}

static void what_is_worked_off_stands_in_the_file(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 500, NULL);
    int64_t database_bytes = fixture_file_bytes(fixture, "");
    checkpoint(fixture->store, 1);
    assert_true(fixture_file_bytes(fixture, "") > database_bytes);
    fixture_assert_sound(fixture);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders"), 500);
}

static void the_pages_of_a_handle_are_those_of_its_last_write(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    int32_t pages = store_wal_pages(fixture->store);
    assert_int_equal(pages, log_pages(fixture));
    fixture_store_samples(fixture, 5, NULL);
    assert_true(store_wal_pages(fixture->store) > pages);
}

static void the_log_stays_short_during_20000_creates(void **state) {
    struct fixture *fixture = *state;
    enum { CREATES = 20000, BATCH = 20 };
    int32_t batch_pages_max = 0;
    int64_t log_pages_max = 0;
    for (int i = 0; i < CREATES / BATCH; i++) {
        int32_t before = store_wal_pages(fixture->store);
        fixture_store_samples(fixture, BATCH, NULL);
        int32_t grown = store_wal_pages(fixture->store) - before;
        batch_pages_max = grown > batch_pages_max ? grown : batch_pages_max;
        checkpoint(fixture->store, BOUND_PAGES);
        assert_true(store_wal_pages(fixture->store) < BOUND_PAGES);
        int64_t pages = log_pages(fixture);
        log_pages_max = pages > log_pages_max ? pages : log_pages_max;
    }
    print_message("# a batch took at most %d pages, the log at most %lld\n", batch_pages_max,
                  (long long)log_pages_max);
    assert_in_range(log_pages_max, BOUND_PAGES, BOUND_PAGES + batch_pages_max);
    fixture_assert_sound(fixture);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders"), CREATES);
}

static void a_reader_delays_the_work_and_loses_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 50, NULL);
    struct store *reader = fixture_open(fixture, STORE_BACKGROUND);
    struct sqlite_store *inner = sqlite_of(reader);
    struct err err = {0};
    ASSERT_OK(sqlite_begin_read(inner, &err));
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(inner->db, "SELECT count(*) FROM preorders", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 50);
    (void)sqlite3_reset(statement);

    for (int i = 0; i < 20; i++) {
        fixture_store_samples(fixture, 50, NULL);
        checkpoint(fixture->store, 1);
    }
    assert_true(store_wal_pages(fixture->store) > 0); /* held back */
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 50);
    (void)sqlite3_finalize(statement);
    sqlite_end_read(inner);
    store_close(reader);

    int64_t pages = log_pages(fixture);
    checkpoint(fixture->store, 1);
    assert_int_equal(store_wal_pages(fixture->store), 0);
    fixture_store_samples(fixture, 50, NULL);
    assert_true(store_wal_pages(fixture->store) < pages);
    fixture_assert_sound(fixture);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders"), 1100);
}

static void another_handle_takes_over(void **state) {
    struct fixture *fixture = *state;
    struct store *worker = fixture_open(fixture, STORE_BACKGROUND);
    fixture_store_samples(fixture, 50, NULL);
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + 50, 1);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(worker, NULL, 0, &report, &request, &batch, &err));
    claim_batch_release(&batch);
    assert_true(store_wal_pages(worker) > store_wal_pages(fixture->store));
    checkpoint(worker, 1);
    fixture_store_samples(fixture, 1, NULL);
    assert_true(store_wal_pages(fixture->store) < 30); /* the log began anew */
    fixture_assert_sound(fixture);
    store_close(worker);
}

static void while_another_sits_in_the_gate_it_is_busy(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = fixture_options(STORE_BACKGROUND, 100);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    fixture_store_samples(fixture, 5, NULL);
    int64_t database_bytes = fixture_file_bytes(fixture, "");
    struct fixture_holder holder = fixture_hold_gate(fixture);
    ASSERT_CODE(ERR_BUSY, store_checkpoint(store, 0, &err));
    assert_non_null(strstr(err.text, holder.pid_text));
    assert_int_equal(fixture_file_bytes(fixture, ""), database_bytes);
    fixture_release_gate(&holder);
    ASSERT_OK(store_checkpoint(store, 0, &err));
    store_close(store);
}

/* A checkout's timeout is 5 s here: whoever waits for its answers would notice. */
static void a_checkout_does_not_wait_for_it(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct err err = {0};
    int64_t start_ms = clock_mono_ms(clock_system());
    ASSERT_CODE(ERR_BUSY, store_checkpoint(fixture->store, 1, &err));
    assert_in_range(clock_mono_ms(clock_system()) - start_ms, 0, FIXTURE_TIMEOUT_MS / 2);
    fixture_release_gate(&holder);
    checkpoint(fixture->store, 1);
    assert_int_equal(store_wal_pages(fixture->store), 0);
}

/* Shorter than the moments that it would wait for a checkpoint. */
static void a_checkout_in_a_hurry_works_it_off_too(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 5, NULL);
    struct store_options options = fixture_options(STORE_CHECKOUT, 1);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    ASSERT_OK(store_checkpoint(store, 0, &err));
    assert_int_equal(store_wal_pages(store), 0);
    store_close(store);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(below_the_bound_nothing_happens),
        EACH(what_is_worked_off_stands_in_the_file),
        EACH(the_pages_of_a_handle_are_those_of_its_last_write),
        EACH(the_log_stays_short_during_20000_creates),
        EACH(a_reader_delays_the_work_and_loses_nothing),
        EACH(another_handle_takes_over),
        EACH(a_checkout_in_a_hurry_works_it_off_too),
        EACH(a_checkout_does_not_wait_for_it),
        EACH(while_another_sits_in_the_gate_it_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
