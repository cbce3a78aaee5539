/* Answers: streams that are slow, endless or cut short, and sockets handed to the owner. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/http/rig.h"

#define HOST "Host: a.example\r\n"

static char text[300000];

/* What a stream gives: `part` once every `every` times it is asked, `part_count` times, then `end`. */
struct source {
    const char *part;
    int part_count, every, asked_count, freed_count;
    int64_t content_length, end;
};

static struct source source;

static int64_t read_source(void *context, char *bytes, size_t bytes_max) {
    assert_ptr_equal(context, &source);
    source.asked_count++;
    if (source.asked_count % source.every != 0) {
        return 0;
    }
    if (source.part_count == 0) {
        return source.end;
    }
    source.part_count--;
    size_t length = strlen(source.part);
    assert_true(length <= bytes_max);
    memcpy(bytes, source.part, length);
    return (int64_t)length;
}

static void free_source(void *context) {
    assert_ptr_equal(context, &source);
    source.freed_count++;
}

static void stream_source(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    struct reply reply = {.status = 200, .content_type = "text/plain"};
    exchange_reply_stream(exchange, &reply, source.content_length, read_source, free_source,
                          &source);
}

static void break_off(int fd) {
    const struct linger hard = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(fd);
}

static void a_stream_without_a_length_is_chunked(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    source = (struct source){"abc", 2, 1, .content_length = -1, .end = -1};
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_true(reply_has_header(text, "Transfer-Encoding: chunked\r\n"));
    assert_true(reply_has_header(text, "X-Request-Id: "));
    assert_int_equal(source.freed_count, 1);
    assert_int_equal(rig.done_status, 200);
    rig_close(&rig);
}

static void a_stream_with_a_length_is_asked_no_further(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    for (int i = 0; i < 2; i++) {
        source = (struct source){"ab", 3, 1, .content_length = 6, .end = -2};
        client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
        client_receive(&rig, fd, text, sizeof text);
        assert_string_equal(reply_body(text, 200), "ababab");
        rig_wait_done(&rig, i + 1);
        assert_int_equal(source.freed_count, 1);
    }
    close(fd);
    rig_close(&rig);
}

static void a_stream_that_ends_early_or_in_disorder_is_cut(void **state) {
    (void)state;
    const struct {
        int64_t content_length, end;
        const char *body;
    } samples[] = {{10, -1, "ab"}, {10, -2, "ab"}, {-1, -2, "2\r\nab\r\n"}};
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        source = (struct source){"ab", 1, 1, .content_length = samples[i].content_length,
                                 .end = samples[i].end};
        client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
        assert_string_equal(reply_body(text, 200), samples[i].body);
        assert_int_equal(source.freed_count, 1);
    }
    rig_close(&rig);
}

/* An older connection is there, because libmicrohttpd looks after its oldest one unasked. */
static void a_stream_that_breaks_off_leaves_no_connection_behind(void **state) {
    (void)state;
    const struct {
        const char *request;
        int64_t content_length, end;
    } samples[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 10, -1},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 10, -2},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", -1, -2},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", -1, -1},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", -1, -1},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", -1, -2},
    };
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int older_fd = client_open(&rig);
    rig_wait_connections(&rig, 1);
    for (size_t i = 0; i < 2 * sizeof samples / sizeof samples[0]; i++) {
        int every = 1 + (int)(i % 2);
        source = (struct source){"ab", 1, every, .content_length = samples[i / 2].content_length,
                                 .end = samples[i / 2].end};
        int fd = client_open(&rig);
        client_send(fd, samples[i / 2].request);
        assert_true(client_receive_all(&rig, fd, text, sizeof text) > 0);
        rig_wait_connections(&rig, 1);
        assert_int_equal(source.freed_count, 1);
        close(fd);
    }
    close(older_fd);
    rig_close(&rig);
}

static int64_t cpu_us(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void a_stream_with_nothing_to_give_is_asked_again_without_spinning(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    source = (struct source){"x", 3, 30, .content_length = -1, .end = -1};
    int64_t began_us = clock_mono_us(clock_system());
    int64_t cpu_began_us = cpu_us();
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    int64_t took_us = clock_mono_us(clock_system()) - began_us;
    assert_string_equal(reply_body(text, 200), "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n");
    assert_true(source.asked_count >= 120);
    assert_true(took_us > 500000); /* it slept in between */
    assert_true(cpu_us() - cpu_began_us < took_us / 2);
    rig_close(&rig);
}

static void a_slow_stream_outlives_every_deadline(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    source = (struct source){"x", 3, 4, .content_length = 3, .end = -1};
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    while (source.part_count > 0) {
        rig_step(&rig, -1);
        rig_advance_ms(&rig, 6000);
    }
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "xxx");
    close(fd);
    rig_close(&rig);
}

static void a_client_that_leaves_ends_its_stream(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    source = (struct source){"x", 1, 1000000, .content_length = -1, .end = -1};
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    close(fd);
    rig_wait_connections(&rig, 0);
    assert_int_equal(source.freed_count, 1);
    rig_close(&rig);
}

static void a_client_that_breaks_off_ends_its_stream(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    source = (struct source){"x", 1, 1000000, .content_length = -1, .end = -1};
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    break_off(fd);
    rig_wait_connections(&rig, 0);
    assert_int_equal(source.freed_count, 1);
    rig_close(&rig);
}

static void several_streams_with_nothing_to_give_are_asked_again(void **state) {
    (void)state;
    enum { COUNT = 3 };
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    source = (struct source){"x", COUNT, 20, .content_length = 1, .end = -1};
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_open(&rig);
        client_send(fds[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
    }
    for (int i = 0; i < COUNT; i++) {
        client_receive(&rig, fds[i], text, sizeof text);
        assert_string_equal(reply_body(text, 200), "x");
        close(fds[i]);
    }
    rig_close(&rig);
    assert_int_equal(source.freed_count, COUNT);
}

static void stream_nobodys(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    struct reply reply = {.status = 200};
    exchange_reply_stream(exchange, &reply, source.content_length, read_source, NULL, &source);
}

static void a_stream_may_own_nothing(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_nobodys};
    rig_open(&rig);
    source = (struct source){"abc", 1, 1, .content_length = 3, .end = -1};
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "abc");
    assert_int_equal(source.freed_count, 0);
    rig_close(&rig);
}

static void a_client_that_takes_nothing_is_cut(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    static char part[10000];
    memset(part, 'x', sizeof part - 1);
    source = (struct source){part, 1000000, 1, .content_length = -1, .end = -1};
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    int asked_count = -1;
    while (asked_count != source.asked_count) {
        asked_count = source.asked_count;
        rig_step(&rig, -1);
    }
    /* The socket may have taken a little more meanwhile, and got its time anew. */
    for (int i = 0; i < 100 && server_connection_count(rig.server) > 0; i++) {
        rig_advance_ms(&rig, 10001);
        rig_step(&rig, -1);
    }
    assert_int_equal(server_connection_count(rig.server), 0);
    assert_int_equal(source.freed_count, 1);
    assert_int_equal(rig.done_status, 200);
    close(fd);
    rig_close(&rig);
}

static void streams_end_with_the_server(void **state) {
    (void)state;
    struct rig rig = {.on_request = stream_source};
    rig_open(&rig);
    int fd = client_open(&rig);
    source = (struct source){"x", 1, 1000000, .content_length = -1, .end = -1};
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    rig_close(&rig);
    assert_int_equal(source.freed_count, 1);
    close(fd);
}

static void a_stream_for_a_client_that_left_is_freed(void **state) {
    (void)state;
    struct rig rig = {.holds = true};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, 1);
    break_off(fd);
    source = (struct source){"x", 1, 1, .content_length = -1, .end = -1};
    stream_source(&rig, rig.held[0]);
    rig_wait_done(&rig, 1);
    assert_int_equal(source.freed_count, 1);
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

static int hijacked_fd;

static void hijack(struct rig *rig, struct exchange *exchange) {
    rig->held[rig->held_count++] = exchange;
    hijacked_fd = exchange_hijack(exchange);
    assert_true(hijacked_fd >= 0);
}

/* The client leaves while its request is being handed over: libmicrohttpd notices before it is answered. */
static int leaving_fd;

static void hold_and_leave(struct rig *rig, struct exchange *exchange) {
    rig->held[rig->held_count++] = exchange;
    break_off(leaving_fd);
}

static struct exchange *held_of_who_left(struct rig *rig) {
    rig->on_request = hold_and_leave;
    rig_open(rig);
    leaving_fd = client_open(rig);
    client_send(leaving_fd, "GET /left HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(rig, 1);
    rig_wait_connections(rig, 0);
    assert_int_equal(rig->done_count, 0);
    assert_int_equal(server_unanswered_count(rig->server), 1);
    assert_string_equal(exchange_request(rig->held[0])->path, "/left");
    return rig->held[0];
}

static void end_of_who_left(struct rig *rig, int status) {
    assert_int_equal(rig->done_count, 1);
    assert_int_equal(rig->done_status, status);
    assert_int_equal(server_unanswered_count(rig->server), 0);
    rig_close(rig);
}

static void what_is_given_to_who_left_is_dropped_at_once(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_echo(held_of_who_left(&rig));
    end_of_who_left(&rig, 200);

    rig = (struct rig){0};
    source = (struct source){"x", 1, 1, .content_length = 1, .end = -1};
    stream_source(&rig, held_of_who_left(&rig));
    assert_int_equal(source.freed_count, 1);
    end_of_who_left(&rig, 200);

    rig = (struct rig){0};
    struct exchange *exchange = held_of_who_left(&rig);
    int fd = exchange_hijack(exchange);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
    exchange_end_hijack(exchange, true);
    end_of_who_left(&rig, 0);
}

static void hijack_and_end(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    int fd = exchange_hijack(exchange);
    assert_int_equal(send(fd, "bare", 4, MSG_NOSIGNAL), 4);
    exchange_end_hijack(exchange, false);
}

static void a_hijack_can_end_where_it_began(void **state) {
    (void)state;
    struct rig rig = {.on_request = hijack_and_end};
    rig_open(&rig);
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_string_equal(text, "bare");
    rig_wait_connections(&rig, 0);
    assert_int_equal(server_unanswered_count(rig.server), 0);
    rig_close(&rig);
}

static void a_hijacked_socket_is_the_owners(void **state) {
    (void)state;
    struct rig rig = {.on_request = hijack};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\nmore");
    rig_hold(&rig, 1);
    assert_int_equal(send(hijacked_fd, "half an ans", 11, 0), 11);
    rig_advance_ms(&rig, 100000);
    for (int i = 0; i < 3; i++) {
        server_turn(rig.server);
    }
    assert_int_equal(server_unanswered_count(rig.server), 1);
    assert_int_equal(send(hijacked_fd, "wer", 3, 0), 3);
    exchange_end_hijack(rig.held[0], false);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 14);
    assert_string_equal(text, "half an answer");
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, 0);
    assert_int_equal(server_unanswered_count(rig.server), 0);
    close(fd);
    rig_close(&rig);
}

static void a_hijack_can_end_with_a_reset(void **state) {
    (void)state;
    struct rig rig = {.on_request = hijack};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    rig_hold(&rig, 1);
    exchange_end_hijack(rig.held[0], true);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), -1);
    rig_wait_connections(&rig, 0);
    close(fd);
    rig_close(&rig);
}

static void hijack_head(void *context, struct exchange *exchange) {
    hijack(context, exchange);
}

static void a_head_can_be_hijacked_before_its_body(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_head = hijack_head}};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    rig_hold(&rig, 1);
    rig_advance_ms(&rig, 100000);
    server_turn(rig.server);
    client_send(fd, "hello");
    struct pollfd pollfd = {.fd = hijacked_fd, .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 1000), 1);
    assert_int_equal(recv(hijacked_fd, text, sizeof text, 0), 5);
    exchange_end_hijack(rig.held[0], false);
    assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 0);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.request_count, 0);
    assert_int_equal(rig.done_count, 1);
    close(fd);
    rig_close(&rig);
}

static void a_held_request_can_be_hijacked_later(void **state) {
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        struct rig rig = {.holds = true};
        rig_open(&rig);
        int fd = client_open(&rig);
        client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
        rig_hold(&rig, 1);
        for (int i = 0; i < turns; i++) {
            server_turn(rig.server);
        }
        hijacked_fd = exchange_hijack(rig.held[0]);
        assert_int_equal(send(hijacked_fd, "x", 1, 0), 1);
        server_turn(rig.server);
        exchange_end_hijack(rig.held[0], false);
        assert_int_equal(client_receive_all(&rig, fd, text, sizeof text), 1);
        rig_wait_connections(&rig, 0);
        close(fd);
        rig_close(&rig);
    }
}

static void the_server_may_end_before_a_hijack(void **state) {
    (void)state;
    struct rig rigs[] = {{.on_request = hijack}, {.options = {.on_head = hijack_head}}};
    for (size_t i = 0; i < sizeof rigs / sizeof rigs[0]; i++) {
        rig_open(&rigs[i]);
        int fd = client_open(&rigs[i]);
        client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
        rig_hold(&rigs[i], 1);
        rig_close(&rigs[i]);
        assert_true(recv(fd, text, sizeof text, 0) <= 0);
        close(fd);
    }
}

static void add_extra(void *context, const struct request *request, struct reply *reply) {
    (void)context;
    const char *origin = request_header(request, "Origin");
    reply_add_header(reply, "X-Extra", origin != NULL ? origin : "none");
}

static void ask_extra(struct rig *rig, const char *request, int status, const char *line) {
    client_ask(rig, request, text, sizeof text);
    (void)reply_body(text, status);
    assert_true(reply_has_header(text, line));
}

static void the_owner_may_add_headers_to_every_reply(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_reply = add_extra}};
    rig_open(&rig);
    ask_extra(&rig, "GET / HTTP/1.1\r\n" HOST "Origin: a\r\nConnection: close\r\n\r\n", 200,
              "X-Extra: a\r\n");
    ask_extra(&rig, "GET / HTTP/1.1\r\n" HOST "Origin: b\r\n" HOST "\r\n", 400, "X-Extra: b\r\n");
    ask_extra(&rig, "POST / HTTP/1.1\r\n" HOST "Origin: c\r\nContent-Length: 99999\r\n\r\n", 413,
              "X-Extra: c\r\n");

    int fd = client_open(&rig);
    client_send(fd, "POST / HTTP/1.1\r\n" HOST "Origin: d\r\nContent-Length: 9\r\n\r\nab");
    for (int i = 0; i < 5; i++) {
        rig_step(&rig, -1);
    }
    rig_advance_ms(&rig, 10001);
    assert_true(client_receive_all(&rig, fd, text, sizeof text) > 0);
    assert_non_null(strstr(reply_body(text, 408), "/problems/request-timeout"));
    assert_true(reply_has_header(text, "X-Extra: d\r\n"));
    close(fd);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_without_a_length_is_chunked),
        cmocka_unit_test(a_stream_with_a_length_is_asked_no_further),
        cmocka_unit_test(a_stream_that_ends_early_or_in_disorder_is_cut),
        cmocka_unit_test(a_stream_that_breaks_off_leaves_no_connection_behind),
        cmocka_unit_test(a_stream_with_nothing_to_give_is_asked_again_without_spinning),
        cmocka_unit_test(a_slow_stream_outlives_every_deadline),
        cmocka_unit_test(a_client_that_leaves_ends_its_stream),
        cmocka_unit_test(a_client_that_breaks_off_ends_its_stream),
        cmocka_unit_test(several_streams_with_nothing_to_give_are_asked_again),
        cmocka_unit_test(a_stream_may_own_nothing),
        cmocka_unit_test(what_is_given_to_who_left_is_dropped_at_once),
        cmocka_unit_test(a_hijack_can_end_where_it_began),
        cmocka_unit_test(a_client_that_takes_nothing_is_cut),
        cmocka_unit_test(streams_end_with_the_server),
        cmocka_unit_test(a_stream_for_a_client_that_left_is_freed),
        cmocka_unit_test(a_hijacked_socket_is_the_owners),
        cmocka_unit_test(a_hijack_can_end_with_a_reset),
        cmocka_unit_test(a_head_can_be_hijacked_before_its_body),
        cmocka_unit_test(a_held_request_can_be_hijacked_later),
        cmocka_unit_test(the_server_may_end_before_a_hijack),
        cmocka_unit_test(the_owner_may_add_headers_to_every_reply),
    };
    return cmocka_run_group_tests_name("http/answer", tests, NULL, NULL);
}
