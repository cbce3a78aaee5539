/*
 * From the 201 to the request at Klaviyo's door: this program is the client and Klaviyo in one, so one
 * clock measures both ends. It listens on --listen (the worker's base URL), sends a create to --target
 * --count times, one after the other with a pause between, and notes when the answer came and when
 * the worker's request for it was complete. Prints one line of JSON.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/histogram.h"
#include "bench/link.h"
#include "bench/options.h"
#include "bench/template.h"
#include "common/clock.h"

enum {
    PEERS_MAX = 64,
    PEER_BYTES = 16 * 1024,
    REQUEST_BYTES_MAX = 4096,
    WAIT_MS_MAX = 5000,
    NS_PER_US = 1000,
    ID_CHARS = 36,
};

static const char body_text[] = "{\"email\":\"customer-{n}@klaviyo-demo.com\","
                                "\"price_id\":\"price_lamp_black\",\"color\":\"black\"}";
static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

/* A connection of the worker. */
struct peer {
    int fd;
    char bytes[PEER_BYTES];
    size_t count;
};

struct run {
    int listen_fd;
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    struct link link;
    struct random random;
    struct random_seeded seeded;
    char wanted_id[ID_CHARS + 1]; /* of the preorder under way, "" until its 201 */
    int64_t sent_us, answered_us, arrived_us;
    struct histogram answer, wire, whole;
};

static int64_t now_us(void) {
    return clock_mono_us(clock_system());
}

static int listen_on(const char *text) {
    struct sockaddr_in address;
    struct err err = {0};
    int one = 1;
    if (link_address(text, &address, &err) != ERR_OK) {
        bench_fail("%s", err.text);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, PEERS_MAX) != 0) {
        bench_fail("cannot listen on %s: %s", text, strerror(errno));
    }
    return fd;
}

static void take_peer(struct run *run) {
    int one = 1;
    int fd = accept4(run->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (run->peer_count == PEERS_MAX) {
        bench_fail("too many connections");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    run->peers[run->peer_count].fd = fd;
    run->peers[run->peer_count++].count = 0;
}

/* The length of the complete request at the front, 0 if it is not all there yet. */
static size_t complete_bytes(const struct peer *peer) {
    static const char name[] = "\r\nContent-Length:";
    const char *end = memmem(peer->bytes, peer->count, "\r\n\r\n", 4);
    const char *length = end == NULL ? NULL : strcasestr(peer->bytes, name);
    if (length == NULL) {
        return 0;
    }
    size_t body_bytes = 0;
    for (const char *at = length + sizeof name; *at >= '0' && *at <= '9'; at++) {
        body_bytes = body_bytes * 10 + (size_t)(*at - '0');
    }
    size_t bytes = (size_t)(end - peer->bytes) + 4 + body_bytes;
    return bytes <= peer->count ? bytes : 0;
}

/* False: it is gone. */
static bool turn_peer(struct run *run, struct peer *peer) {
    ssize_t got = recv(peer->fd, peer->bytes + peer->count, PEER_BYTES - 1 - peer->count, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        return false;
    }
    int64_t arrived_us = now_us();
    peer->count += (size_t)got;
    peer->bytes[peer->count] = '\0';
    size_t bytes = complete_bytes(peer);
    if (bytes == 0) {
        return true;
    }
    run->arrived_us = arrived_us;
    if (run->wanted_id[0] != '\0' && strstr(peer->bytes, run->wanted_id) == NULL) {
        bench_fail("an event of another preorder came");
    }
    peer->count = 0; /* the worker sends one request at a time on a connection */
    return send(peer->fd, accepted, sizeof accepted - 1, MSG_NOSIGNAL) > 0;
}

static void turn_peers(struct run *run, const struct pollfd *fds) {
    for (size_t i = run->peer_count; i-- > 0;) {
        if (fds[i].revents != 0 && !turn_peer(run, &run->peers[i])) {
            (void)close(run->peers[i].fd);
            run->peers[i] = run->peers[--run->peer_count];
        }
    }
}

static void read_id(struct run *run) {
    const char *id = strstr(run->link.body, "\"id\":\"");
    if (run->link.status != 201 || id == NULL) {
        bench_fail("the create was answered %d", run->link.status);
    }
    (void)snprintf(run->wanted_id, sizeof run->wanted_id, "%s", id + 6);
}

/* Waits for whatever comes next. */
static void turn(struct run *run) {
    struct pollfd fds[PEERS_MAX + 2];
    size_t peer_count = run->peer_count;
    for (size_t i = 0; i < peer_count; i++) {
        fds[i] = (struct pollfd){.fd = run->peers[i].fd, .events = POLLIN};
    }
    fds[peer_count] = (struct pollfd){.fd = run->listen_fd, .events = POLLIN};
    short wants = link_wants_to_write(&run->link) ? POLLIN | POLLOUT : POLLIN;
    fds[peer_count + 1] = (struct pollfd){.fd = run->link.fd, .events = wants};
    if (poll(fds, peer_count + 2, WAIT_MS_MAX) <= 0) {
        bench_fail("nothing happened for %d ms", WAIT_MS_MAX);
    }
    if (fds[peer_count + 1].revents != 0 && run->link.state == LINK_BUSY) {
        if (!link_turn(&run->link)) {
            bench_fail("the API closed the connection");
        }
        if (run->link.state == LINK_ANSWERED) {
            run->answered_us = now_us();
            read_id(run);
        }
    }
    turn_peers(run, fds);
    if (fds[peer_count].revents != 0) {
        take_peer(run);
    }
}

static void create_one(struct run *run, int64_t number) {
    struct template_values values = {.number = number, .random = &run->random};
    struct buf body;
    struct buf request;
    buf_init(&body, REQUEST_BYTES_MAX);
    buf_init(&request, REQUEST_BYTES_MAX);
    template_fill(&body, body_text, &values);
    template_fill(
        &request,
        "POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: {key}\r\n",
        &values);
    buf_append_format(&request, "Content-Length: %zu\r\n\r\n%s", body.length, buf_text(&body));
    run->wanted_id[0] = '\0';
    run->arrived_us = 0;
    run->answered_us = 0;
    run->sent_us = now_us();
    link_send(&run->link, request.bytes, request.length);
    if (!link_turn(&run->link)) {
        bench_fail("the API closed the connection");
    }
    while (run->answered_us == 0 || run->arrived_us == 0) {
        turn(run);
    }
    link_next(&run->link);
    buf_release(&body);
    buf_release(&request);
}

int main(int argc, char **argv) {
    static struct run run;
    const char *listen = NULL;
    const char *target = NULL;
    int64_t count = 1000;
    int64_t pause_us = 5000;
    const struct bench_option options[] = {{"listen", &listen, NULL},
                                           {"target", &target, NULL},
                                           {"count", NULL, &count},
                                           {"pause", NULL, &pause_us}};
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    struct sockaddr_in address;
    struct err err = {0};
    run.listen_fd = listen_on(listen);
    run.random = random_seeded(&run.seeded, (uint64_t)now_us());
    if (link_address(target, &address, &err) != ERR_OK ||
        link_open(&run.link, &address, &err) != ERR_OK) {
        bench_fail("%s", err.text);
    }
    for (int64_t i = -10; i < count; i++) {
        create_one(&run, i + 10);
        if (i >= 0) { /* the first ones open connections */
            histogram_add(&run.answer, run.answered_us - run.sent_us);
            histogram_add(&run.wire, run.arrived_us - run.answered_us);
            histogram_add(&run.whole, run.arrived_us - run.sent_us);
        }
        struct timespec pause = {.tv_nsec = pause_us * NS_PER_US};
        (void)nanosleep(&pause, NULL);
    }
    (void)printf("{\"answer\":");
    histogram_print(&run.answer);
    (void)printf(",\"wire\":");
    histogram_print(&run.wire);
    (void)printf(",\"whole\":");
    histogram_print(&run.whole);
    (void)printf("}\n");
    return 0;
}
