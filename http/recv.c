/*
 * How a server reads: libmicrohttpd's calls of recv, and GnuTLS's, end here.
 *
 * libmicrohttpd has no hook before its parser. A program's own definition of a function goes before
 * the C library's, so the one below is what libmicrohttpd calls. It looks at the sockets of the
 * server that is running in this thread, and leaves everybody else's alone. If it ever were not
 * called, exchange_on_target would notice and close each connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/server_impl.h"

enum { ROOM_MORE = 64 };

static _Thread_local struct server *running;

void recv_run(struct server *server) {
    running = server;
    (void)MHD_run(server->daemon); /* fails only if stopped */
    running = NULL;
}

bool recv_watch(struct connection *connection) {
    struct server *server = connection->server;
    size_t fd = (size_t)connection->fd;
    if (fd >= server->by_fd_count) {
        size_t count = fd + ROOM_MORE;
        struct connection **by_fd = realloc(server->by_fd, count * sizeof(struct connection *));
        if (by_fd == NULL) {
            return false;
        }
        memset(by_fd + server->by_fd_count, 0,
               (count - server->by_fd_count) * sizeof(struct connection *));
        server->by_fd = by_fd;
        server->by_fd_count = count;
    }
    server->by_fd[fd] = connection;
    return true;
}

void recv_forget(struct connection *connection) {
    struct server *server = connection->server;
    size_t fd = (size_t)connection->fd;
    if (fd < server->by_fd_count) { /* else it was never watched */
        server->by_fd[fd] = NULL;
    }
}

static struct connection *find(int fd) {
    if (running == NULL || (size_t)fd >= running->by_fd_count) {
        return NULL;
    }
    return running->by_fd[fd];
}

/* The name is given this way because the C library's header may define recv, too, as an inline
   function that checks bounds. */
ssize_t recv_judged(int fd, void *bytes_out, size_t room_bytes, int flags) __asm__("recv");

__attribute__((used, visibility("default"))) ssize_t recv_judged(int fd, void *bytes_out,
                                                                 size_t room_bytes, int flags) {
    /* Who sets flags wants to peek or to throw away. */
    struct connection *connection = flags == 0 ? find(fd) : NULL;
    if (connection == NULL) {
        return recvfrom(fd, bytes_out, room_bytes, flags, NULL, NULL);
    }
    return connection_read(connection, bytes_out, room_bytes);
}
