#include "tests/unit/http/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/listen.h"

static int64_t rig_wall_ms(void *context) {
    (void)context;
    return clock_wall_ms(clock_system());
}

static int64_t rig_mono_us(void *context) {
    struct rig *rig = context;
    return clock_mono_us(clock_system()) + rig->offset_us;
}

void rig_echo(struct exchange *exchange) {
    const struct request *request = exchange_request(exchange);
    char text[RIG_BODY_BYTES_MAX + 400];
    snprintf(text, sizeof text, "%s %s %s", request->method, request->path, request->body);
    struct reply reply = reply_text(200, "text/plain", text);
    exchange_reply(exchange, &reply);
}

static void on_request(void *context, struct exchange *exchange) {
    struct rig *rig = context;
    rig->request_count++;
    if (rig->on_request != NULL) {
        rig->on_request(rig, exchange);
    } else if (rig->holds || strncmp(exchange_request(exchange)->path, "/hold", 5) == 0) {
        assert_true(rig->held_count < RIG_HELD_MAX);
        rig->held[rig->held_count++] = exchange;
    } else {
        rig_echo(exchange);
    }
}

static void on_done(void *context, const struct request *request, int status, int64_t duration_us) {
    struct rig *rig = context;
    assert_true(duration_us >= 0);
    rig->done_count++;
    rig->done_status = status;
    snprintf(rig->done_method, sizeof rig->done_method, "%s", request->method);
    snprintf(rig->done_path, sizeof rig->done_path, "%s", request->path);
    snprintf(rig->done_id, sizeof rig->done_id, "%s", request->id);
}

static void start(struct rig *rig, const char *address) {
    struct err err;
    rig->clock = (struct clock){rig_wall_ms, rig_mono_us, rig};
    struct server_options *options = &rig->options;
    assert_int_equal(listen_open(address, &options->listen_fd, &err), ERR_OK);
    char text[LISTEN_ADDRESS_BYTES];
    listen_describe(options->listen_fd, text);
    rig->port = (int)strtol(strrchr(text, ':') + 1, NULL, 10);

    options->clock = &rig->clock;
    options->random = random_system();
    options->on_request = on_request;
    options->on_done = on_done;
    options->context = rig;
    if (options->body_bytes_max == 0) {
        options->body_bytes_max = RIG_BODY_BYTES_MAX;
    }
    if (options->request_deadline_ms == 0) {
        options->request_deadline_ms = 10000;
    }
    if (options->connections_max == 0) {
        options->connections_max = 100;
    }
    assert_int_equal(server_open(options, &rig->server, &err), ERR_OK);
}

void rig_open(struct rig *rig) {
    start(rig, rig->address != NULL ? rig->address : "127.0.0.1:0");
}

void rig_open_unix(struct rig *rig) {
    char address[sizeof rig->path + 8];
    snprintf(rig->path, sizeof rig->path, "/tmp/preorder-rig-%d.sock", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", rig->path);
    start(rig, address);
}

void rig_close(struct rig *rig) {
    server_close(rig->server);
    if (rig->path[0] != '\0') {
        assert_int_equal(unlink(rig->path), 0);
    }
}

void rig_advance_ms(struct rig *rig, int64_t ms) {
    rig->offset_us += ms * US_PER_MS;
}

void rig_step(struct rig *rig, int fd) {
    struct pollfd fds[] = {
        {.fd = server_fd(rig->server), .events = POLLIN},
        {.fd = fd, .events = POLLIN},
    };
    assert_true(poll(fds, 2, server_wait_ms(rig->server)) >= 0);
    server_turn(rig->server);
}

static int64_t real_ms(void) {
    return clock_mono_ms(clock_system());
}

/* Turns until *value is at least, or exactly, `wanted`. */
static void wait_for(struct rig *rig, const int32_t *value, int32_t wanted) {
    int64_t until_ms = real_ms() + RIG_PATIENCE_MS;
    while (*value < wanted) {
        assert_true(real_ms() < until_ms);
        rig_step(rig, -1);
    }
    assert_int_equal(*value, wanted);
}

void rig_hold(struct rig *rig, int32_t count) {
    wait_for(rig, &rig->held_count, count);
}

void rig_wait_done(struct rig *rig, int32_t count) {
    wait_for(rig, &rig->done_count, count);
}

void rig_wait_connections(struct rig *rig, int32_t count) {
    int64_t until_ms = real_ms() + RIG_PATIENCE_MS;
    while (server_connection_count(rig->server) != count) {
        assert_true(real_ms() < until_ms);
        rig_step(rig, -1);
    }
}

void rig_answer_first(struct rig *rig) {
    assert_true(rig->held_count > 0);
    struct exchange *exchange = rig->held[0];
    rig->held_count--;
    for (int32_t i = 0; i < rig->held_count; i++) {
        rig->held[i] = rig->held[i + 1];
    }
    rig_echo(exchange);
}

int client_open(struct rig *rig) {
    int fd;
    if (rig->path[0] != '\0') {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path, rig->path, strlen(rig->path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    } else {
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)rig->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    }
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void client_send(int fd, const char *text) {
    size_t length = strlen(text);
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* The length of the whole reply at the beginning of the text, 0 while it is not all there. */
static size_t reply_length(const char *text, bool has_body) {
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    size_t length = (size_t)(end - text) + 4;
    const char *field = strcasestr(text, "\r\nContent-Length:");
    if (has_body && field != NULL && field < end) {
        length += strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
    }
    return strlen(text) >= length ? length : 0;
}

/* Looks first, then takes exactly one reply: what follows belongs to the next call. */
static void receive(struct rig *rig, int fd, bool has_body, char *text, size_t text_bytes) {
    int64_t until_ms = real_ms() + RIG_PATIENCE_MS;
    for (;;) {
        ssize_t seen = recv(fd, text, text_bytes - 1, MSG_PEEK);
        assert_true(seen > 0 || (seen < 0 && errno == EAGAIN));
        text[seen > 0 ? seen : 0] = '\0';
        size_t length = reply_length(text, has_body);
        if (length > 0) {
            assert_int_equal(recv(fd, text, length, 0), (ssize_t)length);
            text[length] = '\0';
            return;
        }
        assert_true(real_ms() < until_ms);
        rig_step(rig, seen > 0 ? -1 : fd);
    }
}

void client_receive(struct rig *rig, int fd, char *text, size_t text_bytes) {
    receive(rig, fd, true, text, text_bytes);
}

void client_receive_head(struct rig *rig, int fd, char *text, size_t text_bytes) {
    receive(rig, fd, false, text, text_bytes);
}

int64_t client_receive_all(struct rig *rig, int fd, char *text, size_t text_bytes) {
    int64_t until_ms = real_ms() + RIG_PATIENCE_MS;
    size_t length = 0;
    for (;;) {
        assert_true(length + 1 < text_bytes);
        ssize_t count = recv(fd, text + length, text_bytes - 1 - length, 0);
        text[length + (size_t)(count > 0 ? count : 0)] = '\0';
        if (count == 0) {
            return (int64_t)length;
        }
        if (count > 0) {
            length += (size_t)count;
            continue;
        }
        if (errno != EAGAIN) {
            return -1;
        }
        assert_true(real_ms() < until_ms);
        rig_step(rig, fd);
    }
}

bool client_is_closed(struct rig *rig, int fd) {
    char byte;
    rig_step(rig, fd);
    ssize_t count = recv(fd, &byte, 1, MSG_PEEK);
    return count == 0 || (count < 0 && errno != EAGAIN);
}

void client_ask(struct rig *rig, const char *request, char *text, size_t text_bytes) {
    int fd = client_open(rig);
    client_send(fd, request);
    assert_true(client_receive_all(rig, fd, text, text_bytes) >= 0);
    close(fd);
}

const char *reply_body(const char *text, int status) {
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(text, line, strlen(line)) != 0) {
        fail_msg("expected %d, got: %s", status, text);
    }
    const char *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

bool reply_has_header(const char *text, const char *line) {
    const char *end = strstr(text, "\r\n\r\n");
    const char *found = strstr(text, line);
    return found != NULL && end != NULL && found < end && found[-1] == '\n';
}
