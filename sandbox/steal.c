#include "sandbox/steal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int steal_socket(int fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own >= 0 && dup3(pair[0], fd, O_CLOEXEC) < 0) {
        (void)close(own);
        own = -1;
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
    return own;
}
