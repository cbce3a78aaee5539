/* Connections: what the owner makes of each when it is accepted. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/http/rig.h"

#define HOST "Host: a.example\r\n"

static const char GET[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
static char text[70000];

static bool take_odd_ones(void *context, int64_t number, int fd) {
    struct rig *rig = context;
    assert_true(fd >= 0);
    rig->connect_count++;
    assert_int_equal(number, rig->connect_count);
    return number % 2 == 1;
}

static void the_owner_may_turn_connections_away(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_connect = take_odd_ones}};
    rig_open(&rig);
    for (int i = 1; i <= 6; i++) {
        int fd = client_open(&rig);
        client_send(fd, "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        int64_t length = client_receive_all(&rig, fd, text, sizeof text);
        assert_int_equal(length > 0, i % 2 == 1);
        close(fd);
    }
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.request_count, 3);
    rig_close(&rig);
}

static int taken_fd;

static bool take_away(void *context, int64_t number, int fd) {
    (void)context;
    (void)number;
    taken_fd = server_take_socket(fd);
    assert_true(taken_fd >= 0);
    return false;
}

static ssize_t receive_without_server(int fd) {
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, RIG_PATIENCE_MS), 1);
    return recv(fd, text, sizeof text, 0);
}

static void the_owner_may_take_connections_away(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_connect = take_away}};
    rig_open(&rig);
    taken_fd = -1;
    int fd = client_open(&rig);
    client_send(fd, GET);
    while (taken_fd < 0) {
        rig_step(&rig, -1);
    }
    rig_wait_connections(&rig, 0);
    assert_int_equal(receive_without_server(taken_fd), strlen(GET));
    assert_memory_equal(text, GET, strlen(GET));
    assert_int_equal(send(taken_fd, "mine", 4, MSG_NOSIGNAL), 4);
    assert_int_equal(receive_without_server(fd), 4);
    rig_close(&rig);
    assert_int_equal(send(taken_fd, "more", 4, MSG_NOSIGNAL), 4);
    assert_int_equal(receive_without_server(fd), 4);
    assert_int_equal(close(taken_fd), 0);
    assert_int_equal(receive_without_server(fd), 0);
    assert_int_equal(rig.request_count, 0);
    close(fd);
}

static bool take_without_descriptors(void *context, int64_t number, int fd) {
    (void)context;
    (void)number;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    taken_fd = server_take_socket(fd);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return true;
}

static void a_connection_that_cannot_be_taken_is_served(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_connect = take_without_descriptors}};
    rig_open(&rig);
    taken_fd = 0;
    int fd = client_open(&rig);
    client_send(fd, GET);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    assert_int_equal(taken_fd, -1);
    close(fd);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_may_turn_connections_away),
        cmocka_unit_test(the_owner_may_take_connections_away),
        cmocka_unit_test(a_connection_that_cannot_be_taken_is_served),
    };
    return cmocka_run_group_tests_name("http/connection", tests, NULL, NULL);
}
