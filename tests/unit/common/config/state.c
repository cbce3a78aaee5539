/* What the sources said: the higher place wins in any order, and files are read whole or not at all. */
#include "common/config/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/shop.h"

enum { NAME = 0, KEY = 1 }; /* in the table */

/* read is wrapped by the linker: the test decides what it gives. */
ssize_t __real_read(int fd, void *bytes, size_t byte_count);
ssize_t __wrap_read(int fd, void *bytes, size_t byte_count);
/* What read is where the size of the room is known. */
ssize_t __wrap___read_chk(int fd, void *bytes, size_t byte_count, size_t room);

static int read_errno; /* of every other call; 0: none fails */
static int read_count;

ssize_t __wrap_read(int fd, void *bytes, size_t byte_count) {
    if (read_errno != 0 && read_count++ % 2 == 0) {
        errno = read_errno;
        return -1;
    }
    return __real_read(fd, bytes, byte_count);
}

ssize_t __wrap___read_chk(int fd, void *bytes, size_t byte_count, size_t room) {
    assert_true(byte_count <= room);
    return __wrap_read(fd, bytes, byte_count);
}

static void the_higher_place_wins_in_any_order(void **state) {
    (void)state;
    static const enum config_place orders[][3] = {
        {CONFIG_PLACE_FILE, CONFIG_PLACE_ENVIRONMENT, CONFIG_PLACE_FLAG},
        {CONFIG_PLACE_FLAG, CONFIG_PLACE_FILE, CONFIG_PLACE_ENVIRONMENT},
        {CONFIG_PLACE_ENVIRONMENT, CONFIG_PLACE_FLAG, CONFIG_PLACE_FILE},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct config_state settings;
        struct err err;
        assert_int_equal(config_state_init(&settings, &shop_table, &err), ERR_OK);
        for (size_t j = 0; j < 3; j++) {
            char text[8];
            (void)snprintf(text, sizeof text, "%d", (int)orders[i][j]);
            assert_int_equal(config_state_set(&settings, NAME, orders[i][j], text, &err), ERR_OK);
        }
        assert_int_equal(settings.values[NAME].place, CONFIG_PLACE_FLAG);
        assert_int_equal(settings.values[NAME].text[0], '0' + CONFIG_PLACE_FLAG);
        config_state_release(&settings);
        config_state_release(&settings);
    }
}

static void a_file_is_read_only_if_it_counts(void **state) {
    (void)state;
    struct config_state settings;
    struct err err;
    shop_write("key", "from file");
    assert_int_equal(config_state_init(&settings, &shop_table, &err), ERR_OK);
    assert_int_equal(config_state_set_from_path(&settings, KEY, CONFIG_PLACE_FILE, "key", &err),
                     ERR_OK);
    assert_string_equal(settings.values[KEY].path, "key");
    assert_int_equal(config_state_set(&settings, KEY, CONFIG_PLACE_ENVIRONMENT, "x", &err), ERR_OK);
    assert_null(settings.values[KEY].path); /* it is not from there any more */
    assert_int_equal(config_state_set_from_path(&settings, KEY, CONFIG_PLACE_FILE, "nowhere", &err),
                     ERR_OK);
    assert_string_equal(settings.values[KEY].text, "x");
    config_state_release(&settings);
}

static void a_missing_file_is_told_apart(void **state) {
    (void)state;
    struct buf content;
    struct err err;
    buf_init(&content, 10);
    assert_int_equal(config_slurp("nowhere", 10, &content, &err), ERR_NOT_FOUND);
    assert_int_equal(config_slurp(".", 10, &content, &err), ERR_INVALID);
    shop_write("key", "x");
    assert_int_equal(config_slurp("key/below", 10, &content, &err), ERR_INVALID);
    buf_release(&content);
}

static void a_file_has_a_largest_size(void **state) {
    (void)state;
    struct buf content;
    struct err err;
    buf_init(&content, 4);
    shop_write("key", "abcd");
    assert_int_equal(config_slurp("key", 4, &content, &err), ERR_OK);
    assert_string_equal(buf_text(&content), "abcd");
    buf_clear(&content);
    shop_write("key", "abcde");
    assert_int_equal(config_slurp("key", 4, &content, &err), ERR_INVALID);
    assert_string_equal(err.text, "key has more than 4 bytes");
    buf_release(&content);
}

static void a_nul_byte_is_no_text(void **state) {
    (void)state;
    struct buf content;
    struct err err;
    buf_init(&content, 100);
    FILE *file = fopen("key", "we");
    assert_non_null(file);
    assert_int_equal(fwrite("a\0b", 1, 3, file), 3);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_slurp("key", 100, &content, &err), ERR_INVALID);
    assert_string_equal(err.text, "key has a NUL byte in it: it is no text");
    buf_release(&content);
}

static void a_pipe_is_read_to_its_end(void **state) {
    (void)state;
    struct buf content;
    struct err err;
    int ends[2];
    char path[64];
    buf_init(&content, 100);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "sesame", 6), 6);
    assert_int_equal(close(ends[1]), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(config_slurp(path, 100, &content, &err), ERR_OK);
    assert_string_equal(buf_text(&content), "sesame");
    assert_int_equal(close(ends[0]), 0);
    buf_release(&content);
}

static void a_signal_does_not_end_reading_and_an_error_does(void **state) {
    (void)state;
    struct buf content;
    struct err err;
    shop_write("key", "sesame");
    buf_init(&content, 100);
    read_count = 0;
    read_errno = EINTR;
    enum err_code interrupted = config_slurp("key", 100, &content, &err);
    read_count = 0;
    read_errno = EIO;
    enum err_code broken = config_slurp("key", 100, &content, &err);
    read_errno = 0;
    assert_int_equal(interrupted, ERR_OK);
    assert_string_equal(buf_text(&content), "sesame");
    assert_int_equal(broken, ERR_INVALID);
    assert_string_equal(err.text, "cannot read key: Input/output error");
    buf_release(&content);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_higher_place_wins_in_any_order),
        TEST(a_file_is_read_only_if_it_counts),
        TEST(a_missing_file_is_told_apart),
        TEST(a_file_has_a_largest_size),
        TEST(a_nul_byte_is_no_text),
        TEST(a_pipe_is_read_to_its_end),
        TEST(a_signal_does_not_end_reading_and_an_error_does),
    };
    return cmocka_run_group_tests_name("common/config_state", tests, NULL, NULL);
}
