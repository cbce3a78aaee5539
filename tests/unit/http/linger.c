/* Lingering: a socket stays open until its client is done, for a while, and not without bound. */
#include "http/linger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW_US = 1000, AFTER_US = NOW_US + LINGER_MS * 1000 };

/* The server's end is given to the set and closed, as the server does. */
static int lingering_client(struct linger_set *set) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    linger_add(set, fds[0], NOW_US);
    close(fds[0]);
    return fds[1];
}

static bool is_open(int fd) {
    return send(fd, "more", 4, MSG_NOSIGNAL) == 4;
}

static void the_client_sees_the_end_but_may_send_on(void **state) {
    (void)state;
    struct linger_set set = {0};
    char byte;
    int fd = lingering_client(&set);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    for (int i = 0; i < 10000; i++) {
        assert_true(is_open(fd));
        linger_turn(&set, AFTER_US - 1); /* or its buffer would be full */
    }
    assert_int_equal(set.count, 1);
    close(fd);
    linger_turn(&set, NOW_US);
    assert_int_equal(set.count, 0);
}

static void a_client_that_never_ends_is_closed_in_time(void **state) {
    (void)state;
    struct linger_set set = {0};
    int fd = lingering_client(&set);
    linger_turn(&set, AFTER_US - 1);
    assert_true(is_open(fd));
    linger_turn(&set, AFTER_US);
    assert_int_equal(set.count, 0);
    assert_false(is_open(fd));
    assert_int_equal(errno, EPIPE);
    close(fd);
}

/* Whoever sends faster than it is thrown away must not hold up the others. */
static void a_client_that_never_stops_is_left_for_the_next_turn(void **state) {
    (void)state;
    enum { MESSAGES = 300 };
    struct linger_set set = {0};
    int fds[2];
    int room_bytes = 4 * 1024 * 1024;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room_bytes, sizeof room_bytes), 0);
    linger_add(&set, fds[0], NOW_US);
    close(fds[0]);
    for (int i = 0; i < MESSAGES; i++) {
        assert_true(is_open(fds[1]));
    }
    close(fds[1]);
    linger_turn(&set, NOW_US);
    assert_int_equal(set.count, 1);
    linger_turn(&set, NOW_US);
    assert_int_equal(set.count, 0);
}

static void only_so_many_linger(void **state) {
    (void)state;
    struct linger_set set = {0};
    int fds[LINGER_MAX];
    for (int i = 0; i < LINGER_MAX; i++) {
        fds[i] = lingering_client(&set);
    }
    int more = lingering_client(&set);
    assert_int_equal(set.count, LINGER_MAX);
    assert_false(is_open(more));
    close(more);

    close(fds[0]);
    close(fds[7]);
    linger_turn(&set, NOW_US);
    assert_int_equal(set.count, LINGER_MAX - 2);
    assert_true(is_open(fds[LINGER_MAX - 1]));
    linger_close(&set);
    assert_int_equal(set.count, 0);
    for (int i = 0; i < LINGER_MAX; i++) {
        if (i == 0 || i == 7) {
            continue;
        }
        assert_false(is_open(fds[i]));
        close(fds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_sees_the_end_but_may_send_on),
        cmocka_unit_test(a_client_that_never_ends_is_closed_in_time),
        cmocka_unit_test(a_client_that_never_stops_is_left_for_the_next_turn),
        cmocka_unit_test(only_so_many_linger),
    };
    return cmocka_run_group_tests_name("http/linger", tests, NULL, NULL);
}
