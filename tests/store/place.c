#include "common/store/sqlite/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/store/fixture.h"

/* statfs is wrapped by the linker: the test decides what the folder lies on. */
int __real_statfs64(const char *path, struct statfs *status);
int __wrap_statfs64(const char *path, struct statfs *status);

static bool is_on_nfs;

int __wrap_statfs64(const char *path, struct statfs *status) {
    int result = __real_statfs64(path, status);
    status->f_type = is_on_nfs ? 0x6969 : status->f_type;
    return result;
}

/* The numbers are those of statfs(2). */
static void names_the_network_file_systems_it_refuses(void **state) {
    (void)state;
    const struct {
        int64_t type;
        const char *name;
    } refused[] = {
        {0x6969, "nfs"},      {0x517b, "smb"},     {0xff534d42, "cifs"},
        {0xfe534d42, "smb"},  {0x5346414f, "afs"}, {0x00c36400, "ceph"},
        {0x73757245, "coda"}, {0x01021997, "9p"},  {0x65735546, "fuse"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *name = place_refused_name(refused[i].type);
        if (name == NULL) {
            fail_msg("%s is not refused", refused[i].name);
            return;
        }
        if (strcasestr(name, refused[i].name) == NULL) {
            fail_msg("%s is called %s", refused[i].name, name);
        }
    }
}

static void takes_the_file_systems_of_this_machine(void **state) {
    (void)state;
    const int64_t taken[] = {
        0xef53,     /* ext4 */
        0x58465342, /* XFS */
        0x9123683e, /* Btrfs */
        0x01021994, /* tmpfs */
        0xf2f52010, /* F2FS */
        0x2fc12fc1, /* ZFS */
    };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_null(place_refused_name(taken[i]));
    }
}

static void a_folder_of_this_machine_is_fine(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    ASSERT_OK(place_check(fixture->path, &err));
}

static void a_folder_on_a_network_file_system_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    is_on_nfs = true;
    enum err_code code = place_check(fixture->path, &err);
    is_on_nfs = false;
    ASSERT_CODE(ERR_FATAL, code);
    assert_non_null(strstr(err.text, "lies on a network file system (NFS)"));
}

static void a_file_on_another_disk_is_another_file(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "CREATE TABLE t (x)");
    struct place_file file = place_identify(fixture->path);
    assert_true(file.is_known && place_is_unmoved(fixture->path, &file));
    file.device++;
    assert_false(place_is_unmoved(fixture->path, &file));
}

/* The name of a new database is short enough, its whole path is not. */
static void a_path_that_gets_too_long_is_refused(void **state) {
    struct fixture *fixture = *state;
    char name[201];
    char resolved[PLACE_PATH_BYTES];
    char here[PLACE_PATH_BYTES];
    struct err err = {0};
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(fixture->folder), 0);
    int depth = 0;
    for (size_t length = strlen(fixture->folder); length + sizeof name < PLACE_PATH_BYTES - 1;
         length += sizeof name) {
        assert_int_equal(mkdir(name, 0700), 0);
        assert_int_equal(chdir(name), 0);
        depth++;
    }
    ASSERT_CODE(ERR_INVALID, place_resolve(name, resolved, &err));
    assert_non_null(strstr(err.text, "too long"));
    for (int i = 0; i < depth; i++) {
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir(name), 0);
    }
    assert_int_equal(chdir(here), 0);
}

static void a_path_without_a_folder_means_the_working_folder(void **state) {
    (void)state;
    struct err err = {0};
    ASSERT_OK(place_check("preorder.db", &err));
}

static void a_folder_that_is_not_there_is_named(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/nowhere/preorder.db", fixture->folder);
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, place_check(path, &err));
    assert_non_null(strstr(err.text, "/nowhere"));
}

static void a_file_is_no_folder(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture, "CREATE TABLE t (x)");
    char path[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/preorder.db", fixture->path);
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, place_check(path, &err));
}

/* Every way to name the file of `fixture` leads to the same gate. */
static void a_database_has_one_gate_whatever_it_is_called(void **state) {
    struct fixture *fixture = *state;
    char other[FIXTURE_PATH_BYTES + 32];
    char url[FIXTURE_PATH_BYTES + 64];
    (void)snprintf(other, sizeof other, "%s/link.db", fixture->folder);
    (void)snprintf(url, sizeof url, "sqlite:%s", other);
    assert_int_equal(symlink(fixture->path, other), 0);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct store_options options = fixture_options(STORE_BACKGROUND, 100);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_CODE(ERR_BUSY, store_open(url, &options, &store, &err));
    assert_non_null(strstr(err.text, holder.pid_text));
    fixture_release_gate(&holder);
    ASSERT_OK(store_open(url, &options, &store, &err));
    store_close(store);
    assert_int_equal(remove(other), 0);
}

static void expect_refused(const struct fixture *fixture, const char *path, const char *word) {
    (void)fixture;
    char url[FIXTURE_PATH_BYTES + 64];
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct store_migration migration;
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, store_open(url, &options, &store, &err));
    assert_non_null(strstr(err.text, word));
    ASSERT_CODE(ERR_FATAL, store_migrate(url, &options, false, &migration, &err));
    assert_non_null(strstr(err.text, word));
}

static void a_second_name_of_the_file_is_refused(void **state) {
    struct fixture *fixture = *state;
    char other[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(other, sizeof other, "%s/other.db", fixture->folder);
    assert_int_equal(link(fixture->path, other), 0);
    expect_refused(fixture, fixture->path, "hard links");
    expect_refused(fixture, other, "hard links");
    assert_int_equal(remove(other), 0);
}

static void a_link_to_nothing_and_a_folder_are_refused(void **state) {
    struct fixture *fixture = *state;
    char link[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(link, sizeof link, "%s/link.db", fixture->folder);
    assert_int_equal(symlink("nowhere.db", link), 0);
    expect_refused(fixture, link, "link to nothing");
    assert_int_equal(remove(link), 0);
    expect_refused(fixture, fixture->folder, "no file");
}

static void a_name_that_sqlite_reads_in_its_own_way_is_a_file(void **state) {
    struct fixture *fixture = *state;
    char resolved[PLACE_PATH_BYTES];
    struct err err = {0};
    assert_int_equal(chdir(fixture->folder), 0);
    ASSERT_OK(place_resolve(":memory:", resolved, &err));
    assert_int_equal(resolved[0], '/');
    assert_non_null(strstr(resolved, "/:memory:"));
    ASSERT_OK(place_resolve("file:x?mode=memory", resolved, &err));
    assert_int_equal(resolved[0], '/');
    assert_int_equal(chdir("/"), 0);
    ASSERT_OK(place_resolve("x.db", resolved, &err));
    assert_string_equal(resolved, "/x.db");
}

static void a_type_nobody_knows_is_taken(void **state) {
    (void)state;
    assert_null(place_refused_name(0x12345678));
}

static void a_disk_without_room_is_named(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    ASSERT_OK(place_check_room(fixture->path, 0, &err));
    ASSERT_CODE(ERR_BUSY, place_check_room(fixture->path, INT64_MAX, &err));
    assert_non_null(strstr(err.text, fixture->path));
    assert_non_null(strstr(err.text, "is full"));
    ASSERT_OK(place_check_room("/proc/self/stat", INT64_MAX, &err)); /* counts no bytes */
    ASSERT_CODE(ERR_BUSY, place_check_room("/no/such/file", 0, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_network_file_systems_it_refuses),
        cmocka_unit_test(takes_the_file_systems_of_this_machine),
        cmocka_unit_test(a_type_nobody_knows_is_taken),
        cmocka_unit_test_setup_teardown(a_folder_of_this_machine_is_fine, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_folder_on_a_network_file_system_is_refused,
                                        fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_on_another_disk_is_another_file, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_path_that_gets_too_long_is_refused, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_disk_without_room_is_named, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(a_path_without_a_folder_means_the_working_folder),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_named, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_no_folder, fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_database_has_one_gate_whatever_it_is_called,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_second_name_of_the_file_is_refused, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_link_to_nothing_and_a_folder_are_refused,
                                        fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_name_that_sqlite_reads_in_its_own_way_is_a_file,
                                        fixture_setup_empty, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
