#include "tests/unit/worker/play.h"

#include <time.h>

static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

void play_accept_all(struct peer *peer, int fd, int connection) {
    (void)connection;
    while (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
    }
}

void play_die_at_second_request(struct peer *peer, int fd, int connection) {
    if (connection > 1) {
        play_accept_all(peer, fd, connection);
        return;
    }
    if (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
    }
    if (peer_read_request(peer, fd)) { /* taken, and never answered */
        peer_reset(fd);
    }
}

void play_die_at_second_head(struct peer *peer, int fd, int connection) {
    if (connection > 1) {
        play_accept_all(peer, fd, connection);
        return;
    }
    if (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
    }
    if (peer_read_head(peer, fd)) {
        peer_reset(fd);
    }
}

void play_close_politely_at_second_request(struct peer *peer, int fd, int connection) {
    if (connection > 1) {
        play_accept_all(peer, fd, connection);
        return;
    }
    if (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
    }
    /* Taken whole, closed without RST: libcurl reads an end of file before any byte. */
    (void)peer_read_request(peer, fd);
}

void play_close_after_each(struct peer *peer, int fd, int connection) {
    (void)connection;
    if (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
    }
}

void play_reset_after_request(struct peer *peer, int fd, int connection) {
    (void)connection;
    if (peer_read_request(peer, fd)) {
        peer_reset(fd);
    }
}

void play_never_answer(struct peer *peer, int fd, int connection) {
    (void)connection;
    if (peer_read_request(peer, fd)) {
        peer_hold(peer, fd);
    }
}

static void answer_with(struct peer *peer, int fd, const char *text) {
    if (peer_read_request(peer, fd)) {
        peer_send(fd, text);
    }
}

void play_slow_head(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 202 Acc");
    peer_send_for_ever(peer, fd, "e", 20000);
}

void play_endless_head(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 202 Accepted\r\n");
    peer_send_for_ever(peer, fd, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 0);
}

void play_endless_header_line(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 202 Accepted\r\nX-Filler: ");
    peer_send_for_ever(peer, fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0);
}

void play_endless_body(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    peer_send_for_ever(peer, fd, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 0);
}

void play_trickling_body(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 100000\r\n\r\n");
    peer_send_for_ever(peer, fd, "b", 20000);
}

void play_wrong_length(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nshort");
}

void play_broken_chunks(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
}

void play_garbage(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "\x01\x02\x03 no HTTP at all\r\n\r\n");
}

void play_half_a_head(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd, "HTTP/1.1 202 Accepted\r\nContent-Le");
}

void play_redirect(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
}

void play_go_on_first(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
                "HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n"
                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
}

void play_count_down(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 202 Accepted\r\nratelimit-limit: 3500\r\nRateLimit-Remaining: 3432\r\n"
                "RATELIMIT-RESET: 57\r\nContent-Length: 0\r\n\r\n");
}

void play_count_nonsense(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 202 Accepted\r\nRateLimit-Remaining: -3\r\n"
                "RateLimit-Reset: 99999999999999999999\r\nContent-Length: 0\r\n\r\n");
}

void play_throttle(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 429 Too Many Requests\r\nRETRY-AFTER:  17 \r\n"
                "content-type: application/vnd.api+json\r\nCF-Mitigated: challenge\r\n"
                "Content-Length: 13\r\n\r\n{\"errors\":[]}");
}

void play_compressed(struct peer *peer, int fd, int connection) {
    (void)connection;
    answer_with(peer, fd,
                "HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
                "abcde");
}

void play_answer_twice_at_once(struct peer *peer, int fd, int connection) {
    if (connection > 1) {
        play_accept_all(peer, fd, connection);
        return;
    }
    if (peer_read_request(peer, fd)) {
        peer_send(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
                      "HTTP/1.1 418 Nobody asked\r\nContent-Length: 0\r\n\r\n");
    }
    peer_hold(peer, fd);
}

void play_answer_twice(struct peer *peer, int fd, int connection) {
    if (connection > 1) {
        play_accept_all(peer, fd, connection);
        return;
    }
    if (peer_read_request(peer, fd)) {
        peer_send(fd, accepted);
        struct timespec pause = {.tv_nsec = 50000000}; /* until the first was taken in */
        nanosleep(&pause, NULL);
        peer_send(fd, "HTTP/1.1 418 Nobody asked\r\nContent-Length: 0\r\n\r\n");
        atomic_store(&peer->is_done, true);
    }
    peer_hold(peer, fd);
}
