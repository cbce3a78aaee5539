/* The catalog's file: read, or refused with its name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/domain/catalog.h"

enum { PATH_BYTES = 100 };

static char folder[] = "/tmp/catalog-XXXXXX";

/* Calls that are wrapped by the linker: the test decides what they find. */
void *__real_malloc(size_t byte_count);
void *__wrap_malloc(size_t byte_count);
ssize_t __real_read(int fd, void *bytes, size_t byte_count);
ssize_t __wrap_read(int fd, void *bytes, size_t byte_count);

static bool memory_is_gone;
static bool is_interrupted; /* every other read gives nothing, the others one byte */
static int read_count;

void *__wrap_malloc(size_t byte_count) {
    return memory_is_gone ? NULL : __real_malloc(byte_count);
}

/* What read is where the size of the room is known. */
ssize_t __wrap___read_chk(int fd, void *bytes, size_t byte_count, size_t room);

ssize_t __wrap___read_chk(int fd, void *bytes, size_t byte_count, size_t room) {
    assert_true(byte_count <= room);
    return __wrap_read(fd, bytes, byte_count);
}

ssize_t __wrap_read(int fd, void *bytes, size_t byte_count) {
    if (is_interrupted && read_count++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_read(fd, bytes, is_interrupted ? 1 : byte_count);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

static void write_path(const char *name, char path[PATH_BYTES]) {
    (void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

static void write_file(const char *path, const char *text, off_t size) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    if (size > 0) {
        assert_int_equal(truncate(path, size), 0);
    }
}

static void expect_refusal(const char *path, const char *reason) {
    struct catalog *catalog = NULL;
    struct err err = {0};
    assert_int_equal(catalog_load(path, &catalog, &err), ERR_INVALID);
    assert_null(catalog);
    if (strstr(err.text, path) == NULL || strstr(err.text, reason) == NULL) {
        fail_msg("%s", err.text);
    }
}

static void reads_a_file(void **state) {
    (void)state;
    char path[PATH_BYTES];
    struct catalog *catalog = NULL;
    struct err err = {0};
    write_path("right.json", path);
    write_file(
        path,
        "{\"currency\":\"EUR\",\"products\":[{\"price_id\":\"a\",\"name\":\"n\",\"color\":\"c\","
        "\"amount\":1,\"payment_link\":\"https://a\"}]}\n",
        0);
    assert_int_equal(catalog_load(path, &catalog, &err), ERR_OK);
    assert_int_equal(catalog_count(catalog), 1);
    catalog_free(catalog);
    assert_int_equal(unlink(path), 0);
}

static void reads_on_after_signals(void **state) {
    (void)state;
    is_interrupted = true;
    reads_a_file(state);
    is_interrupted = false;
    assert_true(read_count > 2 * 100);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    char path[PATH_BYTES];
    struct catalog *catalog = NULL;
    struct err err = {0};
    write_path("some.json", path);
    write_file(path, "{}", 0);
    memory_is_gone = true;
    enum err_code code = catalog_load(path, &catalog, &err);
    memory_is_gone = false;
    assert_int_equal(code, ERR_FATAL);
    assert_non_null(strstr(err.text, "out of memory"));
    assert_int_equal(unlink(path), 0);
}

static void refuses_a_file_that_is_not_there(void **state) {
    (void)state;
    char path[PATH_BYTES];
    write_path("none.json", path);
    expect_refusal(path, "No such file");
}

static void refuses_a_folder(void **state) {
    (void)state;
    expect_refusal(folder, "Is a directory");
}

static void does_not_wait_for_a_pipe(void **state) {
    (void)state;
    char path[PATH_BYTES];
    write_path("pipe", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal(path, "is empty");
    assert_int_equal(unlink(path), 0);
}

static void refuses_an_empty_file(void **state) {
    (void)state;
    char path[PATH_BYTES];
    write_path("empty.json", path);
    write_file(path, "", 0);
    expect_refusal(path, "is empty");
    assert_int_equal(unlink(path), 0);
}

static void refuses_a_file_that_is_wrong_with_its_name(void **state) {
    (void)state;
    char path[PATH_BYTES];
    write_path("wrong.json", path);
    write_file(path, "{\"products\": 7}", 0);
    expect_refusal(path, "products must be a list, it is a number");
    assert_int_equal(unlink(path), 0);
}

static void refuses_a_file_over_16_mib(void **state) {
    (void)state;
    char path[PATH_BYTES];
    write_path("large.json", path);
    write_file(path, "{", (off_t)CATALOG_FILE_BYTES_MAX + 1);
    expect_refusal(path, "larger than 16 MiB");
    assert_int_equal(truncate(path, CATALOG_FILE_BYTES_MAX), 0);
    expect_refusal(path, "is not JSON");
    assert_int_equal(unlink(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(reads_on_after_signals),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(refuses_a_file_that_is_not_there),
        cmocka_unit_test(refuses_a_folder),
        cmocka_unit_test(does_not_wait_for_a_pipe),
        cmocka_unit_test(refuses_an_empty_file),
        cmocka_unit_test(refuses_a_file_that_is_wrong_with_its_name),
        cmocka_unit_test(refuses_a_file_over_16_mib),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
