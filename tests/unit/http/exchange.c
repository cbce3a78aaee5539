/* Exchanges: from the first byte of a request to the last of its reply. */
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

static char text[70000];

static void a_request_is_answered_and_the_connection_lives_on(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    for (int i = 1; i <= 3; i++) {
        client_send(fd, "GET /a HTTP/1.1\r\n" HOST "\r\n");
        client_receive(&rig, fd, text, sizeof text);
        assert_string_equal(reply_body(text, 200), "GET /a ");
        assert_true(reply_has_header(text, "Content-Type: text/plain\r\n"));
        assert_true(reply_has_header(text, "Content-Length: 7\r\n"));
        assert_true(reply_has_header(text, "Date: "));
        assert_true(reply_has_header(text, "X-Request-Id: "));
        rig_wait_done(&rig, i);
    }
    assert_int_equal(rig.done_status, 200);
    assert_string_equal(rig.done_path, "/a");
    assert_string_equal(rig.done_method, "GET");
    assert_int_equal(server_connection_count(rig.server), 1);
    close(fd);
    rig_wait_connections(&rig, 0);
    assert_int_equal(rig.done_count, 3);
    rig_close(&rig);
}

static void show_request(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    const struct request *request = exchange_request(exchange);
    char all[2000];
    int length = snprintf(all, sizeof all, "%s|%s|%s|%jd|%zu|%s|", request->method, request->path,
                          request->query != NULL ? request->query : "-",
                          (intmax_t)request->content_length, request->body_bytes, request->body);
    for (size_t i = 0; i < request->header_count; i++) {
        length += snprintf(all + length, sizeof all - (size_t)length, "%s=%s|",
                           request->headers[i].name, request->headers[i].value);
    }
    struct reply reply = reply_text(200, "text/plain", all);
    exchange_reply(exchange, &reply);
}

static void a_handler_sees_the_request_as_it_was_sent(void **state) {
    (void)state;
    const struct {
        const char *request, *seen;
    } samples[] = {
        {"GET /a%2Fb%00?c=d%20e&f HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
         "GET|/a%2Fb%00|c=d%20e&f|-1|0||Host=a.example|Connection=close|"},
        {"DELETE /? HTTP/1.1\r\n" HOST "X:\r\nY: \t b c \t\r\nConnection: close\r\n\r\n",
         "DELETE|/||-1|0||Host=a.example|X=|Y=b c|Connection=close|"},
        {"GET /a?b?c HTTP/1.0\r\n" HOST "\r\n", "GET|/a|b?c|-1|0||Host=a.example|"},
        {"GET http://a.example:80/x?y HTTP/1.0\r\n" HOST "\r\n", "GET|/x|y|-1|0||Host=a.example|"},
        {"GET HTTPS://a.example?y HTTP/1.0\r\n" HOST "\r\n", "GET|/|y|-1|0||Host=a.example|"},
        {"OPTIONS * HTTP/1.0\r\n" HOST "\r\n", "OPTIONS|*|-|-1|0||Host=a.example|"},
        {"frob /x HTTP/1.0\r\n" HOST "Cookie: a=b; c\r\n\r\n",
         "frob|/x|-|-1|0||Host=a.example|Cookie=a=b; c|"},
        {"POST /x HTTP/1.0\r\n" HOST "Content-Length: 5\r\n\r\nab\r\nc",
         "POST|/x|-|5|5|ab\r\nc|Host=a.example|Content-Length=5|"},
        {"POST /x HTTP/1.0\r\n" HOST "Content-Length: 0\r\n\r\n",
         "POST|/x|-|0|0||Host=a.example|Content-Length=0|"},
        {"\r\n\r\nGET /x HTTP/1.0\r\n" HOST "\r\n", "GET|/x|-|-1|0||Host=a.example|"},
    };
    struct rig rig = {.on_request = show_request};
    rig_open(&rig);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        client_ask(&rig, samples[i].request, text, sizeof text);
        assert_string_equal(reply_body(text, 200), samples[i].seen);
    }
    rig_close(&rig);
}

static void show_peer(struct rig *rig, struct exchange *exchange) {
    (void)rig;
    struct reply reply = reply_text(200, "text/plain", exchange_request(exchange)->peer);
    exchange_reply(exchange, &reply);
}

static void a_handler_is_told_the_address_of_the_other_end(void **state) {
    (void)state;
    struct rig rig = {.on_request = show_peer};
    rig_open(&rig);
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "127.0.0.1");
    rig_close(&rig);

    rig = (struct rig){.on_request = show_peer};
    rig_open_unix(&rig);
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "");
    rig_close(&rig);
}

static void ipv4_is_the_same_address_on_a_listener_of_ipv6(void **state) {
    (void)state;
    struct rig rig = {.on_request = show_peer, .address = "[::]:0"};
    rig_open(&rig);
    client_ask(&rig, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 200), "127.0.0.1");

    struct sockaddr_in6 name = {.sin6_family = AF_INET6,
                                .sin6_port = htons((uint16_t)rig.port),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fd, (struct sockaddr *)&name, sizeof name);
    rig_wait_connections(&rig, 1);
    client_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "::1");
    close(fd);
    rig_close(&rig);
}

static void a_head_reaches_the_handler_however_it_is_cut_up(void **state) {
    (void)state;
    static const char REQUEST[] =
        "POST /hold?q HTTP/1.1\r\n" HOST "X-Request-Id: id-7\r\nContent-Length: 6\r\n\r\nabcdef";
    struct rig rig = {0};
    rig_open(&rig);
    for (size_t cut = 1; cut < sizeof REQUEST - 1; cut += 3) {
        int fd = client_open(&rig);
        for (size_t i = 0; i < sizeof REQUEST - 1; i += cut) {
            char piece[sizeof REQUEST];
            snprintf(piece, sizeof piece, "%.*s", (int)cut, REQUEST + i);
            client_send(fd, piece);
            rig_step(&rig, -1);
        }
        rig_hold(&rig, 1);
        assert_string_equal(exchange_request(rig.held[0])->id, "id-7");
        rig_answer_first(&rig);
        client_receive(&rig, fd, text, sizeof text);
        assert_string_equal(reply_body(text, 200), "POST /hold abcdef");
        assert_true(reply_has_header(text, "X-Request-Id: id-7\r\n"));
        close(fd);
    }
    rig_close(&rig);
}

static void a_late_answer_leaves_at_the_next_turn(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    for (int late_turns = 0; late_turns < 20; late_turns++) {
        client_send(fd, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
        rig_hold(&rig, 1);
        assert_int_equal(server_unanswered_count(rig.server), 1);
        for (int i = 0; i < late_turns; i++) {
            server_turn(rig.server);
        }
        rig_answer_first(&rig);
        assert_int_equal(server_unanswered_count(rig.server), 0);
        assert_int_equal(server_wait_ms(rig.server), 0);
        server_turn(rig.server);
        assert_true(recv(fd, text, sizeof text, MSG_PEEK) > 0);
        client_receive(&rig, fd, text, sizeof text);
        assert_string_equal(reply_body(text, 200), "POST /hold x");
    }
    close(fd);
    rig_close(&rig);
}

static void an_owner_that_answers_late_may_sleep(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    rig_hold(&rig, 1);
    for (int i = 0; i < 3; i++) {
        server_turn(rig.server);
    }
    assert_true(server_wait_ms(rig.server) > 100);
    struct pollfd pollfd = {.fd = server_fd(rig.server), .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 0), 0);
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    close(fd);
    rig_close(&rig);
}

static void many_connections_get_their_own_answers_in_any_order(void **state) {
    (void)state;
    enum { CLIENTS = 64, ROUNDS = 20 };
    struct rig rig = {.holds = true};
    rig_open(&rig);
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_open(&rig);
    }
    for (int round = 0; round < ROUNDS; round++) {
        char request[200];
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(request, sizeof request,
                     "POST /%d/%d HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n%02d", round, i, i);
            client_send(fds[i], request);
        }
        rig_hold(&rig, CLIENTS);
        assert_int_equal(server_unanswered_count(rig.server), CLIENTS);
        while (rig.held_count > 0) {
            uint64_t chosen = random_below(random_system(), (uint64_t)rig.held_count);
            struct exchange *exchange = rig.held[chosen];
            rig.held[chosen] = rig.held[--rig.held_count];
            rig_echo(exchange);
            if (random_below(random_system(), 8) == 0) {
                server_turn(rig.server);
            }
        }
        for (int i = 0; i < CLIENTS; i++) {
            client_receive(&rig, fds[i], text, sizeof text);
            snprintf(request, sizeof request, "POST /%d/%d %02d", round, i, i);
            assert_string_equal(reply_body(text, 200), request);
        }
    }
    rig_wait_done(&rig, CLIENTS * ROUNDS);
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    rig_close(&rig);
}

static void pipelined_requests_are_answered_in_their_order(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "GET /1 HTTP/1.1\r\n" HOST "\r\n"
                    "POST /hold2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                    "GET /3 HTTP/1.1\r\n" HOST "\r\n"
                    "GET /hold4 HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /1 ");
    rig_hold(&rig, 1);
    assert_int_equal(rig.request_count, 2); /* the third waits for the second's answer */
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "POST /hold2 abc");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /3 ");
    rig_hold(&rig, 1);
    rig_answer_first(&rig);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /hold4 ");
    close(fd);
    rig_close(&rig);
}

static void head_gets_the_head_of_get(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "HEAD /abc HTTP/1.1\r\n" HOST "\r\nGET /x HTTP/1.1\r\n" HOST "\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "");
    assert_true(reply_has_header(text, "Content-Length: 10\r\n"));
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /x ");
    close(fd);
    rig_close(&rig);
}

static void a_client_that_waits_for_100_gets_it(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    client_receive_head(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 100), "");
    client_send(fd, "hello");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "POST / hello");

    client_send(fd,
                "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    client_receive(&rig, fd, text, sizeof text);
    assert_non_null(strstr(reply_body(text, 413), "/problems/body-too-large"));
    close(fd);
    rig_close(&rig);
}

/* What the client gets told, and that the connection is closed after it. */
static void bad_heads_are_refused_with_a_problem(void **state) {
    (void)state;
    const struct {
        int status;
        const char *request, *type;
    } samples[] = {
        {400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.0\r\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello", "bad-request-head"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
         "bad-request-head"},
        {400,
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "bad-request-head"},
        {400, "GET / HTTP/1.1\n" HOST "\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\nHost: a\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST "\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\nD: e\r\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n" HOST ":\r\nX: y\r\n\r\n", "bad-request-head"},
        {400, "GET / HTTP/1.1\r\n: b\r\n" HOST "\r\n", "bad-request-head"},
        {400, "GET  / HTTP/1.1\r\n" HOST "\r\n", "bad-request-head"},
        {411, "POST / HTTP/1.1\r\n" HOST "\r\n", "length-required"},
        {411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
         "length-required"},
        {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nx",
         "transfer-encoding-not-supported"},
        {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\nx", "body-too-large"},
        {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\nx",
         "body-too-large"},
    };
    struct rig rig = {0};
    rig_open(&rig);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char type[80];
        client_ask(&rig, samples[i].request, text, sizeof text);
        snprintf(type, sizeof type, "\"type\":\"/problems/%s\"", samples[i].type);
        if (strstr(reply_body(text, samples[i].status), type) == NULL) {
            fail_msg("sample %zu: %s", i, text);
        }
        assert_true(reply_has_header(text, "Connection: close\r\n"));
        assert_true(reply_has_header(text, "Content-Type: application/problem+json\r\n"));
        assert_true(reply_has_header(text, "X-Request-Id: "));
        assert_int_equal(rig.done_status, samples[i].status);
    }
    assert_int_equal(rig.request_count, 0);
    assert_int_equal(rig.done_count, sizeof samples / sizeof samples[0]);
    rig_close(&rig);
}

static void nuls_are_refused_wherever_they_show(void **state) {
    (void)state;
    static const char REQUEST[] = "GET /abc?def HTTP/1.1\r\nHost: a\r\nKey: value\r\n\r\n";
    struct rig rig = {0};
    rig_open(&rig);
    for (size_t i = 0; i < sizeof REQUEST - 1; i++) {
        if (REQUEST[i] == '\r') {
            continue; /* raw.h: before a line feed it passes for a carriage return */
        }
        char bytes[sizeof REQUEST];
        memcpy(bytes, REQUEST, sizeof REQUEST);
        bytes[i] = '\0';
        int fd = client_open(&rig);
        assert_int_equal(send(fd, bytes, sizeof bytes - 1, 0), sizeof bytes - 1);
        for (int turn = 0; turn < 5; turn++) {
            server_turn(rig.server);
        }
        rig_advance_ms(&rig, 11000); /* some leave the head unfinished */
        int64_t length = client_receive_all(&rig, fd, text, sizeof text);
        if (length > 0 && strncmp(text, "HTTP/1.1 400 ", 13) != 0 &&
            strncmp(text, "HTTP/1.1 505 ", 13) != 0 && strncmp(text, "HTTP/1.1 408 ", 13) != 0) {
            fail_msg("NUL at %zu: %s", i, text);
        }
        close(fd);
    }
    assert_int_equal(rig.request_count, 0);
    rig_close(&rig);
}

static void a_head_that_is_too_large_is_refused(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    static char request[20000];
    int length = snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < HEADERS_MAX; i++) {
        length += snprintf(request + length, sizeof request - (size_t)length, "H%d: x\r\n", i);
    }
    snprintf(request + length, sizeof request - (size_t)length, "\r\n");
    int fd = client_open(&rig);
    client_send(fd, request);
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET / ");
    close(fd);

    snprintf(request + length, sizeof request - (size_t)length, "One: more\r\n\r\n");
    client_ask(&rig, request, text, sizeof text);
    assert_non_null(strstr(reply_body(text, 431), "/problems/header-fields-too-large"));

    static char filler[HEAD_BYTES_MAX];
    memset(filler, 'f', sizeof filler - 1);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "F: %s\r\n\r\n", filler);
    client_ask(&rig, request, text, sizeof text);
    assert_non_null(strstr(reply_body(text, 431), "/problems/header-fields-too-large"));
    rig_close(&rig);
}

static void what_libmicrohttpd_would_answer_itself_is_refused(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    client_ask(&rig, "GET /x HTTP/1.1\r\n\r\n", text, sizeof text);
    (void)reply_body(text, 400);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, 400);
    assert_string_equal(rig.done_path, "/x");
    client_ask(&rig, "GET /x HTTP/2.0\r\n\r\n", text, sizeof text);
    (void)reply_body(text, 505);
    assert_int_equal(rig.request_count, 0);
    rig_close(&rig);
}

static int64_t limit_by_path(void *context, const struct request *request) {
    (void)context;
    return strcmp(request->path, "/large") == 0 ? RIG_BODY_BYTES_MAX + 1 : RIG_BODY_BYTES_MAX;
}

static void the_limit_of_a_body_may_go_by_the_path(void **state) {
    (void)state;
    struct rig rig = {.options.body_limit = limit_by_path};
    rig_open(&rig);
    static const struct {
        const char *path;
        int length, status;
    } rows[] = {{"/", 1000, 200}, {"/", 1001, 413}, {"/large", 1001, 200}, {"/large", 1002, 413}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[2048];
        int head =
            snprintf(request, sizeof request,
                     "POST %s HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: %d\r\n\r\n",
                     rows[i].path, rows[i].length);
        memset(request + head, 'x', (size_t)rows[i].length);
        request[head + rows[i].length] = '\0';
        client_ask(&rig, request, text, sizeof text);
        (void)reply_body(text, rows[i].status);
    }
    rig_close(&rig);
}

static void a_client_that_sends_on_still_gets_its_413(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    for (int round = 0; round < 5; round++) {
        int fd = client_open(&rig);
        client_send(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 4000000\r\n\r\n");
        static char part[50000];
        memset(part, 'x', sizeof part);
        for (size_t sent = 0; sent < 4000000;) {
            ssize_t count = send(fd, part, sizeof part, MSG_NOSIGNAL);
            sent += count > 0 ? (size_t)count : 0;
            if (count < 0) {
                rig_step(&rig, -1);
            }
        }
        assert_true(client_receive_all(&rig, fd, text, sizeof text) > 0);
        (void)reply_body(text, 413);
        close(fd);
    }
    rig_close(&rig);
}

static void a_client_that_leaves_loses_its_answer_only(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    for (int turns = 0; turns < 4; turns++) {
        rig.done_count = 0;
        int fd = client_open(&rig);
        client_send(fd, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
        rig_hold(&rig, 1);
        const struct linger hard = {.l_onoff = 1};
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
        close(fd);
        for (int i = 0; i < turns; i++) {
            server_turn(rig.server);
        }
        const struct request *request = exchange_request(rig.held[0]);
        assert_string_equal(request->method, "POST");
        assert_string_equal(request->body, "abc");
        assert_string_equal(request_header(request, "Host"), "a.example");
        rig_answer_first(&rig);
        rig_wait_done(&rig, 1);
        assert_int_equal(rig.done_status, 200);
        rig_wait_connections(&rig, 0);
        assert_int_equal(server_unanswered_count(rig.server), 0);
    }
    rig_close(&rig);
}

static void a_client_that_leaves_in_mid_request_is_done_with_0(void **state) {
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    int fd = client_open(&rig);
    client_send(fd,
                "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\na");
    client_receive_head(&rig, fd, text, sizeof text); /* so it has read what there is */
    close(fd);
    rig_wait_done(&rig, 1);
    assert_int_equal(rig.done_status, 0);
    assert_string_equal(rig.done_path, "/x");
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

static void answer_on_head(void *context, struct exchange *exchange) {
    (void)context;
    const struct request *request = exchange_request(exchange);
    assert_string_equal(request->body, "");
    if (strcmp(request->path, "/early") == 0) {
        struct reply reply = reply_text(405, "text/plain", "early");
        reply_add_header(&reply, "Allow", "GET");
        exchange_reply(exchange, &reply);
    }
}

static void an_answer_to_the_head_saves_reading_the_body(void **state) {
    (void)state;
    struct rig rig = {.options = {.on_head = answer_on_head}};
    rig_open(&rig);
    client_ask(&rig, "POST /early HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n", text,
               sizeof text);
    assert_string_equal(reply_body(text, 405), "early");
    assert_true(reply_has_header(text, "Allow: GET\r\n"));
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    assert_int_equal(rig.request_count, 0);
    assert_int_equal(rig.done_status, 405);

    int fd = client_open(&rig);
    client_send(fd, "GET /early HTTP/1.1\r\n" HOST "\r\nGET /late HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 405), "early");
    client_receive(&rig, fd, text, sizeof text);
    assert_string_equal(reply_body(text, 200), "GET /late ");
    close(fd);
    rig_close(&rig);
}

static struct reply render_teapot(void *context, const struct request *request, int status,
                                  const char *name, const char *detail) {
    struct rig *rig = context;
    assert_ptr_equal(rig->options.render_error, render_teapot);
    assert_non_null(request);
    assert_non_null(detail);
    assert_int_equal(status, 411);
    return reply_text(status, "text/x-own", name);
}

static void an_owner_may_render_the_servers_errors(void **state) {
    (void)state;
    struct rig rig = {.options = {.render_error = render_teapot}};
    rig_open(&rig);
    client_ask(&rig, "POST / HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_string_equal(reply_body(text, 411), "length-required");
    assert_true(reply_has_header(text, "Content-Type: text/x-own\r\n"));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_lives_on),
        cmocka_unit_test(a_handler_sees_the_request_as_it_was_sent),
        cmocka_unit_test(a_handler_is_told_the_address_of_the_other_end),
        cmocka_unit_test(ipv4_is_the_same_address_on_a_listener_of_ipv6),
        cmocka_unit_test(a_head_reaches_the_handler_however_it_is_cut_up),
        cmocka_unit_test(a_late_answer_leaves_at_the_next_turn),
        cmocka_unit_test(an_owner_that_answers_late_may_sleep),
        cmocka_unit_test(many_connections_get_their_own_answers_in_any_order),
        cmocka_unit_test(pipelined_requests_are_answered_in_their_order),
        cmocka_unit_test(head_gets_the_head_of_get),
        cmocka_unit_test(a_client_that_waits_for_100_gets_it),
        cmocka_unit_test(bad_heads_are_refused_with_a_problem),
        cmocka_unit_test(nuls_are_refused_wherever_they_show),
        cmocka_unit_test(a_head_that_is_too_large_is_refused),
        cmocka_unit_test(what_libmicrohttpd_would_answer_itself_is_refused),
        cmocka_unit_test(the_limit_of_a_body_may_go_by_the_path),
        cmocka_unit_test(a_client_that_sends_on_still_gets_its_413),
        cmocka_unit_test(a_client_that_leaves_loses_its_answer_only),
        cmocka_unit_test(a_client_that_leaves_in_mid_request_is_done_with_0),
        cmocka_unit_test(an_answer_to_the_head_saves_reading_the_body),
        cmocka_unit_test(an_owner_may_render_the_servers_errors),
    };
    return cmocka_run_group_tests_name("http/exchange", tests, NULL, NULL);
}
