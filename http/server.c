#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/intake.h"
#include "http/server_impl.h"
#include "http/sweep.h"

enum {
    WAIT_MS_MAX = 200,
    STALLED_LOOK_MS = 10,
    LET_IN_MAX = 32, /* connections in one run: those that are in have their turn, too */
    RUNS_MAX = 4,
    /* Exchanges that wait unsuspended always look like work to libmicrohttpd. Two runs take a
       reply from the queue to the socket. */
    RUNS_WHILE_WAITING = 2,
    BACKLOG_RUNS_MAX = 64,
    DESCRIPTORS_RESERVED = 128, /* for files, databases, outgoing connections, other servers */
    DESCRIPTORS_PER_STRAY = LINGER_MAX,
};

/* Escapes stay as they are: "/a%2Fb" is one segment. */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* Makes room for `connections_max` connections, or less if the hard limit allows no more. */
static enum err_code raise_limit(int32_t *connections_max, struct err *err) {
    const rlim_t reserve = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_STRAY;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot read the limit on open files");
    }
    rlim_t wanted = (rlim_t)*connections_max + reserve;
    if (limit.rlim_cur >= wanted) {
        return ERR_OK;
    }
    if (limit.rlim_max < wanted) {
        wanted = limit.rlim_max;
    }
    if (wanted <= reserve) {
        return err_set(err, ERR_FATAL, "the limit on open files (%ju) leaves none for connections",
                       (uintmax_t)limit.rlim_max);
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot raise the limit on open files");
    }
    *connections_max = (int32_t)(wanted - reserve);
    return ERR_OK;
}

/* libmicrohttpd has accepted a connection, or is about to close it. */
static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    struct server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = connection_open(&server->connections, mhd);
        return;
    }
    struct connection *connection = *socket_context;
    *socket_context = NULL;
    if (connection == NULL) {
        return;
    }
    if (connection->exchange != NULL) {
        /* libmicrohttpd 0.9.75 does not tell of the end of a request that it has no memory for. */
        intake_end(connection->exchange);
    }
    connection_close(connection);
}

static enum err_code start_daemon(struct server *server, struct err *err) {
    const struct server_options *options = &server->options;
    bool has_tls = options->tls_certificate_pem != NULL;
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
    if (has_tls) {
        flags |= MHD_USE_TLS;
    }
    /* Without MHD_USE_ERROR_LOG nothing is ever printed. The options end where the first
       MHD_OPTION_END stands. */
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, intake_on_access, &server->exchanges,           //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)options->connections_max,  //
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY_BYTES,        //
        MHD_OPTION_STRICT_FOR_CLIENT, 1,                                      //
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,                  //
        MHD_OPTION_NOTIFY_COMPLETED, intake_on_completed, &server->exchanges, //
        MHD_OPTION_URI_LOG_CALLBACK, intake_on_target, &server->exchanges,    //
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,                     //
        has_tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, options->tls_certificate_pem,
        MHD_OPTION_HTTPS_MEM_KEY, options->tls_key_pem, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return err_set(err, ERR_FATAL,
                       has_tls ? "cannot start the HTTP server: check the TLS certificate and key"
                               : "cannot start the HTTP server: libmicrohttpd refused");
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info != NULL);
    struct epoll_event event = {.events = EPOLLIN};
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) != 0 ||
        !door_init(&server->door, options->listen_fd, server->epoll_fd)) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot start the HTTP server");
    }
    return ERR_OK;
}

enum err_code server_open(const struct server_options *options, struct server **server_out,
                          struct err *err) {
    assert(options->on_request != NULL && options->clock != NULL && options->random != NULL);
    assert(options->connections_max > 0 && options->request_deadline_ms > 0);
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        close(options->listen_fd);
        return err_set(err, ERR_FATAL, "cannot start the HTTP server: out of memory");
    }
    server->options = *options;
    server->epoll_fd = -1;
    connections_init(&server->connections, &server->options);
    exchanges_init(&server->exchanges, &server->options);

    enum err_code code = raise_limit(&server->options.connections_max, err);
    if (code == ERR_OK) {
        code = start_daemon(server, err);
    }
    if (code != ERR_OK) {
        close(options->listen_fd);
        if (server->daemon != NULL) {
            MHD_stop_daemon(server->daemon);
        }
        if (server->epoll_fd >= 0) {
            close(server->epoll_fd);
        }
        free(server);
        return code;
    }
    *server_out = server;
    return ERR_OK;
}

void server_close(struct server *server) {
    if (server == NULL) {
        return;
    }
    server->connections.is_closing = server->exchanges.is_closing = true;
    exchanges_resume(&server->exchanges);
    door_close(&server->door);
    MHD_stop_daemon(server->daemon);
    close(server->epoll_fd);
    exchanges_release(&server->exchanges);
    connections_release(&server->connections);
    free(server);
}

int server_fd(const struct server *server) {
    return server->epoll_fd;
}

static bool has_work(const struct server *server) {
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    return MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0;
}

int32_t server_wait_ms(struct server *server) {
    if (server->exchanges.has_replies || (server->exchanges.is_draining && !server->is_quiesced) ||
        has_work(server)) {
        return 0;
    }
    int32_t wait_ms = WAIT_MS_MAX;
    if (server->connections.lingering.count > 0) {
        wait_ms = LINGER_LOOK_MS;
    }
    if (!TAILQ_EMPTY(&server->exchanges.stalled)) {
        wait_ms = STALLED_LOOK_MS;
    }
    return sweep_wait_ms(&server->connections, wait_ms);
}

static int32_t connection_limit(const struct server *server) {
    int32_t limit = server->options.connections_max;
    return server->is_busy && limit > SERVER_BUSY_CONNECTIONS ? SERVER_BUSY_CONNECTIONS : limit;
}

void server_set_busy(struct server *server, bool is_busy) {
    server->is_busy = is_busy;
}

/* libmicrohttpd would let in ten at a time, and loses sight of the listening socket at its limit. */
static void let_in(struct server *server) {
    struct door *door = &server->door;
    int32_t room = connection_limit(server) - server->connections.count;
    if (room <= 0 && server->is_busy && !server->exchanges.is_draining) {
        door_shut(door);
    } else {
        door_open(door);
    }
    if (room <= 0) {
        door_watch(door, false);
        return;
    }
    int fd = 0;
    for (int32_t i = 0; i < room && i < LET_IN_MAX && fd >= 0; i++) {
        struct sockaddr_storage name;
        socklen_t name_bytes;
        fd = door_accept(door, &name, &name_bytes);
        if (fd >= 0) {
            (void)MHD_add_connection(server->daemon, fd, (struct sockaddr *)&name, name_bytes);
        }
    }
    /* Without a descriptor left for him, who waits would wake us for ever. */
    door_watch(door, fd >= 0 || errno == EAGAIN);
}

static void run(struct server *server) {
    server->exchanges.has_replies = false;
    for (int i = 0; i < RUNS_MAX; i++) {
        if (!server->is_quiesced) {
            let_in(server);
        }
        recv_run(&server->connections.table, server->daemon);
        if (i + 1 >= RUNS_WHILE_WAITING && server->exchanges.waiting_count > 0) {
            break;
        }
        if (!server->exchanges.has_replies && !has_work(server)) {
            break;
        }
        server->exchanges.has_replies = false;
    }
}

/* Who is in the backlog already has a connection, as far as he knows: he is still served. */
static void quiesce(struct server *server) {
    int64_t connection_number = -1;
    for (int i = 0; i < BACKLOG_RUNS_MAX && connection_number != server->connections.number; i++) {
        connection_number = server->connections.number;
        run(server);
    }
    door_close(&server->door);
    server->is_quiesced = true;
}

void server_turn(struct server *server) {
    server->exchanges.turn_count++;
    exchanges_wake_stalled(&server->exchanges);
    run(server);
    if (server->exchanges.is_draining && !server->is_quiesced) {
        quiesce(server);
    }
    if (server->connections.lingering.count > 0) {
        linger_turn(&server->connections.lingering, clock_mono_us(server->options.clock));
    }

    /* After the run: what had arrived in time was read, however late we look. */
    struct connections *connections = &server->connections;
    int32_t cut_count =
        sweep_refused(connections) + sweep_overdue(connections) + sweep_left(connections);
    if (server->exchanges.is_draining) {
        cut_count += sweep_drained(connections);
    } else if (connections->count >= server->options.connections_max &&
               door_has_somebody(&server->door)) {
        cut_count += sweep_room(connections);
    }
    if (cut_count > 0) {
        run(server);
    }
}

void server_drain(struct server *server) {
    server->exchanges.is_draining = true;
}

int32_t server_connection_count(const struct server *server) {
    return server->connections.count;
}

int32_t server_unanswered_count(const struct server *server) {
    return server->exchanges.unanswered_count;
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
