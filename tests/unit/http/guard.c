/* The guard before libmicrohttpd's socket: what it hands on, in rooms of any size. */
#include "http/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GET_TEXT  "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_TEXT "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

static const struct head_limits LIMITS = {.body_bytes_max = 60000};
static struct parsed_head scratch;
static char out[100000], text[100000];

struct pipe {
    int client, server;
    struct guard guard;
};

static struct pipe pipe_open(void) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    return (struct pipe){.client = pair[0], .server = pair[1]};
}

static void pipe_close(struct pipe *pipe) {
    guard_release(&pipe->guard);
    close(pipe->client);
    close(pipe->server);
}

static void pipe_send(struct pipe *pipe, const char *bytes, size_t byte_count) {
    assert_int_equal(send(pipe->client, bytes, byte_count, 0), (ssize_t)byte_count);
}

static ssize_t pipe_read(struct pipe *pipe, char *bytes, size_t room_bytes) {
    errno = 0;
    return guard_read(&pipe->guard, &LIMITS, &scratch, pipe->server, bytes, room_bytes);
}

static void part_of_a_head_is_kept_until_it_is_whole(void **state) {
    (void)state;
    struct pipe pipe = pipe_open();
    for (size_t i = 0; i < strlen(GET_TEXT) - 1; i++) {
        pipe_send(&pipe, &GET_TEXT[i], 1);
        assert_int_equal(pipe_read(&pipe, out, sizeof out), -1);
        assert_int_equal(errno, EAGAIN);
        assert_true(guard_is_amid_head(&pipe.guard));
    }
    pipe_send(&pipe, "\n", 1);
    assert_int_equal(pipe_read(&pipe, out, sizeof out), strlen(GET_TEXT));
    assert_memory_equal(out, GET_TEXT, strlen(GET_TEXT));
    assert_false(guard_is_amid_head(&pipe.guard));
    assert_null(pipe.guard.kept);
    assert_int_equal(pipe_read(&pipe, out, sizeof out), -1);
    assert_int_equal(errno, EAGAIN);
    pipe_close(&pipe);
}

/* A short read means an empty socket: libmicrohttpd waits for an edge then. */
static void every_size_of_room_and_of_part_gives_the_same_bytes(void **state) {
    (void)state;
    size_t length = 0;
    for (int i = 0; i < 8; i++) {
        const char *request = i % 3 == 0 ? GET_TEXT : POST_TEXT;
        memcpy(text + length, request, strlen(request));
        length += strlen(request);
    }
    for (size_t part = 1; part < 200; part += 7) {
        for (size_t room = 1; room < 200; room += 3) {
            struct pipe pipe = pipe_open();
            size_t got = 0;
            for (size_t sent = 0; sent < length; sent += part) {
                pipe_send(&pipe, text + sent, sent + part < length ? part : length - sent);
                ssize_t count;
                do {
                    count = pipe_read(&pipe, out + got, room);
                    got += count > 0 ? (size_t)count : 0;
                } while (count == (ssize_t)room);
            }
            assert_int_equal(got, length);
            assert_memory_equal(out, text, length);
            assert_int_equal(pipe.guard.framing.head_count, 8);
            pipe_close(&pipe);
        }
    }
}

static void what_precedes_a_bad_head_passes_and_nothing_else(void **state) {
    (void)state;
    struct pipe pipe = pipe_open();
    pipe_send(&pipe, POST_TEXT "GET /y HTTP/9.9\r\n" GET_TEXT,
              strlen(POST_TEXT "GET /y HTTP/9.9\r\n" GET_TEXT));
    assert_int_equal(pipe_read(&pipe, out, 10), 10);
    assert_int_equal(pipe_read(&pipe, out + 10, sizeof out - 10), strlen(POST_TEXT) - 10);
    assert_memory_equal(out, POST_TEXT, strlen(POST_TEXT));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pipe_read(&pipe, out, sizeof out), -1);
        assert_int_equal(errno, EAGAIN);
        pipe_send(&pipe, GET_TEXT, strlen(GET_TEXT));
    }
    assert_int_equal(pipe.guard.framing.refusal.status, 505);
    assert_false(guard_is_amid_head(&pipe.guard));
    assert_memory_equal(pipe.guard.kept, "GET /y HTTP/9.9\r\n", 17);
    pipe_close(&pipe);
}

static void a_large_body_goes_past_it(void **state) {
    (void)state;
    struct pipe pipe = pipe_open();
    static const char HEAD[] = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n";
    memset(text, 'x', 50000);
    pipe_send(&pipe, HEAD, strlen(HEAD) - 1);
    assert_int_equal(pipe_read(&pipe, out, sizeof out), -1);
    pipe_send(&pipe, "\n", 1);
    pipe_send(&pipe, text, 50000);
    size_t got = 0;
    while (got < strlen(HEAD) + 50000) {
        ssize_t count = pipe_read(&pipe, out + got, 8192);
        assert_true(count > 0);
        got += (size_t)count;
    }
    assert_memory_equal(out, HEAD, strlen(HEAD));
    assert_memory_equal(out + strlen(HEAD), text, 50000);
    assert_null(pipe.guard.kept);
    pipe_close(&pipe);
}

static void the_end_of_the_connection_is_told(void **state) {
    (void)state;
    struct pipe pipe = pipe_open();
    pipe_send(&pipe, GET_TEXT "GET", strlen(GET_TEXT "GET"));
    close(pipe.client);
    assert_int_equal(pipe_read(&pipe, out, sizeof out), strlen(GET_TEXT));
    assert_int_equal(pipe_read(&pipe, out, sizeof out), 0);
    guard_release(&pipe.guard);
    close(pipe.server);
    assert_int_equal(pipe_read(&pipe, out, sizeof out), -1);
    assert_int_equal(errno, EBADF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_of_a_head_is_kept_until_it_is_whole),
        cmocka_unit_test(every_size_of_room_and_of_part_gives_the_same_bytes),
        cmocka_unit_test(what_precedes_a_bad_head_passes_and_nothing_else),
        cmocka_unit_test(a_large_body_goes_past_it),
        cmocka_unit_test(the_end_of_the_connection_is_told),
    };
    return cmocka_run_group_tests_name("http/guard", tests, NULL, NULL);
}
