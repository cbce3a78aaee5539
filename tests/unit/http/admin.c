/* The admin listener: live, ready and why not, while the rest of the process does something else. */
#include "http/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/listen.h"
#include "tests/unit/deny.h"

enum { NTH_MAX = 500 };

static const char VERBOSE[] =
    "GET /readyz?verbose HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static char text[20000];
static atomic_bool is_draining;

static enum err_code check_fine(void *context, struct err *err) {
    (void)err;
    assert_string_equal(context, "mine");
    return ERR_OK;
}

static enum err_code check_draining(void *context, struct err *err) {
    (void)context;
    return is_draining ? err_set(err, ERR_BUSY, "the process is being stopped") : ERR_OK;
}

static struct admin *start(int *port_out) {
    static char mine[] = "mine";
    struct err err;
    struct admin *admin;
    struct admin_options options = {
        .clock = clock_system(),
        .random = random_system(),
        .checks = {{"database", check_fine, mine}, {"draining", check_draining, NULL}},
        .check_count = 2,
    };
    is_draining = false;
    assert_int_equal(listen_open("127.0.0.1:0", &options.listen_fd, &err), ERR_OK);
    listen_describe(options.listen_fd, text);
    *port_out = (int)strtol(strrchr(text, ':') + 1, NULL, 10);
    assert_int_equal(admin_start(&options, &admin, &err), ERR_OK);
    return admin;
}

static int open_client(int port) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    const struct timeval patience = {.tv_sec = 20};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

/* The whole reply in `text`; returns its body. */
static const char *ask(int port, const char *method, const char *target, int status) {
    char line[200];
    int fd = open_client(port);
    int line_length =
        snprintf(line, sizeof line, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n",
                 method, target, strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
    assert_int_equal(send(fd, line, (size_t)line_length, 0), line_length);
    size_t length = 0;
    for (;;) {
        ssize_t count = recv(fd, text + length, sizeof text - 1 - length, 0);
        assert_true(count >= 0);
        if (count == 0) {
            break;
        }
        length += (size_t)count;
    }
    text[length] = '\0';
    close(fd);
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    assert_memory_equal(text, line, strlen(line));
    assert_non_null(strstr(text, "\r\nX-Request-Id: "));
    return strstr(text, "\r\n\r\n") + 4;
}

static void live_and_ready_are_told_as_text(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    assert_string_equal(ask(port, "GET", "/livez", 200), "ok\n");
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    assert_string_equal(ask(port, "GET", "/readyz", 200), "ready\n");
    assert_string_equal(ask(port, "GET", "/readyz?verbosely", 200), "ready\n");
    assert_string_equal(ask(port, "GET", "/readyz?verbose", 200),
                        "[+]database ok\n[+]draining ok\nready\n");
    assert_string_equal(ask(port, "HEAD", "/readyz", 200), "");
    assert_non_null(strstr(text, "\r\nContent-Length: 6\r\n"));
    admin_stop(admin);
}

static void who_is_not_ready_says_why_and_stays_alive(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    is_draining = true;
    assert_string_equal(ask(port, "GET", "/readyz", 503), "not ready\n");
    assert_string_equal(
        ask(port, "GET", "/readyz?verbose=1", 503),
        "[+]database ok\n[-]draining failed: the process is being stopped\nnot ready\n");
    assert_string_equal(ask(port, "GET", "/livez", 200), "ok\n");
    is_draining = false;
    assert_string_equal(ask(port, "GET", "/readyz", 200), "ready\n");
    admin_stop(admin);
}

static void other_paths_and_methods_are_problems(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    assert_non_null(strstr(ask(port, "GET", "/", 404), "\"title\":\"Not Found\""));
    assert_non_null(strstr(ask(port, "GET", "/livez/", 404), "\"status\":404"));
    assert_non_null(strstr(ask(port, "POST", "/livez", 405), "\"status\":405"));
    assert_non_null(strstr(text, "\r\nAllow: GET, HEAD\r\n"));
    assert_non_null(strstr(ask(port, "DELETE", "/readyz", 405), "\"status\":405"));
    admin_stop(admin);
}

static enum err_code note_account(void *context, struct err *err) {
    (void)context;
    return err_set(err, ERR_BUSY, "paused: check the key");
}

static void render(void *context, struct buf *metrics) {
    buf_append_format(metrics, "%s_total 1\n", (const char *)context);
}

static struct admin *start_with(struct admin_options options, int *port_out) {
    struct err err;
    struct admin *admin;
    options.clock = clock_system();
    options.random = random_system();
    assert_int_equal(listen_open("127.0.0.1:0", &options.listen_fd, &err), ERR_OK);
    listen_describe(options.listen_fd, text);
    *port_out = (int)strtol(strrchr(text, ':') + 1, NULL, 10);
    assert_int_equal(admin_start(&options, &admin, &err), ERR_OK);
    return admin;
}

static void a_note_is_told_and_fails_nothing(void **state) {
    (void)state;
    int port;
    struct admin *admin = start_with(
        (struct admin_options){
            .checks = {{.name = "account", .run = note_account, .is_note = true}},
            .check_count = 1,
        },
        &port);
    assert_string_equal(ask(port, "GET", "/readyz", 200), "ready\n");
    assert_string_equal(ask(port, "GET", "/readyz?verbose", 200),
                        "[i]account: paused: check the key\nready\n");
    admin_stop(admin);
}

static void metrics_are_told_in_their_own_format(void **state) {
    (void)state;
    static char name[] = "shop";
    int port;
    struct admin *admin = start_with(
        (struct admin_options){.render_metrics = render, .metrics_context = name}, &port);
    assert_string_equal(ask(port, "GET", "/metrics", 200), "shop_total 1\n");
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(ask(port, "POST", "/metrics", 405), "\"status\":405"));
    admin_stop(admin);
}

static void without_metrics_there_is_no_such_path(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    assert_non_null(strstr(ask(port, "GET", "/metrics", 404), "\"status\":404"));
    admin_stop(admin);
}

static void render_without_end(void *context, struct buf *metrics) {
    (void)context;
    for (int i = 0; i < 5000; i++) {
        buf_append_format(metrics, "%01000d 1\n", i);
    }
}

static void metrics_that_are_too_large_are_not_told_in_part(void **state) {
    (void)state;
    int port;
    struct admin *admin =
        start_with((struct admin_options){.render_metrics = render_without_end}, &port);
    assert_string_equal(ask(port, "GET", "/metrics", 503), "out of memory\n");
    admin_stop(admin);
}

static void lines_that_find_no_memory_leave_the_verdict(void **state) {
    (void)state;
    bool was_denied = true;
    int short_count = 0;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        int port;
        struct admin *admin = start(&port);
        int fd = open_client(port);
        deny(DENY_MEMORY, nth, ENOMEM);
        assert_int_equal(send(fd, VERBOSE, sizeof VERBOSE - 1, MSG_NOSIGNAL), sizeof VERBOSE - 1);
        ssize_t length = recv(fd, text, sizeof text - 1, MSG_WAITALL);
        was_denied = deny_end();
        text[length > 0 ? length : 0] = '\0';
        const char *body = strstr(text, "\r\n\r\n");
        short_count += body != NULL && strcmp(body + 4, "ready\n") == 0;
        close(fd);
        assert_string_equal(ask(port, "GET", "/readyz?verbose", 200),
                            "[+]database ok\n[+]draining ok\nready\n");
        admin_stop(admin);
    }
    assert_true(short_count > 0);
}

static void a_head_that_is_refused_is_nobodys_business(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    assert_non_null(strstr(ask(port, "GET", "/livez?\x01", 400), "\"status\":400"));
    assert_string_equal(ask(port, "GET", "/readyz?v", 200), "ready\n");
    admin_stop(admin);
}

static void a_signal_during_the_sleep_disturbs_nobody(void **state) {
    (void)state;
    int port;
    struct admin *admin = start(&port);
    deny("poll", 1, EINTR);
    assert_string_equal(ask(port, "GET", "/livez", 200), "ok\n");
    assert_string_equal(ask(port, "GET", "/livez", 200), "ok\n");
    assert_true(deny_end());
    admin_stop(admin);
}

static void a_start_that_fails_says_so_and_leaves_nothing_open(void **state) {
    (void)state;
    static const char *const calls[] = {DENY_MEMORY, "eventfd", "epoll_create1", "pthread_create"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct err err = {0};
            struct admin *admin = NULL;
            int before = deny_count_descriptors();
            struct admin_options options = {.clock = clock_system(), .random = random_system()};
            assert_int_equal(listen_open("127.0.0.1:0", &options.listen_fd, &err), ERR_OK);
            deny(calls[i], nth, EMFILE);
            enum err_code code = admin_start(&options, &admin, &err);
            was_denied = deny_end();
            assert_int_equal(code, was_denied ? ERR_FATAL : ERR_OK);
            assert_true(!was_denied || strstr(err.text, "cannot start") != NULL);
            admin_stop(admin);
            assert_int_equal(deny_count_descriptors(), before);
        }
    }
}

static void stopping_waits_for_nobody(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        int port;
        struct admin *admin = start(&port);
        int silent = open_client(port);
        int half = open_client(port);
        assert_int_equal(send(half, "GET /li", 7, 0), 7);
        assert_string_equal(ask(port, "GET", "/livez", 200), "ok\n");
        int64_t began_ms = clock_mono_ms(clock_system());
        admin_stop(admin);
        assert_true(clock_mono_ms(clock_system()) - began_ms < 2000);
        assert_true(recv(silent, text, 1, 0) <= 0);
        close(silent);
        close(half);
    }
    admin_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_and_ready_are_told_as_text),
        cmocka_unit_test(who_is_not_ready_says_why_and_stays_alive),
        cmocka_unit_test(other_paths_and_methods_are_problems),
        cmocka_unit_test(a_note_is_told_and_fails_nothing),
        cmocka_unit_test(metrics_are_told_in_their_own_format),
        cmocka_unit_test(without_metrics_there_is_no_such_path),
        cmocka_unit_test(metrics_that_are_too_large_are_not_told_in_part),
        cmocka_unit_test(lines_that_find_no_memory_leave_the_verdict),
        cmocka_unit_test(a_head_that_is_refused_is_nobodys_business),
        cmocka_unit_test(a_signal_during_the_sleep_disturbs_nobody),
        cmocka_unit_test(a_start_that_fails_says_so_and_leaves_nothing_open),
        cmocka_unit_test(stopping_waits_for_nobody),
    };
    return cmocka_run_group_tests_name("http/admin", tests, NULL, NULL);
}
