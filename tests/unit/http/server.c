/* A server as a whole: opening, closing, sleeping, and what it takes from the machine. */
#include "http/server.h"

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/listen.h"
#include "tests/unit/http/rig.h"

#define HOST "Host: a.example\r\n"

static const char GET[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
static char text[70000];

static void a_unix_socket_serves_as_well(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open_unix(&rig);
    int fd = client_open(&rig);
    for (int i = 0; i < 3; i++) {
        client_send(fd, GET);
        client_receive(&rig, fd, text, sizeof text);
        assert_string_equal(reply_body(text, 200), "GET /x ");
    }
    close(fd);
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

static int64_t descriptor_count(void) {
    int64_t count = 0;
    for (int fd = 0; fd < 1000; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            count++;
        }
    }
    return count;
}

static void closing_ends_everything_in_any_state(void **state) {
    (void)state;
    int64_t before = descriptor_count();
    struct rig rig = {0};
    rig_open(&rig);
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = client_open(&rig);
    }
    rig_wait_connections(&rig, 5);
    client_send(fds[0], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    client_send(fds[1], "POST /x HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\na");
    client_send(fds[2], "GET /x HT");
    client_send(fds[3], "POST /x HTTP/1.1\r\n" HOST "Content-Length: 99999\r\n\r\n");
    rig_hold(&rig, 1);
    for (int i = 0; i < 3; i++) {
        server_turn(rig.server); /* the first is suspended, the fourth lingers */
    }
    client_send(fds[4], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, 2); /* handed over in this very turn */
    rig_close(&rig);
    for (int i = 0; i < 5; i++) {
        close(fds[i]);
    }
    assert_int_equal(descriptor_count(), before);
    server_close(NULL);
}

static void an_answer_before_closing_is_lost_in_peace(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, 1);
    server_turn(rig.server);
    rig_answer_first(&rig);
    rig_close(&rig);
    close(fd);
}

static void an_idle_server_lets_its_owner_sleep(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, GET);
    client_receive(&rig, fd, text, sizeof text);
    for (int i = 0; i < 3; i++) {
        server_turn(rig.server);
    }
    assert_int_equal(server_wait_ms(rig.server), 200);
    struct pollfd pollfd = {.fd = server_fd(rig.server), .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 0), 0);
    client_send(fd, GET);
    assert_int_equal(poll(&pollfd, 1, 1000), 1);
    client_receive(&rig, fd, text, sizeof text);
    close(fd);
    rig_close(&rig);
}

/* One turn may be too few for what was asked of it; then it must not let the owner sleep. */
static void no_answer_waits_for_the_owner_to_wake_by_chance(void **state) {
    (void)state;
    enum { ROUNDS = 500 };
    struct rig rig = {0};
    rig_open(&rig);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = client_open(&rig);
    }
    int64_t began_ms = clock_mono_ms(clock_system());
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 8; i++) {
            client_send(fds[i], i % 2 == 0 ? "GET /hold HTTP/1.1\r\n" HOST "\r\n" : GET);
        }
        rig_hold(&rig, 4);
        if (round % 3 == 0) {
            server_turn(rig.server);
        }
        for (int i = 0; i < 4; i++) {
            rig_answer_first(&rig);
        }
        for (int i = 0; i < 8; i++) {
            client_receive(&rig, fds[i], text, sizeof text);
        }
    }
    assert_true(clock_mono_ms(clock_system()) - began_ms < INT64_C(50) * ROUNDS);
    for (int i = 0; i < 8; i++) {
        close(fds[i]);
    }
    rig_close(&rig);
}

static void refuse_request(void *context, struct exchange *exchange) {
    (void)context;
    (void)exchange;
    fail();
}

static struct server_options options_on_a_free_port(void) {
    struct err err;
    struct server_options options = {
        .body_bytes_max = 1,
        .request_deadline_ms = 1000,
        .connections_max = 10,
        .clock = clock_system(),
        .random = random_system(),
        .on_request = refuse_request,
    };
    assert_int_equal(listen_open("127.0.0.1:0", &options.listen_fd, &err), ERR_OK);
    return options;
}

static void a_bad_certificate_stops_the_start_and_says_so(void **state) {
    (void)state;
    struct err err;
    struct server *server = NULL;
    int64_t before = descriptor_count();
    struct server_options options = options_on_a_free_port();
    options.tls_certificate_pem = "no certificate";
    options.tls_key_pem = "no key";
    assert_int_equal(server_open(&options, &server, &err), ERR_FATAL);
    assert_non_null(strstr(err.text, "certificate"));
    assert_null(server);
    assert_int_equal(descriptor_count(), before);
}

/* Limits of a process are tried in a child of its own. */
static void in_a_child(void (*run)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        run();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void require(bool condition, int status) {
    if (!condition) {
        _exit(status);
    }
}

static void open_with_room(void) {
    struct err err;
    struct server *server;
    struct rlimit limit = {.rlim_cur = 100, .rlim_max = 900};
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, 1);
    struct server_options options = options_on_a_free_port();
    options.connections_max = 500;
    require(server_open(&options, &server, &err) == ERR_OK, 2);
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0, 3);
    require(limit.rlim_cur >= 500 && limit.rlim_cur < 900, 4);
    server_close(server);

    options = options_on_a_free_port();
    options.connections_max = 5000;
    require(server_open(&options, &server, &err) == ERR_OK, 5);
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 900, 6);
    server_close(server);
}

static void open_without_room(void) {
    struct err err;
    struct server *server;
    struct rlimit limit = {.rlim_cur = 50, .rlim_max = 50};
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, 1);
    struct server_options options = options_on_a_free_port();
    require(server_open(&options, &server, &err) == ERR_FATAL, 2);
    require(strstr(err.text, "open files") != NULL, 3);
}

static void the_limit_on_open_files_is_raised_as_far_as_it_goes(void **state) {
    (void)state;
    in_a_child(open_with_room);
    in_a_child(open_without_room);
}

static bool is_refused(struct rig *rig) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)rig->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&name, sizeof name) != 0;
    assert_true(!refused || errno == ECONNREFUSED);
    close(fd);
    return refused;
}

static void a_busy_server_refuses_connections_it_has_no_room_for(void **state) {
    (void)state;
    enum { LIMIT = 3 };
    struct rig rig = {.options = {.connections_max = LIMIT}};
    rig_open(&rig);
    int fds[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        assert_false(is_refused(&rig));
        fds[i] = client_open(&rig);
        client_send(fds[i], "GET /x HTTP/1.1\r\n" HOST "\r\n");
        client_receive(&rig, fds[i], text, sizeof text);
    }
    rig_wait_connections(&rig, LIMIT);
    int waiting = client_open(&rig);
    client_send(waiting, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    server_set_busy(rig.server, true);
    server_turn(rig.server);
    assert_int_equal(client_receive_all(&rig, waiting, text, sizeof text), -1); /* reset */
    assert_true(is_refused(&rig));
    assert_true(server_wait_ms(rig.server) > 0);

    /* Who has a connection keeps it. */
    client_send(fds[0], "GET /x HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, fds[0], text, sizeof text);
    assert_true(is_refused(&rig));

    /* A connection less: there is room for one more, at the same port. */
    close(fds[0]);
    rig_wait_connections(&rig, LIMIT - 1);
    rig_step(&rig, -1);
    fds[0] = client_open(&rig);
    client_send(fds[0], "GET /x HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, fds[0], text, sizeof text);
    server_turn(rig.server);
    assert_true(is_refused(&rig));

    server_set_busy(rig.server, false);
    server_turn(rig.server);
    assert_false(is_refused(&rig));
    for (int i = 0; i < LIMIT; i++) {
        close(fds[i]);
    }
    close(waiting);
    rig_close(&rig);
}

static void a_busy_server_drains_all_the_same(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = 1}};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, 1);
    server_set_busy(rig.server, true);
    server_turn(rig.server);
    assert_true(is_refused(&rig));
    server_drain(rig.server);
    server_turn(rig.server);
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    rig_wait_connections(&rig, 0);
    assert_true(is_refused(&rig));
    close(fd);
    rig_close(&rig);
}

static void a_busy_server_keeps_no_more_than_enough(void **state) {
    (void)state;
    static int fds[SERVER_BUSY_CONNECTIONS];
    struct rig rig = {.options = {.connections_max = SERVER_BUSY_CONNECTIONS + 10}};
    rig_open(&rig);
    for (int i = 0; i < SERVER_BUSY_CONNECTIONS; i++) {
        fds[i] = client_open(&rig);
        rig_wait_connections(&rig, i + 1);
    }
    assert_false(is_refused(&rig));
    rig_wait_connections(&rig, SERVER_BUSY_CONNECTIONS);
    server_set_busy(rig.server, true);
    server_turn(rig.server);
    assert_true(is_refused(&rig));
    server_set_busy(rig.server, false);
    server_turn(rig.server);
    assert_false(is_refused(&rig));
    for (int i = 0; i < SERVER_BUSY_CONNECTIONS; i++) {
        close(fds[i]);
    }
    rig_close(&rig);
}

/* As fast as they are let in, others come. */
static int crowd[5000];
static int crowd_count;

static bool bring_another(void *context, int64_t number, int fd) {
    (void)number;
    (void)fd;
    if (crowd_count < (int)(sizeof crowd / sizeof crowd[0])) {
        crowd[crowd_count++] = client_open(context);
    }
    return false;
}

static void a_drain_ends_though_the_crowd_at_the_door_does_not(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_connect = bring_another}};
    rig_open(&rig);
    crowd_count = 0;
    crowd[crowd_count++] = client_open(&rig);
    server_drain(rig.server);
    server_turn(rig.server);
    assert_true(crowd_count > 1);
    assert_true(crowd_count < (int)(sizeof crowd / sizeof crowd[0]));
    assert_true(is_refused(&rig));
    for (int i = 0; i < crowd_count; i++) {
        close(crowd[i]);
    }
    rig_close(&rig);
}

static void a_busy_unix_socket_lets_them_wait(void **state) {
    (void)state;
    struct rig rig = {.options = {.connections_max = 1}};
    rig_open_unix(&rig);
    int first = client_open(&rig);
    client_send(first, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, first, text, sizeof text);
    server_set_busy(rig.server, true);
    server_turn(rig.server);
    int second = client_open(&rig);
    client_send(second, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    close(first);
    client_receive(&rig, second, text, sizeof text);
    rig_advance_ms(&rig, rig.options.request_deadline_ms + 1);
    rig_wait_connections(&rig, 0); /* idle for too long */
    close(second);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unix_socket_serves_as_well),
        cmocka_unit_test(a_busy_server_refuses_connections_it_has_no_room_for),
        cmocka_unit_test(a_busy_server_drains_all_the_same),
        cmocka_unit_test(a_drain_ends_though_the_crowd_at_the_door_does_not),
        cmocka_unit_test(a_busy_server_keeps_no_more_than_enough),
        cmocka_unit_test(a_busy_unix_socket_lets_them_wait),
        cmocka_unit_test(closing_ends_everything_in_any_state),
        cmocka_unit_test(an_answer_before_closing_is_lost_in_peace),
        cmocka_unit_test(an_idle_server_lets_its_owner_sleep),
        cmocka_unit_test(no_answer_waits_for_the_owner_to_wake_by_chance),
        cmocka_unit_test(a_bad_certificate_stops_the_start_and_says_so),
        cmocka_unit_test(the_limit_on_open_files_is_raised_as_far_as_it_goes),
    };
    return cmocka_run_group_tests_name("http/server", tests, NULL, NULL);
}
