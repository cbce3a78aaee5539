#include "http/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum { READ_BYTES = 16384, READS_MAX = 256 };

void linger_add(struct linger_set *set, int fd, int64_t now_mono_us) {
    if (set->count == LINGER_MAX) {
        return;
    }
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0) {
        return;
    }
    /* The client sees the end of the answer now, not when we stop listening. */
    if (shutdown(own_fd, SHUT_WR) != 0) {
        close(own_fd);
        return;
    }
    set->sockets[set->count].fd = own_fd;
    set->sockets[set->count].until_mono_us = now_mono_us + (int64_t)LINGER_MS * US_PER_MS;
    set->count++;
}

/* Throws away what has arrived. True: the client is done. */
static bool is_done(int fd) {
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t byte_count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);
        if (byte_count == 0) {
            return true;
        }
        if (byte_count < 0) {
            return errno != EAGAIN;
        }
    }
    return false;
}

void linger_turn(struct linger_set *set, int64_t now_mono_us) {
    for (int32_t i = set->count - 1; i >= 0; i--) {
        if (!is_done(set->sockets[i].fd) && now_mono_us < set->sockets[i].until_mono_us) {
            continue;
        }
        close(set->sockets[i].fd);
        set->count--;
        set->sockets[i] = set->sockets[set->count];
    }
}

void linger_close(struct linger_set *set) {
    for (int32_t i = 0; i < set->count; i++) {
        close(set->sockets[i].fd);
    }
    set->count = 0;
}
