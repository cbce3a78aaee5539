#include "bench/link.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/config.h"

enum { PORT_MAX = 65535, HOST_BYTES = 64 };

enum err_code link_address(const char *text, struct sockaddr_in *address_out, struct err *err) {
    const char *colon = strrchr(text, ':');
    char host[HOST_BYTES];
    int64_t port = 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
        config_parse_integer(colon + 1, &port, err) != ERR_OK || port < 1 || port > PORT_MAX) {
        return err_set(err, ERR_INVALID, "%s is no address and port", text);
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return err_set(err, ERR_INVALID, "%s is no IPv4 address", host);
    }
    address.sin_port = htons((uint16_t)port);
    *address_out = address;
    return ERR_OK;
}

enum err_code link_open(struct link *link, const struct sockaddr_in *address, struct err *err) {
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot make a socket");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno != EINPROGRESS) {
        int number = errno;
        (void)close(fd);
        return err_set_errno(err, number == ECONNREFUSED ? ERR_BUSY : ERR_FATAL, number,
                             "cannot connect");
    }
    link->fd = fd;
    link->state = LINK_IDLE;
    link->closes = false;
    return ERR_OK;
}

void link_close(struct link *link) {
    if (link->state != LINK_CLOSED) {
        (void)close(link->fd);
    }
    link->fd = -1;
    link->state = LINK_CLOSED;
}

void link_send(struct link *link, const char *request, size_t request_bytes) {
    assert(link->state == LINK_IDLE);
    link->request = request;
    link->request_bytes = request_bytes;
    link->sent_bytes = 0;
    link->answer_bytes = 0;
    link->state = LINK_BUSY;
}

static bool write_on(struct link *link) {
    while (link->sent_bytes < link->request_bytes) {
        ssize_t sent = send(link->fd, link->request + link->sent_bytes,
                            link->request_bytes - link->sent_bytes, MSG_NOSIGNAL);
        if (sent < 0) {
            /* ENOTCONN: still connecting */
            link->error = errno;
            return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
        }
        link->sent_bytes += (size_t)sent;
    }
    return true;
}

/* The value of a header of the answer, NULL if it has none. */
static const char *header(const struct link *link, const char *name) {
    const char *line = strcasestr(link->answer, name);
    return line == NULL || line > link->body ? NULL : line + strlen(name);
}

static size_t digits(const char *text) {
    size_t value = 0;
    for (text += strspn(text, " "); *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (size_t)(*text - '0');
    }
    return value;
}

/* True once the answer is complete. */
static bool read_answer(struct link *link) {
    static const char status_line[] = "HTTP/1.1 ";
    link->answer[link->answer_bytes] = '\0';
    const char *end = strstr(link->answer, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    link->body = end + 4;
    const char *length = header(link, "\r\nContent-Length:");
    link->body_bytes = length == NULL ? 0 : digits(length);
    link->status = (int)digits(link->answer + sizeof status_line - 1);
    link->closes = header(link, "\r\nConnection: close") != NULL;
    return (size_t)(link->body - link->answer) + link->body_bytes <= link->answer_bytes;
}

static bool read_on(struct link *link) {
    while (link->state == LINK_BUSY) {
        size_t room = sizeof link->answer - 1 - link->answer_bytes;
        ssize_t got = room == 0 ? 0 : recv(link->fd, link->answer + link->answer_bytes, room, 0);
        if (got < 0) {
            link->error = errno;
            return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
        }
        if (got == 0) {
            link->error = 0;
            return false;
        }
        link->answer_bytes += (size_t)got;
        if (read_answer(link)) {
            link->state = LINK_ANSWERED;
        }
    }
    return true;
}

bool link_turn(struct link *link) {
    return link->state != LINK_BUSY || (write_on(link) && read_on(link));
}

void link_next(struct link *link) {
    assert(link->state == LINK_ANSWERED);
    link->state = LINK_IDLE;
    if (link->closes) {
        link_close(link);
    }
}
