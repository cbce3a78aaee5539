/*
 * Waking: who listens hears of what others committed, whoever died is forgotten.
 */
#include "common/store/sqlite/wake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    char folder[200];
    char path[256];
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/preorder-wake-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->path, sizeof world->path, "%s/p.db", world->folder);
    *state = world;
    return 0;
}

static int socket_count(const struct world *world) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s-wake", world->path);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count - 2; /* . and .. */
}

static int tear_down(void **state) {
    struct world *world = *state;
    char path[300];
    (void)snprintf(path, sizeof path, "%s-wake", world->path);
    assert_int_equal(rmdir(path), 0); /* every socket is gone */
    assert_int_equal(rmdir(world->folder), 0);
    free(world);
    return 0;
}

static struct wake opened(const struct world *world) {
    struct wake wake;
    struct err err = {0};
    assert_int_equal(wake_init(&wake, world->path, &err), ERR_OK);
    return wake;
}

static struct wake listening(const struct world *world) {
    struct wake wake = opened(world);
    struct err err = {0};
    assert_int_equal(wake_listen(&wake, &err), ERR_OK);
    return wake;
}

static int is_readable(const struct wake *wake) {
    struct pollfd fd = {.fd = wake->fd, .events = POLLIN};
    return poll(&fd, 1, 0);
}

static void every_listener_hears_and_only_once(void **state) {
    struct wake sender = opened(*state);
    struct wake first = listening(*state);
    struct wake second = listening(*state);
    assert_int_equal(is_readable(&first), 0);
    wake_send(&sender);
    assert_int_equal(is_readable(&first), 1);
    assert_int_equal(is_readable(&second), 1);
    assert_true(wake_hear(&first));
    assert_false(wake_hear(&first));
    assert_int_equal(is_readable(&first), 0);
    assert_true(wake_hear(&second));
    wake_close(&first);
    wake_close(&second);
    wake_close(&sender);
}

static void a_listener_that_comes_later_is_found(void **state) {
    struct wake sender = opened(*state);
    wake_send(&sender);
    struct wake late = listening(*state);
    wake_send(&sender);
    assert_true(wake_hear(&late));
    wake_close(&late);
    wake_send(&sender);
    wake_close(&sender);
}

/* Kernels before 6.13 move a folder's change time in steps of a few ms: here it is put back. */
static void a_listener_that_comes_in_the_same_tick_is_found(void **state) {
    const struct world *world = *state;
    char path[300];
    (void)snprintf(path, sizeof path, "%s-wake", world->path);
    struct wake sender = opened(world);
    struct wake first = listening(world);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    wake_send(&sender);
    struct wake second = listening(world);
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    wake_send(&sender);
    assert_true(wake_hear(&second));
    wake_close(&first);
    wake_close(&second);
    wake_close(&sender);
}

static void sending_to_one_who_never_listens_does_not_block(void **state) {
    struct wake sender = opened(*state);
    struct wake deaf = listening(*state);
    for (int i = 0; i < 10000; i++) {
        wake_send(&sender);
    }
    assert_true(wake_hear(&deaf));
    wake_close(&deaf);
    wake_close(&sender);
}

static void the_socket_of_the_dead_is_removed(void **state) {
    struct world *world = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct wake wake = listening(world);
        _exit(wake.fd >= 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(socket_count(world), 1);
    struct wake sender = opened(world);
    wake_send(&sender);
    assert_int_equal(socket_count(world), 0);
    wake_close(&sender);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void a_path_without_room_for_the_suffix_is_refused(void **state) {
    (void)state;
    char path[4096];
    struct wake wake;
    struct err err = {0};
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(wake_init(&wake, path, &err), ERR_INVALID);
    assert_string_equal(err.text, "the database's path is too long");
}

/* Files with names like those of sockets: whoever sends finds nobody behind them, and removes them. */
static void one_look_takes_as_many_listeners_as_there_are_places(void **state) {
    const struct world *world = *state;
    enum { FILES = WAKE_LISTENERS_MAX + 10 };
    char path[300];
    struct wake sender = opened(world);
    struct err err = {0};
    assert_int_equal(wake_listen(&sender, &err), ERR_OK); /* makes the folder */
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "%s-wake/%032d", world->path, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    int before = socket_count(world);
    wake_send(&sender);
    assert_in_range(before - socket_count(world), WAKE_LISTENERS_MAX - 1, WAKE_LISTENERS_MAX);
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "%s-wake/%032d", world->path, i);
        (void)unlink(path);
    }
    wake_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_listener_hears_and_only_once),
        TEST(a_listener_that_comes_later_is_found),
        TEST(a_listener_that_comes_in_the_same_tick_is_found),
        TEST(sending_to_one_who_never_listens_does_not_block),
        TEST(the_socket_of_the_dead_is_removed),
        TEST(one_look_takes_as_many_listeners_as_there_are_places),
        cmocka_unit_test(a_path_without_room_for_the_suffix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
