#include <poll.h>

#include "tests/unit/deny.h"

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    return deny_strikes("poll") ? -1 : __real_poll(fds, count, timeout_ms);
}
