/* store_migrate: from whatever there is to this program's schema, or to nothing half done. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "schema/sqlite.h"
#include "tests/store/fixture.h"
#include "tests/store/shim.h"

static size_t files_in_folder(const struct fixture *fixture) {
    size_t count = 0;
    DIR *folder = opendir(fixture->folder);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] == '.' ? 0 : 1;
    }
    (void)closedir(folder);
    return count;
}

static enum err_code migrate(const struct fixture *fixture, bool dry_run,
                             struct store_migration *migration_out, struct err *err) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    return store_migrate(fixture->url, &options, dry_run, migration_out, err);
}

static void makes_a_database_where_there_is_none(void **state) {
    struct fixture *fixture = *state;
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_OK(migrate(fixture, false, &migration, &err));
    assert_int_equal(migration.version_before, 0);
    assert_int_equal(migration.version_after, SQL_MIGRATION_COUNT);
    assert_int_equal(fixture_number(fixture, "PRAGMA user_version"), SQL_MIGRATION_COUNT);
    assert_string_equal(fixture_text(fixture, "PRAGMA journal_mode"), "wal");
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
}

static void again_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_migrate(fixture);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
    fixture_store_samples(fixture, 3, NULL);
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_OK(migrate(fixture, false, &migration, &err));
    assert_int_equal(migration.version_before, SQL_MIGRATION_COUNT);
    assert_int_equal(migration.version_after, SQL_MIGRATION_COUNT);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders"), 3);
    fixture_assert_sound(fixture);
}

static void a_dry_run_without_a_database_leaves_the_folder_empty(void **state) {
    struct fixture *fixture = *state;
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_OK(migrate(fixture, true, &migration, &err));
    assert_int_equal(migration.version_before, 0);
    assert_int_equal(migration.version_after, SQL_MIGRATION_COUNT);
    assert_int_equal(files_in_folder(fixture), 0);
}

static void a_dry_run_leaves_an_older_database_as_it_is(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "CREATE TABLE mine (x)");
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_OK(migrate(fixture, true, &migration, &err));
    assert_int_equal(migration.version_before, 0);
    assert_int_equal(migration.version_after, SQL_MIGRATION_COUNT);
    assert_int_equal(fixture_number(fixture, "PRAGMA user_version"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_string_equal(fixture_text(fixture, "PRAGMA journal_mode"), "delete");
}

static void refuses_a_newer_database_and_leaves_it_alone(void **state) {
    struct fixture *fixture = *state;
    fixture_migrate(fixture);
    fixture_run(fixture, "PRAGMA user_version = %d", SQL_MIGRATION_COUNT + 1);
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_CODE(ERR_CONFLICT, migrate(fixture, false, &migration, &err));
    assert_non_null(strstr(err.text, "upgrade"));
    assert_int_equal(fixture_number(fixture, "PRAGMA user_version"), SQL_MIGRATION_COUNT + 1);
    ASSERT_CODE(ERR_CONFLICT, migrate(fixture, true, &migration, &err));
}

static void keys_of_an_older_database_stay(void **state) {
    enum { VERSION_OF_KEYS_BY_KEY = 6 };
    struct fixture *fixture = *state;
    for (int i = 0; i < VERSION_OF_KEYS_BY_KEY; i++) {
        assert_int_equal(fixture_try(fixture, sql_migrations[i].text), SQLITE_OK);
    }
    fixture_run(fixture,
                "INSERT INTO preorders VALUES ('p', 'n', 'e', 'i', 'l', 'c', 'en', 'web', 1,"
                " 'USD', '{}', 'initiated', NULL, 'u', NULL, 1, 1)");
    fixture_run(fixture, "INSERT INTO idempotency_keys VALUES ('k2', zeroblob(32), 'p', 'second'),"
                         " ('k1', zeroblob(32), 'p', 'first')");
    fixture_run(fixture, "PRAGMA user_version = %d", VERSION_OF_KEYS_BY_KEY);
    fixture_migrate(fixture);
    assert_string_equal(fixture_text(fixture, "SELECT reply FROM idempotency_keys"
                                              " WHERE key = 'k1' AND preorder_id = 'p'"),
                        "first");
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM idempotency_keys WHERE is_page = 0"), 2);
    assert_int_equal(
        fixture_try(fixture, "INSERT INTO idempotency_keys (key, fingerprint, preorder_id, reply)"
                             " VALUES ('k1', zeroblob(32), 'p', '')"),
        SQLITE_CONSTRAINT);
    assert_string_equal(fixture_text(fixture, "PRAGMA integrity_check"), "ok");
}

static void refuses_what_is_no_database(void **state) {
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("dear diary, ", file);
    }
    assert_int_equal(fclose(file), 0);
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, migrate(fixture, false, &migration, &err));
    assert_int_equal(fixture_file_bytes(fixture, ""), 12000);
}

static void refuses_a_folder_that_is_not_there(void **state) {
    struct fixture *fixture = *state;
    assert_true(strlen(fixture->url) + sizeof "/x/preorder.db" < sizeof fixture->url);
    memcpy(fixture->url + strlen(fixture->url), "/x/preorder.db", sizeof "/x/preorder.db");
    struct store_migration migration = {0};
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, migrate(fixture, false, &migration, &err));
    assert_int_equal(files_in_folder(fixture), 0);
}

static void refuses_a_url_of_another_kind(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store_migration migration = {0};
    struct err err = {0};
    const char *urls[] = {"", "sqlite:", "mysql://localhost/preorder", fixture->path};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        ASSERT_CODE(ERR_INVALID, store_migrate(urls[i], &options, false, &migration, &err));
    }
    assert_int_equal(files_in_folder(fixture), 0);
}

/* ---- Killed on the way ------------------------------------------------------------------------ */

struct doomed {
    const struct fixture *fixture;
    int calls_left;
};

static int die_before_a_call_that_writes(void *context, enum shim_call call, const char *path) {
    (void)path;
    struct doomed *doomed = context;
    if (call != SHIM_READ && call != SHIM_UNFETCH && --doomed->calls_left < 0) {
        (void)raise(SIGKILL);
    }
    return SQLITE_OK;
}

static int migrate_doomed(void *context) {
    struct doomed *doomed = context;
    struct shim shim = {.before = die_before_a_call_that_writes, .context = doomed};
    shim_install(&shim);
    struct store_migration migration = {0};
    struct err err = {0};
    return migrate(doomed->fixture, false, &migration, &err) == ERR_OK ? 0 : 1;
}

static void killed_before_any_write_it_leaves_a_version_that_exists(void **state) {
    struct fixture *fixture = *state;
    int status = -1;
    int kill_count = 0;
    for (int calls = 0; status != 0; calls++) {
        assert_true(calls < 1000);
        const char *suffixes[] = {"", "-wal", "-shm", "-journal", "-gate"};
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
            char path[FIXTURE_PATH_BYTES + 16];
            (void)snprintf(path, sizeof path, "%s%s", fixture->path, suffixes[i]);
            (void)remove(path);
        }
        struct doomed doomed = {.fixture = fixture, .calls_left = calls};
        status = fixture_join(fixture_spawn(migrate_doomed, &doomed));
        assert_true(status == 0 || status == 128 + SIGKILL);
        kill_count += status == 0 ? 0 : 1;

        int64_t version = fixture_number(fixture, "PRAGMA user_version");
        assert_in_range(version, 0, SQL_MIGRATION_COUNT);
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sqlite_schema") == 0,
                         version == 0);
        fixture_migrate(fixture);
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM account"), 1);
        fixture_assert_sound(fixture);
        store_close(fixture_open(fixture, STORE_CHECKOUT));
    }
    assert_true(kill_count > 10);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup_empty, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(makes_a_database_where_there_is_none),
        EACH(again_changes_nothing),
        EACH(a_dry_run_without_a_database_leaves_the_folder_empty),
        EACH(a_dry_run_leaves_an_older_database_as_it_is),
        EACH(refuses_a_newer_database_and_leaves_it_alone),
        EACH(keys_of_an_older_database_stay),
        EACH(refuses_what_is_no_database),
        EACH(refuses_a_folder_that_is_not_there),
        EACH(refuses_a_url_of_another_kind),
        EACH(killed_before_any_write_it_leaves_a_version_that_exists),
    };
    return cmocka_run_group_tests(tests, fixture_spare_disk, NULL);
}
