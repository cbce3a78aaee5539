#include "http/listen.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5, HOST_BYTES = 256 };

static const char UNIX_PREFIX[] = "unix:";

static const char *unix_path(const char *address) {
    size_t prefix_length = sizeof UNIX_PREFIX - 1;
    return strncmp(address, UNIX_PREFIX, prefix_length) == 0 ? address + prefix_length : NULL;
}

static bool is_port(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > PORT_DIGITS_MAX || strspn(text, "0123456789") != length) {
        return false;
    }
    int port = 0;
    for (; *text != '\0'; text++) {
        port = port * 10 + (*text - '0');
    }
    return port <= PORT_MAX;
}

/* Takes "HOST:PORT" or "[IPV6]:PORT" apart; *port_out points into the address. */
static bool split(const char *address, char host[HOST_BYTES], const char **port_out) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || !is_port(colon + 1)) {
        return false;
    }
    const char *begin = address;
    const char *end = colon;
    if (*begin == '[') {
        begin++;
        end--;
        if (end <= begin || *end != ']') {
            return false;
        }
    } else if (memchr(begin, ':', (size_t)(end - begin)) != NULL) {
        return false; /* IPv6 without brackets: which colon begins the port? */
    }
    size_t length = (size_t)(end - begin);
    if (end <= begin || length >= HOST_BYTES) {
        return false;
    }
    memcpy(host, begin, length);
    host[length] = '\0';
    *port_out = colon + 1;
    return true;
}

enum err_code listen_check(const char *address, struct err *err) {
    const char *path = unix_path(address);
    if (path != NULL) {
        struct sockaddr_un name;
        if (*path == '\0' || strlen(path) >= sizeof name.sun_path) {
            return err_set(err, ERR_INVALID, "\"%s\": a socket's path has 1 to %zu characters",
                           address, sizeof name.sun_path - 1);
        }
        return ERR_OK;
    }
    char host[HOST_BYTES];
    const char *port;
    if (!split(address, host, &port)) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no address to listen on: give HOST:PORT (IPv6 in brackets, port "
                       "0 for a free one) or unix:PATH",
                       address);
    }
    return ERR_OK;
}

static enum err_code fail(struct err *err, int number, const char *address) {
    enum err_code code = number == EADDRINUSE ? ERR_CONFLICT : ERR_FATAL;
    return err_set_errno(err, code, number, "cannot listen on %s", address);
}

/* Binds and listens; closes the socket if that fails. */
static enum err_code start(int fd, const struct sockaddr *name, socklen_t name_bytes,
                           const char *address, struct err *err) {
    if (bind(fd, name, name_bytes) == 0 && listen(fd, SOMAXCONN) == 0) {
        return ERR_OK;
    }
    int number = errno;
    close(fd);
    return fail(err, number, address);
}

/* True only for a socket file that refuses connections: its owner is gone. */
static bool is_left_over(const struct sockaddr_un *name) {
    struct stat status;
    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool refused =
        connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static enum err_code open_unix(const char *address, const char *path, int *fd_out,
                               struct err *err) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1); /* listen_check measured it */

    if (is_left_over(&name) && unlink(path) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot remove the left-over socket %s", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail(err, errno, address);
    }
    enum err_code code = start(fd, (const struct sockaddr *)&name, sizeof name, address, err);
    if (code == ERR_OK) {
        *fd_out = fd;
    }
    return code;
}

static enum err_code open_tcp(const char *address, int *fd_out, struct err *err) {
    char host[HOST_BYTES];
    const char *port;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    bool is_split = split(address, host, &port);
    assert(is_split); /* listen_check saw to it */
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure != 0) {
        return err_set(err, ERR_FATAL, "cannot listen on %s: %s", address, gai_strerror(failure));
    }

    enum err_code code = ERR_OK;
    int on = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        code = fail(err, errno, address);
    } else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        code = fail(err, errno, address);
        close(fd);
    } else {
        code = start(fd, found->ai_addr, found->ai_addrlen, address, err);
    }
    freeaddrinfo(found);
    if (code == ERR_OK) {
        *fd_out = fd;
    }
    return code;
}

enum err_code listen_open(const char *address, int *fd_out, struct err *err) {
    enum err_code code = listen_check(address, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *path = unix_path(address);
    return path != NULL ? open_unix(address, path, fd_out, err) : open_tcp(address, fd_out, err);
}

void listen_describe(int fd, char text[LISTEN_ADDRESS_BYTES]) {
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t name_bytes = sizeof name;
    char host[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, (struct sockaddr *)&name, &name_bytes) != 0) {
        name.ss_family = AF_UNSPEC;
    }

    if (name.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &name, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(text, LISTEN_ADDRESS_BYTES, "%s:%d", host, ntohs(in.sin_port));
    } else if (name.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &name, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
        snprintf(text, LISTEN_ADDRESS_BYTES, "[%s]:%d", host, ntohs(in6.sin6_port));
    } else if (name.ss_family == AF_UNIX) {
        struct sockaddr_un un;
        memcpy(&un, &name, sizeof un);
        snprintf(text, LISTEN_ADDRESS_BYTES, "unix:%.*s", (int)sizeof un.sun_path, un.sun_path);
    } else {
        snprintf(text, LISTEN_ADDRESS_BYTES, "(no socket)");
    }
}
