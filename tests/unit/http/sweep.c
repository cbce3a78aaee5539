/* Which connections are cut and when: at deadlines, at the limit and in a drain. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/http/rig.h"

#define HOST "Host: a.example\r\n"

static const char GET[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
static char text[70000];

static void steps(struct rig *rig, int count) {
    for (int i = 0; i < count; i++) {
        server_turn(rig->server);
    }
}

static void a_connection_that_says_nothing_is_closed_in_time(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    rig_wait_connections(&rig, 1);
    rig_advance_ms(&rig, 9900);
    steps(&rig, 3);
    assert_int_equal(server_connection_count(rig.server), 1);
    rig_advance_ms(&rig, 101);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 0);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_count, 0);
    close(fd);
    rig_close(&rig);
}

static void a_request_in_drips_is_cut_with_a_408(void **state) {
    (void)state;
    static const char *const begins[] = {
        "POST /x HTTP/1.1\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Content-Length: 100\r\nX-Request-Id: mine\r\n\r\nabc",
    };
    struct rig rig = {0};
    rig_open(&rig);
    for (int i = 0; i < 2; i++) {
        int fd = client_open(&rig);
        client_send(fd, begins[i]);
        for (int second = 0; second < 10; second++) {
            steps(&rig, 3);
            rig_advance_ms(&rig, 1000);
            client_send(fd, "a");
        }
        rig_wait_connections(&rig, 0);
        assert_int_equal(rig.done_count, i + 1);
        assert_int_equal(rig.done_status, 408);
        /* What it sent after that makes the kernel reset the connection behind the answer. */
        ssize_t length = recv(fd, text, sizeof text - 1, 0);
        assert_true(length > 0);
        text[length] = '\0';
        assert_non_null(strstr(reply_body(text, 408), "/problems/request-timeout"));
        assert_true(reply_has_header(text, "Connection: close\r\n"));
        if (i == 1) {
            assert_true(reply_has_header(text, "X-Request-Id: mine\r\n"));
        }
        close(fd);
    }
    rig_close(&rig);
}

static void the_clock_of_a_later_request_starts_with_it(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, GET);
    client_receive(&rig, fd, text, sizeof text);
    rig_advance_ms(&rig, 9000);
    client_send(fd, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
    steps(&rig, 3);
    rig_advance_ms(&rig, 9000);
    client_send(fd, "abc");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "POST /x abc");

    client_send(fd, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
    steps(&rig, 3);
    rig_advance_ms(&rig, 10001);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_status, 408);
    close(fd);
    rig_close(&rig);
}

static void a_kept_alive_connection_is_closed_when_idle(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    for (int i = 0; i < 5; i++) {
        client_send(fd, GET);
        client_receive(&rig, fd, text, sizeof text);
        steps(&rig, 2);
        rig_advance_ms(&rig, 9000);
    }
    rig_advance_ms(&rig, 1001);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 0);
    assert_int_equal(rig.done_count, 5);
    close(fd);
    rig_close(&rig);
}

static void a_client_that_left_with_its_last_bytes_is_noticed(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    rig_wait_connections(&rig, 1);
    client_send(fd, GET);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    rig_wait_done(&rig, 1);
    int64_t began_ms = clock_mono_ms(clock_system());
    rig_wait_connections(&rig, 0);
    assert_true(clock_mono_ms(clock_system()) - began_ms < 5000);
    assert_true(client_receive_all(&rig, fd, text, sizeof text) > 0);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    close(fd);
    rig_close(&rig);
}

static void a_request_that_was_handed_over_is_never_cut(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    client_send(fd, GET);
    rig_hold(&rig, 1);
    for (int i = 0; i < 10; i++) {
        rig_advance_ms(&rig, 60000);
        steps(&rig, 2);
    }
    assert_int_equal(server_connection_count(rig.server), 1);
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /hold ");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    close(fd);
    rig_close(&rig);
}

static void what_arrived_in_time_counts_however_late_the_owner_turns(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    rig_wait_connections(&rig, 1);
    client_send(fd, GET);
    rig_advance_ms(&rig, 60000);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    close(fd);
    rig_close(&rig);
}

static void reply_large(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    enum { BYTES = 16 * 1024 * 1024 };
    struct reply reply = {.status = 200, .content_type = "text/plain", .body_bytes = BYTES};
    reply.body = malloc(BYTES);
    assert_non_null(reply.body);
    memset(reply.body, 'x', BYTES);
    exchange_reply(exchange, &reply);
}

static void a_client_that_does_not_fetch_its_reply_is_cut(void **state) {
    (void)state;
    struct rig rig = {.on_request = reply_large};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, GET);
    while (rig.request_count == 0) {
        rig_step(&rig, -1);
    }
    steps(&rig, 10);
    rig_advance_ms(&rig, 9900);
    steps(&rig, 3);
    assert_int_equal(server_connection_count(rig.server), 1);
    rig_advance_ms(&rig, 101);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_status, 200);
    close(fd);
    rig_close(&rig);
}

static void reply_medium(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    static char medium[60000];
    memset(medium, 'x', sizeof medium - 1);
    struct reply reply = reply_text(200, "text/plain", medium);
    exchange_reply(exchange, &reply);
}

/* The kernel has taken all of it: nothing is left to send, and nothing was fetched. */
static void a_reply_that_is_left_lying_is_taken_back(void **state) {
    (void)state;
    struct rig rig = {.on_request = reply_medium};
    rig_open(&rig);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int room_bytes = 2048;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof room_bytes), 0);
    const struct sockaddr_in name = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)rig.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    client_send(fd, GET);
    rig_wait_done(&rig, 1);
    rig_advance_ms(&rig, 10001);
    rig_wait_connections(&rig, 0);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), -1);
    close(fd);
    rig_close(&rig);
}

static void waiting_ends_when_the_first_clock_does(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    assert_int_equal(server_wait_ms(rig.server), 200);
    int fd = client_open(&rig);
    rig_wait_connections(&rig, 1);
    steps(&rig, 2);
    rig_advance_ms(&rig, 9950);
    int32_t wait_ms = server_wait_ms(rig.server);
    assert_true(wait_ms > 0 && wait_ms <= 50);
    close(fd);
    rig_close(&rig);
}

enum { LIMIT = 20 };

static void open_all(struct rig *rig, int fds[LIMIT], const char *request) {
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = client_open(rig);
        if (request != NULL) {
            client_send(fds[i], request);
        }
    }
    rig_wait_connections(rig, LIMIT);
}

static void close_all(int fds[LIMIT]) {
    for (int i = 0; i < LIMIT; i++) {
        close(fds[i]);
    }
}

/* The real clock decides here: the rule is that a new client is served within 5 s. */
static void serve_one_more(struct rig *rig) {
    int64_t began_ms = clock_mono_ms(clock_system());
    int fd = client_open(rig);
    client_send(fd, GET);
    client_receive(rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    assert_true(clock_mono_ms(clock_system()) - began_ms < 5000);
    close(fd);
}

static void at_the_limit_of_silent_connections_a_new_client_is_served(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = LIMIT, .request_deadline_ms = 60000}};
    rig_open(&rig);
    int fds[LIMIT];
    open_all(&rig, fds, NULL);
    serve_one_more(&rig);
    close_all(fds);
    rig_close(&rig);
}

static void at_the_limit_of_kept_alive_connections_a_new_client_is_served(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = LIMIT, .request_deadline_ms = 60000}};
    rig_open(&rig);
    int fds[LIMIT];
    open_all(&rig, fds, NULL);
    for (int i = 0; i < LIMIT; i++) {
        client_send(fds[i], GET);
        client_receive(&rig, fds[i], text, sizeof text);
    }
    /* As long as nobody waits, nobody is closed. */
    rig_advance_ms(&rig, 30000);
    steps(&rig, 5);
    assert_int_equal(server_connection_count(rig.server), LIMIT);
    client_send(fds[0], GET);
    client_receive(&rig, fds[0], text, sizeof text);

    serve_one_more(&rig);
    client_send(fds[0], GET); /* not the one that was busy last */
    client_receive(&rig, fds[0], text, sizeof text);
    assert_true(client_is_closed(&rig, fds[1]));
    close_all(fds);
    rig_close(&rig);
}

static void at_the_limit_of_slow_requests_a_new_client_is_served(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = LIMIT, .request_deadline_ms = 60000}};
    rig_open(&rig);
    int fds[LIMIT];
    open_all(&rig, fds, "GET /slow HTTP/1.1\r\nHost: ");
    serve_one_more(&rig);
    close_all(fds);
    rig_close(&rig);
}

static void at_the_limit_of_busy_connections_a_new_client_waits(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = LIMIT}};
    rig_open(&rig);
    int fds[LIMIT];
    open_all(&rig, fds, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, LIMIT);
    int fd = client_open(&rig);
    client_send(fd, GET);
    rig_advance_ms(&rig, 60000);
    steps(&rig, 10);
    assert_int_equal(server_connection_count(rig.server), LIMIT);
    assert_int_equal(rig.request_count, LIMIT);
    rig_answer_first(&rig);
    client_receive(&rig, fds[0], text, sizeof text);
    rig_advance_ms(&rig, 1001);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    close(fd);
    close_all(fds);
    rig_close(&rig);
}

static void a_crowd_at_the_door_is_served_in_turn(void **state) {
    (void)state;
    enum { CROWD = 100 };
    struct rig rig = {.options = {.connections_max = LIMIT, .request_deadline_ms = 60000}};
    rig_open(&rig);
    int silent[LIMIT];
    int fds[CROWD];
    open_all(&rig, silent, NULL);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = client_open(&rig);
        client_send(fds[i], "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    }
    for (int i = 0; i < CROWD; i++) {
        assert_true(client_receive_all(&rig, fds[i], text, sizeof text) > 0);
        assert_string_equal(reply_body(text, 200), "GET /x ");
        close(fds[i]);
    }
    close_all(silent);
    rig_close(&rig);
}

static void a_drain_ends_with_no_connection(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int idle = client_open(&rig);
    client_send(idle, GET);
    client_receive(&rig, idle, text, sizeof text);
    int silent = client_open(&rig);
    int busy = client_open(&rig);
    client_send(busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    int half = client_open(&rig);
    client_send(half, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\na");
    rig_hold(&rig, 1);
    rig_wait_connections(&rig, 4);

    server_drain(rig.server);
    server_drain(rig.server);
    assert_int_equal(server_wait_ms(rig.server), 0);
    assert_int_equal(client_receive_all(&rig, idle, text, sizeof text), 0);
    assert_int_equal(server_connection_count(rig.server), 3);
    assert_int_equal(client_receive_all(&rig, silent, text, sizeof text), 0);
    assert_int_equal(server_connection_count(rig.server), 2);
    client_send(half, "b");
    assert_true(client_receive_all(&rig, half, text, sizeof text) > 0);
    assert_string_equal(reply_body(text, 200), "POST /x ab");
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    rig_answer_first(&rig);
    assert_true(client_receive_all(&rig, busy, text, sizeof text) > 0);
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    rig_wait_connections(&rig, 0);
    close(idle);
    close(silent);
    close(busy);
    close(half);
    rig_close(&rig);
}

static void a_drain_still_serves_who_is_at_the_door(void **state) {
    (void)state;
    enum { CLIENTS = 50 };
    struct rig rig = {0};
    rig_open(&rig);
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_open(&rig);
        client_send(fds[i], GET);
    }
    server_drain(rig.server);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(client_receive_all(&rig, fds[i], text, sizeof text) > 0);
        assert_string_equal(reply_body(text, 200), "GET /x ");
        close(fds[i]);
    }
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

/* Its request may be on the way: of two steps of a client, connect and send, we saw one. */
static void a_drain_waits_a_moment_for_a_first_request(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int old = client_open(&rig);
    rig_wait_connections(&rig, 1);
    rig_advance_ms(&rig, 900);
    int accepted = client_open(&rig);
    rig_wait_connections(&rig, 2);
    int in_backlog = client_open(&rig);
    server_drain(rig.server);
    steps(&rig, 3);
    assert_int_equal(server_connection_count(rig.server), 3);

    rig_advance_ms(&rig, 200);
    assert_int_equal(client_receive_all(&rig, old, text, sizeof text), 0);
    assert_int_equal(server_connection_count(rig.server), 2);
    client_send(accepted, GET);
    assert_true(client_receive_all(&rig, accepted, text, sizeof text) > 0);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    assert_int_equal(server_connection_count(rig.server), 1);
    rig_advance_ms(&rig, 1000);
    assert_int_equal(client_receive_all(&rig, in_backlog, text, sizeof text), 0);
    assert_int_equal(server_connection_count(rig.server), 0);
    close(old);
    close(accepted);
    close(in_backlog);
    rig_close(&rig);
}

static void after_a_drain_nobody_listens(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    server_drain(rig.server);
    server_turn(rig.server);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)rig.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    steps(&rig, 3);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_says_nothing_is_closed_in_time),
        cmocka_unit_test(a_request_in_drips_is_cut_with_a_408),
        cmocka_unit_test(the_clock_of_a_later_request_starts_with_it),
        cmocka_unit_test(a_kept_alive_connection_is_closed_when_idle),
        cmocka_unit_test(a_client_that_left_with_its_last_bytes_is_noticed),
        cmocka_unit_test(a_request_that_was_handed_over_is_never_cut),
        cmocka_unit_test(what_arrived_in_time_counts_however_late_the_owner_turns),
        cmocka_unit_test(a_client_that_does_not_fetch_its_reply_is_cut),
        cmocka_unit_test(a_reply_that_is_left_lying_is_taken_back),
        cmocka_unit_test(waiting_ends_when_the_first_clock_does),
        cmocka_unit_test(at_the_limit_of_silent_connections_a_new_client_is_served),
        cmocka_unit_test(at_the_limit_of_kept_alive_connections_a_new_client_is_served),
        cmocka_unit_test(at_the_limit_of_slow_requests_a_new_client_is_served),
        cmocka_unit_test(at_the_limit_of_busy_connections_a_new_client_waits),
        cmocka_unit_test(a_crowd_at_the_door_is_served_in_turn),
        cmocka_unit_test(a_drain_ends_with_no_connection),
        cmocka_unit_test(a_drain_still_serves_who_is_at_the_door),
        cmocka_unit_test(a_drain_waits_a_moment_for_a_first_request),
        cmocka_unit_test(after_a_drain_nobody_listens),
    };
    return cmocka_run_group_tests_name("http/sweep", tests, NULL, NULL);
}
