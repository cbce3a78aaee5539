/* Whatever memory, descriptor or call is missing: it is said, nothing leaks, and the next request is served. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/door.h"
#include "http/linger.h"
#include "http/listen.h"
#include "http/problem.h"
#include "http/server.h"
#include "tests/unit/deny.h"
#include "tests/unit/http/rig.h"

#define HOST            "Host: a.example\r\n"
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { NTH_MAX = 500 };

static char text[70000];

static const char POST[] =
    "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nConnection: close\r\n\r\nabc";

/* ---- Starting --------------------------------------------------------------------------------- */

static int free_port(void) {
    struct err err;
    int fd = -1;
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &err), ERR_OK);
    return fd;
}

static void refuse_request(void *context, struct exchange *exchange) {
    (void)context;
    (void)exchange;
    fail();
}

static struct server_options options_on_a_free_port(void) {
    return (struct server_options){
        .listen_fd = free_port(),
        .request_deadline_ms = 1000,
        .connections_max = 10,
        .clock = clock_system(),
        .random = random_system(),
        .on_request = refuse_request,
    };
}

static void a_server_that_cannot_start_says_so_and_leaves_nothing_open(void **state) {
    (void)state;
    static const char *const calls[] = {DENY_MEMORY, "getrlimit64", "MHD_start_daemon",
                                        "epoll_create1", "epoll_ctl"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct err err = {0};
            struct server *server = NULL;
            int before = deny_count_descriptors();
            struct server_options options = options_on_a_free_port();
            deny(calls[i], nth, EMFILE);
            enum err_code code = server_open(&options, &server, &err);
            was_denied = deny_end();
            assert_int_equal(code, was_denied ? ERR_FATAL : ERR_OK);
            assert_true(!was_denied || strstr(err.text, "cannot") != NULL);
            server_close(server);
            assert_int_equal(deny_count_descriptors(), before);
        }
    }
}

static void a_limit_that_cannot_be_raised_is_named(void **state) {
    (void)state;
    struct err err = {0};
    struct server *server = NULL;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct server_options options = options_on_a_free_port();
    options.connections_max = (int32_t)limit.rlim_cur;
    deny("setrlimit64", 1, EPERM);
    assert_int_equal(server_open(&options, &server, &err), ERR_FATAL);
    assert_true(deny_end());
    assert_non_null(strstr(err.text, "open files"));
}

static void listening_that_fails_is_said_and_leaves_nothing_open(void **state) {
    (void)state;
    static const struct {
        const char *address, *call;
    } cases[] = {
        {"127.0.0.1:0", "socket"},
        {"127.0.0.1:0", "setsockopt"},
        {"127.0.0.1:0", "bind"},
        {"127.0.0.1:0", "listen"},
        {"unix:/tmp/preorder-d", "socket"},
        {"unix:/tmp/preorder-d", "bind"},
        {"unix:/tmp/preorder-d", "listen"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        int fd = -7;
        int before = deny_count_descriptors();
        deny(cases[i].call, 1, ENOBUFS);
        assert_int_equal(listen_open(cases[i].address, &fd, &err), ERR_FATAL);
        assert_true(deny_end());
        assert_non_null(strstr(err.text, cases[i].address));
        assert_int_equal(fd, -7);
        assert_int_equal(deny_count_descriptors(), before);
        (void)unlink("/tmp/preorder-d");
    }
}

static void a_left_over_socket_that_cannot_be_removed_is_named(void **state) {
    (void)state;
    static const char address[] = "unix:/tmp/preorder-denied.sock";
    const char *path = address + strlen("unix:");
    struct err err = {0};
    int fd = -7;
    assert_int_equal(listen_open(address, &fd, &err), ERR_OK);
    close(fd); /* the file stays */
    deny("unlink", 1, EROFS);
    assert_int_equal(listen_open(address, &fd, &err), ERR_FATAL);
    assert_true(deny_end());
    assert_non_null(strstr(err.text, path));
    /* Without a descriptor to ask its owner it may be in use. */
    deny("socket", 1, EMFILE);
    assert_int_equal(listen_open(address, &fd, &err), ERR_CONFLICT);
    assert_true(deny_end());
    assert_int_equal(unlink(path), 0);
}

/* ---- Serving ---------------------------------------------------------------------------------- */

/* Asks with one call denied; what comes is an answer with a whole head, or the end. */
static bool ask_denied(struct rig *rig, const char *request, const char *call, int nth) {
    int fd = client_open(rig);
    client_send(fd, request);
    deny(call, nth, EMFILE);
    int64_t byte_count = client_receive_all(rig, fd, text, sizeof text);
    bool was_denied = deny_end();
    close(fd);
    assert_true(byte_count <= 0 || strstr(text, "\r\n\r\n") != NULL);
    assert_true(was_denied || byte_count > 0);
    rig_wait_connections(rig, 0);
    assert_int_equal(server_unanswered_count(rig->server), 0);
    return was_denied;
}

/* One that is refused by its head with an answer of the owner's. */
static void answer_head(void *context, struct exchange *exchange) {
    (void)context;
    if (strcmp(exchange_request(exchange)->path, "/refused") == 0) {
        struct reply reply = reply_text(405, "text/plain", "not here");
        reply_add_header(&reply, "Allow", "GET");
        reply.location = strdup("/elsewhere");
        exchange_reply(exchange, &reply);
    }
}

static int64_t give_once(void *context, char *bytes, size_t bytes_max) {
    bool *was_given = context;
    int64_t byte_count = *was_given ? -1 : (int64_t)(bytes_max > 0);
    bytes[0] = 'x';
    *was_given = true;
    return byte_count;
}

static int32_t freed_count;

static void count_freed(void *context) {
    (void)context;
    freed_count++;
}

static void answer_request(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    static bool was_given;
    const char *path = exchange_request(exchange)->path;
    bool is_owned = strcmp(path, "/stream") == 0;
    if (!is_owned && strcmp(path, "/nobodys-stream") != 0) {
        rig_echo(exchange);
        return;
    }
    was_given = false;
    struct reply reply = {.status = 200, .content_type = "text/plain"};
    exchange_reply_stream(exchange, &reply, 1, give_once, is_owned ? count_freed : NULL,
                          &was_given);
}

static void a_request_that_something_fails_for_loses_its_connection_only(void **state) {
    (void)state;
    static const char *const calls[] = {DENY_MEMORY,
                                        "MHD_create_response_from_buffer",
                                        "MHD_create_response_from_callback",
                                        "MHD_add_response_header",
                                        "MHD_queue_response",
                                        "fcntl64",
                                        "epoll_ctl",
                                        "accept4"};
    static const char *const requests[] = {
        POST,
        "GET /x HTTP/9.9\r\n" HOST "\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Content-Length: 9999\r\n\r\n",
        "POST /refused HTTP/1.1\r\n" HOST "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
        "GET /refused HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /nobodys-stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /x HTTP/1.1\r\n" HOST "\r\nbad\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        for (size_t j = 0; j < COUNT_OF(requests); j++) {
            bool was_denied = true;
            for (int nth = 1; was_denied; nth++) {
                assert_true(nth < NTH_MAX);
                struct rig rig = {.on_request = answer_request,
                                  .options = {.on_head = answer_head}};
                rig_open(&rig);
                was_denied = ask_denied(&rig, requests[j], calls[i], nth);
                client_ask(&rig, POST, text, sizeof text);
                assert_string_equal(reply_body(text, 200), "POST /x abc");
                rig_close(&rig);
            }
        }
    }
    assert_true(freed_count > 0);
}

/* A head that comes in two parts has to be kept in between. */
static void a_head_that_cannot_be_kept_loses_its_connection_only(void **state) {
    (void)state;
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct rig rig = {0};
        rig_open(&rig);
        int fd = client_open(&rig);
        client_send(fd, "GET /x HTTP/1.1\r\nHost: a.exa");
        deny(DENY_MEMORY, nth, ENOMEM);
        rig_step(&rig, -1);
        rig_step(&rig, -1);
        was_denied = deny_end();
        if (!was_denied) {
            client_send(fd, "mple\r\nConnection: close\r\n\r\n");
        }
        int64_t byte_count = client_receive_all(&rig, fd, text, sizeof text);
        assert_true(was_denied ? byte_count <= 0 : byte_count > 0);
        close(fd);
        rig_wait_connections(&rig, 0);
        rig_close(&rig);
    }
}

static void show_peer(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    struct reply reply = reply_text(200, "text/plain", exchange_request(exchange)->peer);
    exchange_reply(exchange, &reply);
}

static void a_client_whose_address_is_not_told_has_none(void **state) {
    (void)state;
    struct rig rig = {.on_request = show_peer};
    rig_open(&rig);
    deny("MHD_get_connection_info", 2, 0); /* the first one asks for the socket */
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_true(deny_end());
    assert_string_equal(reply_body(text, 200), "");
    rig_close(&rig);
}

static int hijacked_fd;

static void hijack(struct rig *rig, struct exchange *exchange) {
    rig->held[rig->held_count++] = exchange;
    deny("fcntl64", 1, EMFILE);
    hijacked_fd = exchange_hijack(exchange);
    assert_true(deny_end());
}

static void a_hijack_without_a_descriptor_can_be_ended_all_the_same(void **state) {
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        struct rig rig = {.on_request = hijack};
        rig_open(&rig);
        int fd = client_open(&rig);
        client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
        rig_hold(&rig, 1);
        assert_int_equal(hijacked_fd, -1);
        if (ends == 1) {
            exchange_end_hijack(rig.held[0], true);
            assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 0);
            rig_wait_connections(&rig, 0);
        }
        rig_close(&rig);
        close(fd);
    }
}

static const char *denied_call;
static int taken_fd;

static bool take_away(void *context, int64_t number, int fd) {
    (void)context;
    (void)number;
    deny(denied_call, 1, EMFILE);
    taken_fd = server_take_socket(fd);
    assert_true(deny_end());
    return true;
}

static void a_connection_that_cannot_be_taken_is_served(void **state) {
    (void)state;
    static const char *const calls[] = {"socketpair", "fcntl64", "dup3"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct rig rig = {.options = {.on_connect = take_away}};
        rig_open(&rig);
        denied_call = calls[i];
        client_ask(&rig, POST, text, sizeof text);
        assert_int_equal(taken_fd, -1);
        assert_string_equal(reply_body(text, 200), "POST /x abc");
        rig_close(&rig);
    }
}

/* ---- The door --------------------------------------------------------------------------------- */

struct porch {
    struct door door;
    int epoll_fd;
};

static void porch_open(struct porch *porch) {
    porch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(porch->epoll_fd >= 0);
    assert_true(door_init(&porch->door, free_port(), porch->epoll_fd));
}

static void porch_close(struct porch *porch) {
    door_close(&porch->door);
    close(porch->epoll_fd);
}

static int knock(const struct porch *porch) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)connect(fd, (const struct sockaddr *)&porch->door.name, porch->door.name_bytes);
    return fd;
}

static void who_waits_is_let_in_after_an_interruption_or_somebody_elses_leaving(void **state) {
    (void)state;
    static const int numbers[] = {EINTR, ECONNABORTED};
    struct porch porch;
    porch_open(&porch);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct sockaddr_storage name;
        socklen_t name_bytes;
        int client = knock(&porch);
        assert_true(door_has_somebody(&porch.door));
        deny("accept4", 1, numbers[i]);
        int fd = door_accept(&porch.door, &name, &name_bytes);
        assert_true(deny_end());
        assert_true(fd >= 0);
        close(fd);
        close(client);
    }
    assert_false(door_has_somebody(&porch.door));
    porch_close(&porch);
}

static void a_watch_that_fails_is_tried_again(void **state) {
    (void)state;
    struct porch porch;
    porch_open(&porch);
    struct epoll_event event;
    int client = knock(&porch);
    door_watch(&porch.door, false);
    assert_int_equal(epoll_wait(porch.epoll_fd, &event, 1, 0), 0);
    deny("epoll_ctl", 1, ENOMEM);
    door_watch(&porch.door, true);
    assert_true(deny_end());
    assert_int_equal(epoll_wait(porch.epoll_fd, &event, 1, 0), 0);
    door_watch(&porch.door, true);
    assert_int_equal(epoll_wait(porch.epoll_fd, &event, 1, 0), 1);
    close(client);
    porch_close(&porch);
}

static void a_door_that_does_not_open_stays_shut_until_it_does(void **state) {
    (void)state;
    static const char *const calls[] = {"bind", "listen"};
    struct porch porch;
    porch_open(&porch);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        door_shut(&porch.door);
        assert_true(porch.door.is_shut);
        deny(calls[i], 1, EADDRINUSE);
        door_open(&porch.door);
        assert_true(deny_end());
        assert_true(porch.door.is_shut);
        door_open(&porch.door);
        assert_false(porch.door.is_shut);
    }
    deny("shutdown", 1, EINVAL);
    door_shut(&porch.door);
    assert_true(deny_end());
    assert_false(porch.door.is_shut);
    porch_close(&porch);
}

static void a_door_without_a_name_is_never_shut(void **state) {
    (void)state;
    struct porch porch;
    deny("getsockname", 1, ENOBUFS);
    porch_open(&porch);
    assert_true(deny_end());
    door_shut(&porch.door);
    assert_false(porch.door.is_shut);
    porch_close(&porch);
}

/* ---- Replies ---------------------------------------------------------------------------------- */

static void a_problem_is_whole_or_only_a_status(void **state) {
    (void)state;
    static const struct request request = {.id = "abc-1", .method = "GET", .path = "/"};
    static const struct problem_field fields[] = {{"#/email", "is missing"}, {"#/color", "\xff"}};
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        deny(DENY_MEMORY, nth, ENOMEM);
        struct reply reply = problem_reply(&request, 422, "invalid-preorder", NULL, "Two.", fields,
                                           COUNT_OF(fields));
        was_denied = deny_end();
        assert_int_equal(reply.status, 422);
        assert_true((reply.body == NULL) == (reply.content_type == NULL));
        if (reply.body != NULL) {
            json_t *problem = json_loadb(reply.body, reply.body_bytes, 0, NULL);
            assert_int_equal(json_object_size(problem), 6);
            json_decref(problem);
        }
        reply_release(&reply);
    }
}

static void a_policy_that_cannot_be_added_leaves_the_problem_as_it_was(void **state) {
    (void)state;
    static const struct request request = {.id = "abc-1", .method = "GET", .path = "/"};
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct reply reply = problem_reply(&request, 429, "#quota-exceeded", NULL, NULL, NULL, 0);
        char *before = strdup(reply.body);
        deny(DENY_MEMORY, nth, ENOMEM);
        problem_add_policy(&reply, "default");
        was_denied = deny_end();
        assert_int_equal(reply.body_bytes, strlen(reply.body));
        assert_true(strcmp(reply.body, before) == 0 ||
                    strstr(reply.body, "\"violated-policies\":[\"default\"]") != NULL);
        assert_true(was_denied || strcmp(reply.body, before) != 0);
        free(before);
        reply_release(&reply);
    }
}

static void a_text_without_memory_is_only_a_status(void **state) {
    (void)state;
    deny(DENY_MEMORY, 1, ENOMEM);
    struct reply reply = reply_text(503, "text/plain", "busy");
    assert_true(deny_end());
    assert_int_equal(reply.status, 503);
    assert_null(reply.body);
    assert_null(reply.content_type);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_cannot_start_says_so_and_leaves_nothing_open),
        cmocka_unit_test(a_limit_that_cannot_be_raised_is_named),
        cmocka_unit_test(listening_that_fails_is_said_and_leaves_nothing_open),
        cmocka_unit_test(a_left_over_socket_that_cannot_be_removed_is_named),
        cmocka_unit_test(a_request_that_something_fails_for_loses_its_connection_only),
        cmocka_unit_test(a_head_that_cannot_be_kept_loses_its_connection_only),
        cmocka_unit_test(a_client_whose_address_is_not_told_has_none),
        cmocka_unit_test(a_hijack_without_a_descriptor_can_be_ended_all_the_same),
        cmocka_unit_test(a_connection_that_cannot_be_taken_is_served),
        cmocka_unit_test(who_waits_is_let_in_after_an_interruption_or_somebody_elses_leaving),
        cmocka_unit_test(a_watch_that_fails_is_tried_again),
        cmocka_unit_test(a_door_that_does_not_open_stays_shut_until_it_does),
        cmocka_unit_test(a_door_without_a_name_is_never_shut),
        cmocka_unit_test(a_problem_is_whole_or_only_a_status),
        cmocka_unit_test(a_policy_that_cannot_be_added_leaves_the_problem_as_it_was),
        cmocka_unit_test(a_text_without_memory_is_only_a_status),
    };
    return cmocka_run_group_tests_name("http/server_denied", tests, NULL, NULL);
}
