/* store_open: what it refuses and why, how it sets a connection up, and who recovers the log. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/sqlite/engine.h"
#include "tests/store/fixture.h"
#include "tests/store/shim.h"

enum { WAL_HEADER_BYTES = 32, WAL_FRAME_BYTES = 24 + 4096 };

static enum err_code try_open(const struct fixture *fixture, int64_t timeout_ms, struct err *err) {
    struct store_options options = fixture_options(STORE_CHECKOUT, timeout_ms);
    struct store *store = NULL;
    enum err_code code = store_open(fixture->url, &options, &store, err);
    store_close(store);
    return code;
}

/* ---- Refusals --------------------------------------------------------------------------------- */

static void a_database_that_is_not_there_asks_for_migrate_and_is_not_made(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    ASSERT_CODE(ERR_NOT_FOUND, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_non_null(strstr(err.text, "preorderctl migrate"));
    assert_non_null(strstr(err.text, fixture->path));
    assert_int_equal(rmdir(fixture->folder), 0); /* empty */
    assert_int_equal(mkdir(fixture->folder, 0700), 0);
}

static void a_url_of_another_kind_is_refused(void **state) {
    (void)state;
    struct store_options options = fixture_options(STORE_CHECKOUT, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct err err = {0};
    const char *urls[] = {"", "sqlite:", "preorder.db", "mysql://localhost/preorder"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        ASSERT_CODE(ERR_INVALID, store_open(urls[i], &options, &store, &err));
        assert_null(store);
    }
}

static void a_newer_schema_asks_for_a_newer_program(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "PRAGMA user_version = 999");
    struct err err = {0};
    ASSERT_CODE(ERR_CONFLICT, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_non_null(strstr(err.text, "999"));
    assert_non_null(strstr(err.text, "upgrade"));
}

static void an_older_schema_asks_for_migrate(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "PRAGMA user_version = 0");
    struct err err = {0};
    ASSERT_CODE(ERR_CONFLICT, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_non_null(strstr(err.text, "preorderctl migrate"));
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state) {
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("dear diary, ", file);
    }
    assert_int_equal(fclose(file), 0);
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_non_null(strstr(err.text, fixture->path));
    assert_int_equal(fixture_file_bytes(fixture, ""), 12000);
}

static void a_folder_is_no_database(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    ASSERT_CODE(ERR_FATAL, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_int_equal(rmdir(fixture->path), 0);
}

static void a_schema_that_lacks_a_table_fails_at_open(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "DROP TABLE account");
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_non_null(strstr(err.text, "account"));
}

/* Modes do not stop root, so the child becomes nobody first. Returns the error's code. */
static int open_as_nobody(void *context) {
    enum { NOBODY = 65534 };
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        return 100;
    }
    struct err err = {0};
    return (int)try_open(context, 200, &err);
}

static void a_folder_that_cannot_be_written_is_refused(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(fixture_file_bytes(fixture, "-gate") >= 0, 1);
    char gate[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(gate, sizeof gate, "%s-gate", fixture->path);
    assert_int_equal(remove(gate), 0);
    assert_int_equal(chmod(fixture->path, 0666), 0);
    assert_int_equal(chmod(fixture->folder, 0555), 0);
    assert_int_equal(fixture_join(fixture_spawn(open_as_nobody, fixture)), ERR_FATAL);
}

static void a_file_that_cannot_be_written_is_refused(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->folder, 0777), 0);
    assert_int_equal(chmod(fixture->path, 0444), 0);
    assert_int_equal(fixture_join(fixture_spawn(open_as_nobody, fixture)), ERR_FATAL);
}

static void a_folder_that_cannot_be_entered_is_not_taken_for_a_missing_database(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->folder, 0), 0);
    assert_int_equal(fixture_join(fixture_spawn(open_as_nobody, fixture)), ERR_FATAL);
}

/* ---- The connection --------------------------------------------------------------------------- */

static int64_t pragma(struct store *store, const char *text) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(sqlite_of(store)->db, text, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

static void every_commit_is_synced_and_nothing_checkpoints_by_itself(void **state) {
    struct fixture *fixture = *state;
    enum { SYNCHRONOUS_FULL = 2 };
    assert_int_equal(pragma(fixture->store, "PRAGMA synchronous"), SYNCHRONOUS_FULL);
    assert_int_equal(pragma(fixture->store, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(fixture->store, "PRAGMA mmap_size"), 0);
    assert_string_equal(fixture_text(fixture, "PRAGMA journal_mode"), "wal");
}

static void the_log_grows_past_the_point_where_sqlite_would_work_it_off(void **state) {
    struct fixture *fixture = *state;
    int64_t database_bytes = fixture_file_bytes(fixture, "");
    for (int i = 0; i < 60; i++) {
        fixture_store_samples(fixture, 64, NULL);
    }
    int64_t log_bytes = WAL_HEADER_BYTES + 1000 * (int64_t)WAL_FRAME_BYTES;
    assert_true(fixture_file_bytes(fixture, "-wal") > 2 * log_bytes);
    assert_true(store_wal_pages(fixture->store) > 2000);
    assert_int_equal(fixture_file_bytes(fixture, ""), database_bytes);
}

static void closing_leaves_the_log_as_it_is(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t database_bytes = fixture_file_bytes(fixture, "");
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    assert_true(log_bytes > WAL_HEADER_BYTES);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);
    assert_int_equal(fixture_file_bytes(fixture, ""), database_bytes);
}

/* ---- Recovery --------------------------------------------------------------------------------- */

static void the_first_to_open_works_the_log_off(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_true(fixture_file_bytes(fixture, "-wal") > 0);
    fixture->store = fixture_open(fixture, STORE_BACKGROUND);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), 3);
}

static void the_second_to_open_leaves_the_log_alone(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    struct store *second = fixture_open(fixture, STORE_BACKGROUND);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);
    store_close(second);
}

/* The child has it open; when it is killed, the parent is the first again. */
static int open_and_wait(void *context) {
    struct fixture *fixture = context;
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(fixture->url, &options, &store, &err) != ERR_OK) {
        return 1;
    }
    (void)raise(SIGSTOP);
    return 0;
}

static void after_the_last_user_was_killed_the_next_to_open_recovers(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fixture_spawn(open_and_wait, fixture);
    fixture_await_stopped(pid);

    struct store *second = fixture_open(fixture, STORE_CHECKOUT);
    fixture->store = second;
    fixture_store_samples(fixture, 2, NULL);
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    fixture_reopen(fixture);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);

    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(fixture_join(pid), 128 + SIGKILL);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), 2);
}

static void it_does_not_wait_longer_than_it_was_told_for_a_stopped_process(void **state) {
    struct fixture *fixture = *state;
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct err err = {0};
    int64_t start_ms = clock_mono_ms(clock_system());
    ASSERT_CODE(ERR_BUSY, try_open(fixture, 200, &err));
    int64_t waited_ms = clock_mono_ms(clock_system()) - start_ms;
    assert_in_range(waited_ms, 200, 1000);
    assert_non_null(strstr(err.text, holder.pid_text));
    fixture_release_gate(&holder);
    ASSERT_OK(try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
}

/* The database itself, not its log, takes no write any more. */
static int refuse_pages(void *context, enum shim_call call, const char *path) {
    const bool *is_broken = context;
    bool is_page = call == SHIM_WRITE && strstr(path, "-wal") == NULL;
    return *is_broken && is_page ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static bool is_disk_broken;
static const struct shim shim = {.before = refuse_pages, .context = &is_disk_broken};

static void a_log_that_cannot_be_worked_off_stops_the_opening_and_stays(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    store_close(fixture->store);
    fixture->store = NULL;
    struct err err = {0};
    is_disk_broken = true;
    enum err_code code = try_open(fixture, FIXTURE_TIMEOUT_MS, &err);
    is_disk_broken = false;
    ASSERT_CODE(ERR_FATAL, code);
    assert_non_null(strstr(err.text, "cannot recover the database"));
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), 3);
}

static void somebody_who_reads_does_not_stop_the_opening(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    store_close(fixture->store);
    fixture->store = NULL;
    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM outbox", NULL, NULL, NULL),
                     SQLITE_OK);
    struct err err = {0};
    ASSERT_OK(try_open(fixture, FIXTURE_TIMEOUT_MS, &err));
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);
    (void)sqlite3_db_config(reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), 3);
}

/* ---- Files that go away ----------------------------------------------------------------------- */

/* Nothing may be acknowledged that is written into a file without a name. */
static void expect_no_more_writes(struct fixture *fixture, const char *suffix) {
    char path[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s%s", fixture->path, suffix);
    struct sample sample;
    sample_make(fixture, &sample);
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, store_create_preorders(fixture->store, &sample.create, 1, &err));
    assert_non_null(strstr(err.text, path));
    ASSERT_CODE(ERR_FATAL, store_check_writable(fixture->store, &err));
    ASSERT_CODE(ERR_FATAL, store_checkpoint(fixture->store, 0, &err));
}

static void a_file_that_was_removed_ends_the_writing(void **state) {
    struct fixture *fixture = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[FIXTURE_PATH_BYTES + 16];
        char aside[FIXTURE_PATH_BYTES + 32];
        (void)snprintf(path, sizeof path, "%s%s", fixture->path, suffixes[i]);
        (void)snprintf(aside, sizeof aside, "%s/aside", fixture->folder);
        assert_int_equal(rename(path, aside), 0);
        expect_no_more_writes(fixture, suffixes[i]);
        assert_int_equal(rename(aside, path), 0);
        fixture_store_samples(fixture, 1, NULL);
    }
    fixture_assert_sound(fixture);
}

static void a_database_that_was_replaced_ends_the_writing(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(remove(fixture->path), 0);
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    expect_no_more_writes(fixture, "");
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
#define EACH_EMPTY(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, fixture_setup_empty, fixture_teardown)

static int install(void **state) {
    (void)state;
    shim_install(&shim);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH_EMPTY(a_database_that_is_not_there_asks_for_migrate_and_is_not_made),
        EACH_EMPTY(a_url_of_another_kind_is_refused),
        EACH(a_newer_schema_asks_for_a_newer_program),
        EACH(an_older_schema_asks_for_migrate),
        EACH_EMPTY(a_file_that_is_no_database_is_refused_and_left_alone),
        EACH_EMPTY(a_folder_is_no_database),
        EACH(a_schema_that_lacks_a_table_fails_at_open),
        EACH(a_folder_that_cannot_be_written_is_refused),
        EACH(a_file_that_cannot_be_written_is_refused),
        EACH(a_folder_that_cannot_be_entered_is_not_taken_for_a_missing_database),
        EACH(every_commit_is_synced_and_nothing_checkpoints_by_itself),
        EACH(the_log_grows_past_the_point_where_sqlite_would_work_it_off),
        EACH(closing_leaves_the_log_as_it_is),
        EACH(the_first_to_open_works_the_log_off),
        EACH(the_second_to_open_leaves_the_log_alone),
        EACH(after_the_last_user_was_killed_the_next_to_open_recovers),
        EACH(a_log_that_cannot_be_worked_off_stops_the_opening_and_stays),
        EACH(somebody_who_reads_does_not_stop_the_opening),
        EACH(a_file_that_was_removed_ends_the_writing),
        EACH(a_database_that_was_replaced_ends_the_writing),
        EACH(it_does_not_wait_longer_than_it_was_told_for_a_stopped_process),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
