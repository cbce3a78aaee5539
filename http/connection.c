#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server_impl.h"

enum {
    LOOK_AFTER_MS = 200,   /* a busy connection is never idle for so long, and never looked at */
    DRAIN_FRESH_MS = 1000, /* who has just connected is about to send */
    SHED_IDLE_MS = 1000,
    SHED_ARRIVING_MS = 3000,
    SHED_SHARE = 16, /* at most one in so many at a time: most clients keep their connections */
};

struct connection *connection_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    assert(info != NULL);
    return info->socket_context;
}

static void leave_idle(struct connection *connection) {
    struct server *server = connection->server;
    if (connection->was_looked_at) {
        TAILQ_REMOVE(&server->idle, connection, idle_link);
    } else {
        TAILQ_REMOVE(&server->idle_new, connection, idle_link);
    }
    connection->was_looked_at = false;
}

static void leave_lists(struct connection *connection) {
    struct server *server = connection->server;
    switch (connection->state) {
    case CONNECTION_IDLE:
        leave_idle(connection);
        TAILQ_REMOVE(&server->waiting, connection, clock_link);
        break;
    case CONNECTION_ARRIVING:
        TAILQ_REMOVE(&server->waiting, connection, clock_link);
        break;
    case CONNECTION_LEAVING:
        TAILQ_REMOVE(&server->leaving, connection, clock_link);
        break;
    case CONNECTION_HANDED:
    case CONNECTION_CUT:
        break;
    }
}

static void join_lists(struct connection *connection) {
    struct server *server = connection->server;
    switch (connection->state) {
    case CONNECTION_IDLE:
        TAILQ_INSERT_TAIL(&server->idle_new, connection, idle_link);
        TAILQ_INSERT_TAIL(&server->waiting, connection, clock_link);
        break;
    case CONNECTION_ARRIVING:
        TAILQ_INSERT_TAIL(&server->waiting, connection, clock_link);
        break;
    case CONNECTION_LEAVING:
        TAILQ_INSERT_TAIL(&server->leaving, connection, clock_link);
        break;
    case CONNECTION_HANDED:
    case CONNECTION_CUT:
        break;
    }
}

void connection_enter(struct connection *connection, enum connection_state state) {
    struct server *server = connection->server;
    if (connection->state == CONNECTION_CUT) {
        return; /* it is as good as closed */
    }
    if (state == CONNECTION_ARRIVING && connection->state == CONNECTION_ARRIVING) {
        return; /* its clock runs since its first byte */
    }
    if (state == CONNECTION_ARRIVING && connection->is_fresh) {
        /* Its first request has had its time since the connection was opened. */
        assert(connection->state == CONNECTION_IDLE);
        leave_idle(connection);
        connection->state = state;
        connection->is_fresh = false;
        return;
    }
    leave_lists(connection);
    connection->state = state;
    connection->since_mono_us = server_now(server);
    join_lists(connection);
}

/* What is mapped into IPv6 is IPv4: the same client is the same text on every listener. */
static void describe_peer(const struct sockaddr *address, char text[PEER_BYTES]) {
    static const unsigned char MAPPED[] = {0, 0, 0, 0, 0,    0,
                                           0, 0, 0, 0, 0xff, 0xff}; /* RFC 4291, 2.5.5.2 */
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    text[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, text, PEER_BYTES);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        bool is_mapped = memcmp(&in6.sin6_addr, MAPPED, sizeof MAPPED) == 0;
        const void *bytes = is_mapped ? &in6.sin6_addr.s6_addr[12] : &in6.sin6_addr.s6_addr[0];
        (void)inet_ntop(is_mapped ? AF_INET : AF_INET6, bytes, text, PEER_BYTES);
    }
}

static void open_connection(struct server *server, struct MHD_Connection *mhd,
                            void **socket_context) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    assert(info != NULL);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    connection->server = server;
    connection->fd = info->connect_fd;
    connection->state = CONNECTION_IDLE;
    connection->is_fresh = true;
    connection->since_mono_us = server_now(server);
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    describe_peer(info != NULL ? info->client_addr : NULL, connection->peer);
    join_lists(connection);
    *socket_context = connection;

    server->connection_count++;
    if (server->options.tls_certificate_pem == NULL && !recv_watch(connection)) {
        connection_cut(connection);
    }
    server->connection_number++;
    if (server->options.on_connect != NULL &&
        !server->options.on_connect(server->options.context, server->connection_number,
                                    connection->fd)) {
        connection_cut(connection);
    }
}

static void close_connection(struct connection *connection) {
    struct server *server = connection->server;
    if (connection->exchange != NULL) {
        /* libmicrohttpd 0.9.75 does not tell of the end of a request that it has no memory for. */
        void *exchange = connection->exchange;
        exchange_on_completed(server, connection->exchange->mhd, &exchange,
                              MHD_REQUEST_TERMINATED_WITH_ERROR);
    }
    leave_lists(connection);
    if (connection->is_refused) {
        TAILQ_REMOVE(&server->refused, connection, refused_link);
    }
    recv_forget(connection);
    guard_release(&connection->guard);
    if (connection->lingers && !server->is_closing) {
        linger_add(&server->lingering, connection->fd, server_now(server));
    }
    server->connection_count--;
    free(connection);
}

void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_connection(context, mhd, socket_context);
    } else if (*socket_context != NULL) {
        close_connection(*socket_context);
        *socket_context = NULL;
    }
}

void connection_cut(struct connection *connection) {
    leave_lists(connection);
    connection->state = CONNECTION_CUT;
    /* libmicrohttpd sees the hang-up and closes. A failure means that the client was faster. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

void connection_rest(struct connection *connection) {
    connection_enter(connection, CONNECTION_IDLE);
    if (guard_is_amid_head(&connection->guard)) {
        connection_enter(connection, CONNECTION_ARRIVING);
    }
}

/* Answers what never became an exchange, and reports its end. */
static void refuse_kept(struct connection *connection, const struct refusal *refusal) {
    struct server *server = connection->server;
    struct parsed_head *parsed = &server->scratch;
    (void)head_parse(connection->guard.kept, connection->guard.kept_bytes, parsed);
    struct request *request = &parsed->request;
    request->started_mono_us = server_now(server);
    memcpy(request->peer, connection->peer, sizeof request->peer);
    if (request->id[0] == '\0') {
        request_make_id(server, request);
    }
    answer_by_hand(connection, request, refusal);
    if (server->options.on_done != NULL) {
        server->options.on_done(server->options.context, request, refusal->status, 0);
    }
}

/* All before the refused head is answered. */
static bool has_come_to_refused(const struct connection *connection) {
    return connection->exchange == NULL &&
           connection->exchange_count == connection->guard.framing.head_count;
}

ssize_t connection_read(struct connection *connection, char *bytes_out, size_t room_bytes) {
    struct server *server = connection->server;
    if (connection->state == CONNECTION_CUT) {
        return 0;
    }
    struct guard *guard = &connection->guard;
    ssize_t byte_count =
        guard_read(guard, &server->limits, &server->scratch, connection->fd, bytes_out, room_bytes);
    int error = errno;
    const struct refusal *refusal = &guard->framing.refusal;
    if (refusal->status != 0 && byte_count < 0 && has_come_to_refused(connection)) {
        refuse_kept(connection, refusal);
        /* The end makes libmicrohttpd close. Unlike a shutdown it leaves the client's side open. */
        leave_lists(connection);
        connection->state = CONNECTION_CUT;
        return 0;
    }
    if (refusal->status != 0 && !connection->is_refused) {
        connection->is_refused = true;
        TAILQ_INSERT_TAIL(&server->refused, connection, refused_link);
    }
    if (connection->state == CONNECTION_IDLE && guard_is_amid_head(guard)) {
        connection_enter(connection, CONNECTION_ARRIVING);
    }
    errno = error;
    return byte_count;
}

static void time_out(struct connection *connection) {
    static const struct refusal TOO_SLOW = {408, "request-timeout",
                                            "The request did not arrive in time."};
    struct exchange *exchange = connection->exchange;
    if (exchange == NULL) {
        refuse_kept(connection, &TOO_SLOW);
        return;
    }
    if (exchange->request.id[0] == '\0') {
        request_make_id(connection->server, &exchange->request);
    }
    answer_by_hand(connection, &exchange->request, &TOO_SLOW);
}

int32_t connections_cut_refused(struct server *server) {
    int32_t count = 0;
    struct connection *connection = TAILQ_FIRST(&server->refused);
    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, refused_link);
        if (connection->state != CONNECTION_CUT && has_come_to_refused(connection)) {
            refuse_kept(connection, &connection->guard.framing.refusal);
            connection_cut(connection);
            count++;
        }
        connection = next;
    }
    return count;
}

void connection_reset(int fd) {
    const struct linger hard = {.l_onoff = 1};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    (void)connect(fd, &nobody, sizeof nobody);
}

/* Closed as others are, it would hold the kernel's memory until the client has fetched all. */
static void drop_unfetched(const struct connection *connection) {
    int byte_count;
    if (ioctl(connection->fd, SIOCOUTQNSD, &byte_count) == 0 && byte_count > 0) {
        connection_reset(connection->fd);
    }
}

/* libmicrohttpd cannot give an accepted socket away, and shuts down what it closes: it keeps the
   number, with the end of a closed pipe behind it. */
int server_take_socket(int fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd >= 0 && dup3(pair[0], fd, O_CLOEXEC) < 0) {
        close(own_fd);
        own_fd = -1;
    }
    close(pair[0]);
    close(pair[1]);
    return own_fd;
}

static int64_t age_ms(const struct connection *connection) {
    return (server_now(connection->server) - connection->since_mono_us) / US_PER_MS;
}

static int32_t cut_older(struct connection_list *list, int64_t limit_ms, int32_t most) {
    int32_t count = 0;
    struct connection *connection;
    while (count < most && (connection = TAILQ_FIRST(list)) != NULL &&
           age_ms(connection) >= limit_ms) {
        if (connection->state == CONNECTION_ARRIVING) {
            time_out(connection);
        } else {
            drop_unfetched(connection);
        }
        connection_cut(connection);
        count++;
    }
    return count;
}

int32_t connections_cut_overdue(struct server *server) {
    int64_t limit_ms = server->options.request_deadline_ms;
    return cut_older(&server->waiting, limit_ms, INT32_MAX) +
           cut_older(&server->leaving, limit_ms, INT32_MAX);
}

static int32_t cut_drained(struct connection_list *list) {
    int32_t count = 0;
    struct connection *connection = TAILQ_FIRST(list);
    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, idle_link);
        if (!connection->is_fresh || age_ms(connection) >= DRAIN_FRESH_MS) {
            connection_cut(connection);
            count++;
        }
        connection = next;
    }
    return count;
}

int32_t connections_cut_drained(struct server *server) {
    return cut_drained(&server->idle) + cut_drained(&server->idle_new);
}

int32_t connections_cut_left(struct server *server) {
    int32_t count = 0;
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&server->idle_new)) != NULL &&
           age_ms(connection) >= LOOK_AFTER_MS) {
        leave_idle(connection);
        connection->was_looked_at = true;
        TAILQ_INSERT_TAIL(&server->idle, connection, idle_link);
        char byte;
        if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            connection_cut(connection);
            count++;
        }
    }
    return count;
}

int32_t connections_shed(struct server *server) {
    int32_t limit = server->options.connections_max;
    if (server->connection_count < limit || !door_has_somebody(&server->door)) {
        return 0;
    }
    int32_t most = limit / SHED_SHARE + 1;
    int32_t count = cut_older(&server->idle, SHED_IDLE_MS, most);
    return count > 0 ? count : cut_older(&server->waiting, SHED_ARRIVING_MS, most);
}

static int32_t time_left_ms(const struct server *server, const struct connection *first,
                            int32_t most_ms) {
    if (first == NULL) {
        return most_ms;
    }
    int64_t left_ms = server->options.request_deadline_ms - age_ms(first);
    if (left_ms <= 0) {
        return 0;
    }
    return left_ms < most_ms ? (int32_t)left_ms : most_ms;
}

int32_t connections_wait_ms(const struct server *server, int32_t most_ms) {
    most_ms = time_left_ms(server, TAILQ_FIRST(&server->waiting), most_ms);
    return time_left_ms(server, TAILQ_FIRST(&server->leaving), most_ms);
}
