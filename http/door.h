#pragma once
/*
 * The listening socket: lets connections in as long as there is room, and can be shut.
 *
 * A connection in the backlog is open as far as its client knows, and waits. While the door is shut
 * the socket does not listen: the kernel refuses whoever comes, which costs this process nothing, and
 * resets who was in the backlog. Over TCP only: a unix socket that was shut cannot be opened again.
 *
 * Threads: one.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct door {
    int fd;       /* -1: closed for good */
    int epoll_fd; /* where the socket is watched, the owner's */
    bool is_watched;
    struct sockaddr_in6 name; /* big enough for IPv4 too */
    socklen_t name_bytes;     /* 0: no TCP */
    bool is_shut;
};

/* Takes listen_fd over. False: it cannot be watched (errno says why), and nothing was taken. */
bool door_init(struct door *door, int listen_fd, int epoll_fd);
void door_close(struct door *door);

/* Whether epoll_fd becomes readable when somebody waits. Without it he waits unnoticed. */
void door_watch(struct door *door, bool is_wanted);

/* The next one who waits, non-blocking and close-on-exec; -1: nobody, or no descriptor is left. */
int door_accept(struct door *door, struct sockaddr_storage *name_out, socklen_t *name_bytes_out);

/* Whether there is somebody in the backlog, or would be if the door were not shut. */
bool door_has_somebody(const struct door *door);

/* Each does nothing if it is done already. An opening that fails (somebody else took the address
   meanwhile) is tried again by the next call. */
void door_shut(struct door *door);
void door_open(struct door *door);
