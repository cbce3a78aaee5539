#include "tests/unit/worker/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 20 };

/* Waits for bytes to read (or the end); false when the peer is to stop. */
static bool wait_readable(struct peer *peer, int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&peer->is_stopping)) {
        if (poll(&wait, 1, WAIT_MS) > 0) {
            return true;
        }
    }
    return false;
}

static size_t content_length(const char *head) {
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field == NULL ? 0 : (size_t)strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
}

/* Reads until the head is whole, and the body too if asked for. */
static bool read_until(struct peer *peer, int fd, bool with_body) {
    size_t length = 0;
    bool has_head = false;
    char *text = peer->incoming;
    text[0] = '\0';
    while (wait_readable(peer, fd)) {
        /* Byte by byte up to the head's end, so that nothing of the body is taken. */
        size_t want = has_head ? PEER_TEXT_BYTES - 1 - length : 1;
        ssize_t got = recv(fd, text + length, want, 0);
        if (got <= 0 || length + (size_t)got >= PEER_TEXT_BYTES - 1) {
            return false;
        }
        length += (size_t)got;
        text[length] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        if (end != NULL && !has_head) {
            has_head = true;
            atomic_fetch_add(&peer->head_count, 1);
        }
        if (has_head && !with_body) {
            return true;
        }
        if (has_head && length - (size_t)(end + 4 - text) >= content_length(text)) {
            memcpy(peer->request, text, length + 1);
            atomic_fetch_add(&peer->request_count, 1);
            return true;
        }
    }
    return false;
}

bool peer_read_request(struct peer *peer, int fd) {
    return read_until(peer, fd, true);
}

bool peer_read_head(struct peer *peer, int fd) {
    return read_until(peer, fd, false);
}

static bool send_all(int fd, const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        text += sent;
        left -= (size_t)sent;
    }
    return true;
}

void peer_send(int fd, const char *text) {
    /* The other side may be gone already: that is its business. */
    if (!send_all(fd, text)) {
        shutdown(fd, SHUT_RDWR);
    }
}

void peer_send_for_ever(struct peer *peer, int fd, const char *text, int pause_us) {
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (!atomic_load(&peer->is_stopping) && send_all(fd, text)) {
        if (pause_us > 0) {
            struct pollfd wait = {.fd = fd, .events = 0};
            poll(&wait, 1, pause_us / 1000);
        }
    }
}

void peer_reset(int fd) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void peer_hold(struct peer *peer, int fd) {
    char byte;
    while (wait_readable(peer, fd) && recv(fd, &byte, 1, 0) > 0) {
    }
}

static void *run(void *context) {
    struct peer *peer = context;
    while (wait_readable(peer, peer->listen_fd)) {
        int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        peer->serve(peer, fd, atomic_fetch_add(&peer->connection_count, 1) + 1);
        close(fd);
        atomic_fetch_add(&peer->closed_count, 1);
    }
    return NULL;
}

void peer_open(struct peer *peer, void (*serve)(struct peer *, int, int)) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof address;
    memset(peer, 0, sizeof *peer);
    peer->serve = serve;
    peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->listen_fd >= 0);
    assert_int_equal(bind(peer->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(peer->listen_fd, 64), 0);
    assert_int_equal(getsockname(peer->listen_fd, (struct sockaddr *)&address, &address_bytes), 0);
    int length =
        snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_in_range(length, 1, sizeof peer->url - 1);
    assert_int_equal(pthread_create(&peer->thread, NULL, run, peer), 0);
}

void peer_close(struct peer *peer) {
    atomic_store(&peer->is_stopping, true);
    assert_int_equal(pthread_join(peer->thread, NULL), 0);
    close(peer->listen_fd);
}
