/* What http/ asks of the kernel and of libmicrohttpd, each under the name that deny knows it by. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/unit/deny.h"

#define DENIABLE(type, name, parameters, arguments, refusal)                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return deny_strikes(#name) ? refusal : __real_##name arguments;                            \
    }

DENIABLE(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
DENIABLE(int, socketpair, (int domain, int type, int protocol, int pair[2]),
         (domain, type, protocol, pair), -1)
DENIABLE(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t value_bytes),
         (fd, level, name, value, value_bytes), -1)
DENIABLE(int, listen, (int fd, int backlog), (fd, backlog), -1)
DENIABLE(int, bind, (int fd, const struct sockaddr *name, socklen_t name_bytes),
         (fd, name, name_bytes), -1)
DENIABLE(int, accept4, (int fd, struct sockaddr *name, socklen_t *name_bytes, int flags),
         (fd, name, name_bytes, flags), -1)
DENIABLE(int, getsockname, (int fd, struct sockaddr *name, socklen_t *name_bytes),
         (fd, name, name_bytes), -1)
DENIABLE(int, shutdown, (int fd, int how), (fd, how), -1)
DENIABLE(int, dup3, (int fd, int new_fd, int flags), (fd, new_fd, flags), -1)
DENIABLE(int, unlink, (const char *path), (path), -1)
DENIABLE(int, eventfd, (unsigned int count, int flags), (count, flags), -1)
DENIABLE(int, epoll_create1, (int flags), (flags), -1)
DENIABLE(int, epoll_ctl, (int epoll_fd, int operation, int fd, struct epoll_event *event),
         (epoll_fd, operation, fd, event), -1)
DENIABLE(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms),
         -1)
DENIABLE(int, getrlimit64, (int resource, struct rlimit64 *limit), (resource, limit), -1)
DENIABLE(int, setrlimit64, (int resource, const struct rlimit64 *limit), (resource, limit), -1)
DENIABLE(int, pthread_create,
         (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
          void *argument),
         (thread, attributes, run, argument), EAGAIN)

DENIABLE(enum MHD_Result, MHD_add_response_header,
         (struct MHD_Response * response, const char *name, const char *value),
         (response, name, value), MHD_NO)
const union MHD_ConnectionInfo *__real_MHD_get_connection_info(struct MHD_Connection *connection,
                                                               enum MHD_ConnectionInfoType type,
                                                               ...);
const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(struct MHD_Connection *connection,
                                                               enum MHD_ConnectionInfoType type,
                                                               ...);
const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(struct MHD_Connection *connection,
                                                               enum MHD_ConnectionInfoType type,
                                                               ...) {
    return deny_strikes("MHD_get_connection_info")
               ? NULL
               : __real_MHD_get_connection_info(connection, type);
}

DENIABLE(enum MHD_Result, MHD_queue_response,
         (struct MHD_Connection * connection, unsigned int status, struct MHD_Response *response),
         (connection, status, response), MHD_NO)
DENIABLE(struct MHD_Response *, MHD_create_response_from_buffer,
         (size_t byte_count, void *bytes, enum MHD_ResponseMemoryMode mode),
         (byte_count, bytes, mode), NULL)
DENIABLE(struct MHD_Response *, MHD_create_response_from_callback,
         (uint64_t byte_count, size_t block_bytes, MHD_ContentReaderCallback read, void *context,
          MHD_ContentReaderFreeCallback release),
         (byte_count, block_bytes, read, context, release), NULL)

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

int __wrap_fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    int argument = va_arg(rest, int);
    va_end(rest);
    return deny_strikes("fcntl64") ? -1 : __real_fcntl64(fd, command, argument);
}

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned int flags, uint16_t port,
                                           MHD_AcceptPolicyCallback accept, void *accept_context,
                                           MHD_AccessHandlerCallback handle, void *handle_context,
                                           ...);

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned int flags, uint16_t port,
                                           MHD_AcceptPolicyCallback accept, void *accept_context,
                                           MHD_AccessHandlerCallback handle, void *handle_context,
                                           ...) {
    va_list options;
    va_start(options, handle_context);
    struct MHD_Daemon *daemon = deny_strikes("MHD_start_daemon")
                                    ? NULL
                                    : MHD_start_daemon_va(flags, port, accept, accept_context,
                                                          handle, handle_context, options);
    va_end(options);
    return daemon;
}
