#include "http/door.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

static bool is_tcp(const struct sockaddr_in6 *name) {
    return name->sin6_family == AF_INET || name->sin6_family == AF_INET6;
}

bool door_init(struct door *door, int listen_fd, int epoll_fd) {
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0) {
        return false;
    }
    *door = (struct door){
        .fd = listen_fd, .epoll_fd = epoll_fd, .is_watched = true, .name_bytes = sizeof door->name};
    if (getsockname(listen_fd, (struct sockaddr *)&door->name, &door->name_bytes) != 0 ||
        !is_tcp(&door->name)) {
        door->name_bytes = 0;
    }
    return true;
}

void door_close(struct door *door) {
    if (door->fd >= 0) {
        close(door->fd);
    }
    door->fd = -1;
}

void door_watch(struct door *door, bool is_wanted) {
    if (door->is_watched == is_wanted) {
        return;
    }
    /* A socket that is shut is always ready: it has to go altogether. */
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(door->epoll_fd, is_wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, door->fd, &event) ==
        0) {
        door->is_watched = is_wanted;
    }
}

int door_accept(struct door *door, struct sockaddr_storage *name_out, socklen_t *name_bytes_out) {
    int fd;
    do {
        *name_bytes_out = sizeof *name_out;
        fd = accept4(door->fd, (struct sockaddr *)name_out, name_bytes_out,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

bool door_has_somebody(const struct door *door) {
    struct pollfd pollfd = {.fd = door->fd, .events = POLLIN};
    return poll(&pollfd, 1, 0) == 1;
}

/* Linux: a listening socket that is shut down for reading listens no more. */
void door_shut(struct door *door) {
    if (door->name_bytes > 0 && !door->is_shut) {
        door->is_shut = shutdown(door->fd, SHUT_RD) == 0;
    }
}

void door_open(struct door *door) {
    if (!door->is_shut) {
        return;
    }
    /* A port that was asked for stays ours (EINVAL: bound already). One that the kernel chose is gone
       with the listening, and listen alone would choose another. */
    bool is_bound = bind(door->fd, (const struct sockaddr *)&door->name, door->name_bytes) == 0 ||
                    errno == EINVAL;
    door->is_shut = !is_bound || listen(door->fd, SOMAXCONN) != 0;
}
