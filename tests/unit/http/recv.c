/* The seam: libmicrohttpd's reads go through the guard, everybody else's past it. */
#include <errno.h>
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

static char text[70000];

static void bad_heads_are_answered_behind_all_before_them(void **state) {
    (void)state;
    struct rig rig = {.holds = true};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
                    "Content-Length: 2\r\n\r\nabHEAD /3 HTTP/1.1\r\nX-Request-Id: mine\r\n\r\n"
                    "GET /4 HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 2; i++) {
        rig_hold(&rig, 1);
        assert_int_equal(rig.done_count, i);
        rig_answer_first(&rig);
    }
    int64_t length = client_receive_all(&rig, fd, text, sizeof text);
    assert_true(length > 0);
    const char *second = strstr(reply_body(text, 200), "HTTP/1.1 ");
    assert_non_null(second);
    assert_memory_equal(reply_body(text, 200), "GET /1 ", 7);
    assert_memory_equal(reply_body(second, 200), "POST /2 ab", 10);
    const char *third = strstr(second + 1, "HTTP/1.1 ");
    assert_string_equal(reply_body(third, 400), "");
    assert_true(reply_has_header(third, "X-Request-Id: mine\r\n"));
    assert_true(reply_has_header(third, "Connection: close\r\n"));
    assert_true(reply_has_header(third, "Date: "));
    assert_int_equal(rig.request_count, 2);
    assert_int_equal(rig.done_count, 3);
    assert_int_equal(rig.done_status, 400);
    assert_string_equal(rig.done_path, "/3");
    rig_wait_connections(&rig, 0);
    close(fd);
    rig_close(&rig);
}

static void answer_path(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    char line[20];
    snprintf(line, sizeof line, "%s\n", exchange_request(exchange)->path);
    struct reply reply = reply_text(200, "text/plain", line);
    exchange_reply(exchange, &reply);
}

/* A connection's bytes, as they are put together. */
struct bytes {
    char text[65536];
    size_t length;
};

static void append(struct bytes *bytes, const char *text_behind) {
    size_t length = strlen(text_behind);
    memcpy(bytes->text + bytes->length, text_behind, length + 1);
    bytes->length += length;
}

static void append_filling(struct bytes *bytes, size_t byte_count) {
    memset(bytes->text + bytes->length, 'x', byte_count);
    bytes->length += byte_count;
}

/* A long head takes libmicrohttpd's room from its body: what is judged together with the bad head comes to it in more
   than one read, wherever the room ends. */
static void a_bad_head_is_answered_however_little_of_what_precedes_it_fits(void **state) {
    (void)state;
    enum { BODY_BYTES_MAX = 9000, STEP_BYTES = 100, LONG_BYTES = 12000 };
    static struct bytes bytes;
    struct rig rig = {.options = {.body_bytes_max = BODY_BYTES_MAX}, .on_request = answer_path};
    rig_open(&rig);
    for (size_t body_bytes = STEP_BYTES; body_bytes < BODY_BYTES_MAX; body_bytes += STEP_BYTES) {
        char length_text[60];
        snprintf(length_text, sizeof length_text, "\r\nContent-Length: %zu\r\n\r\n", body_bytes);
        bytes.length = 0;
        append(&bytes, "POST /1 HTTP/1.1\r\n" HOST "X-Long: ");
        append_filling(&bytes, LONG_BYTES);
        append(&bytes, length_text);
        append_filling(&bytes, body_bytes);
        append(&bytes, "GET /2 HTTP/1.1\r\n" HOST "X-Long: ");
        append_filling(&bytes, LONG_BYTES);
        append(&bytes, "\r\n\r\nbad\r\n");
        client_ask(&rig, bytes.text, text, sizeof text);
        assert_memory_equal(reply_body(text, 200), "/1\n", 3);
        const char *second = strstr(text, "/1\n") + 3;
        assert_memory_equal(reply_body(second, 200), "/2\n", 3);
        (void)reply_body(strstr(second, "/2\n") + 3, 400);
        rig_wait_connections(&rig, 0);
    }
    rig_close(&rig);
}

static void a_bad_head_counts_for_nothing_if_its_client_is_gone(void **state) {
    (void)state;
    struct rig rig = {.holds = true};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /1 HTTP/1.1\r\n" HOST "\r\nbad\r\n");
    rig_hold(&rig, 1);
    const struct linger hard = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(fd);
    rig_answer_first(&rig);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_count, 1);
    rig_close(&rig);
}

static void a_closing_answer_ends_what_follows_it(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    client_ask(&rig, "GET /1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nbad\r\n", text,
               sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /1 ");
    assert_int_equal(rig.done_count, 1);
    rig_close(&rig);
}

static void part_of_a_later_head_is_cut_in_time(void **state) {
    (void)state;
    struct rig rig = {.holds = true};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\nHo");
    rig_hold(&rig, 1);
    rig_advance_ms(&rig, 60000); /* it is we who take so long */
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /1 ");
    rig_wait_done(&rig, 1);
    rig_advance_ms(&rig, 10001);
    client_receive(&rig, fd, text, sizeof text);
    (void)reply_body(text, 408);
    assert_string_equal(rig.done_path, "/2");
    assert_int_equal(rig.done_status, 408);
    rig_wait_connections(&rig, 0);
    close(fd);
    rig_close(&rig);
}

static void bad_heads_of_several_clients_end_in_any_order(void **state) {
    (void)state;
    struct rig rig = {0};
    int fds[3];
    rig_open(&rig);
    for (int i = 0; i < 3; i++) {
        fds[i] = client_open(&rig);
        client_send(fds[i], "GET /hold HTTP/1.1\r\n" HOST "\r\nbad\r\n");
        rig_hold(&rig, i + 1);
    }
    for (int left = 3; left > 0; left--) {
        rig_answer_first(&rig);
        rig_wait_connections(&rig, left - 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(recv(fds[i], text, sizeof text - 1, 0) > 0);
        close(fds[i]);
    }
    rig_close(&rig);
}

static void refuse_at_length(void *context, struct exchange *exchange) {
    (void)context;
    enum { LENGTH = 20 * 1000 * 1000 };
    struct reply reply = {.status = 405, .content_type = "text/plain", .body = malloc(LENGTH)};
    assert_non_null(reply.body);
    memset(reply.body, 'x', LENGTH);
    reply.body_bytes = LENGTH;
    exchange_reply(exchange, &reply);
}

/* The head was refused, the body is left unread, and the client has not fetched all of the answer. */
static void a_server_closes_while_a_refusal_is_on_its_way(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_head = refuse_at_length}};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    rig_close(&rig);
    close(fd);
}

static void a_server_closes_with_heads_in_any_state(void **state) {
    (void)state;
    static const char *const begins[] = {"G", "GET / HTTP/1.1\r\n", "bad\r\n",
                                         "GET /hold HTTP/1.1\r\n" HOST "\r\nbad\r\n",
                                         "GET /hold HTTP/1.1\r\n" HOST "\r\nGET"};
    enum { COUNT = sizeof begins / sizeof begins[0] };
    struct rig rig = {0};
    int fds[COUNT];
    rig_open(&rig);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_open(&rig);
        client_send(fds[i], begins[i]);
    }
    rig_hold(&rig, 2);
    rig_close(&rig);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
}

/* What is not a server's connection is read as ever, also while a server runs. */
static void read_elsewhere(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    int pair[2];
    char bytes[10];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send(pair[0], "bad\r\n", 5, 0), 5);
    assert_int_equal(recv(pair[1], bytes, sizeof bytes, MSG_PEEK), 5);
    assert_int_equal(recv(pair[1], bytes, sizeof bytes, 0), 5);
    assert_memory_equal(bytes, "bad\r\n", 5);
    close(pair[0]);
    assert_int_equal(recv(pair[1], bytes, sizeof bytes, 0), 0);
    close(pair[1]);
    assert_int_equal(recv(pair[1], bytes, sizeof bytes, 0), -1);
    assert_int_equal(errno, EBADF);
    rig_echo(exchange);
}

static void other_sockets_are_left_alone(void **state) {
    (void)state;
    struct rig rig = {.on_request = read_elsewhere};
    rig_open(&rig);
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET / ");
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_heads_are_answered_behind_all_before_them),
        cmocka_unit_test(a_bad_head_is_answered_however_little_of_what_precedes_it_fits),
        cmocka_unit_test(a_bad_head_counts_for_nothing_if_its_client_is_gone),
        cmocka_unit_test(a_closing_answer_ends_what_follows_it),
        cmocka_unit_test(part_of_a_later_head_is_cut_in_time),
        cmocka_unit_test(bad_heads_of_several_clients_end_in_any_order),
        cmocka_unit_test(a_server_closes_while_a_refusal_is_on_its_way),
        cmocka_unit_test(a_server_closes_with_heads_in_any_state),
        cmocka_unit_test(other_sockets_are_left_alone),
    };
    return cmocka_run_group_tests_name("http/recv", tests, NULL, NULL);
}
