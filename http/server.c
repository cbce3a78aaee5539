#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http/server_impl.h"

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

int64_t server_now(const struct server *server) {
    return clock_mono_us(server->options.clock);
}

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
        flags, 0, NULL, NULL, exchange_on_access, server,                    //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)options->connections_max, //
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY_BYTES,       //
        MHD_OPTION_STRICT_FOR_CLIENT, 1,                                     //
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server,             //
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, server,          //
        MHD_OPTION_URI_LOG_CALLBACK, exchange_on_target, server,             //
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,                    //
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
    server->limits =
        (struct head_limits){options->body_bytes_max, options->body_limit, options->context};
    TAILQ_INIT(&server->waiting);
    TAILQ_INIT(&server->leaving);
    TAILQ_INIT(&server->idle_new);
    TAILQ_INIT(&server->idle);
    TAILQ_INIT(&server->exchanges);
    TAILQ_INIT(&server->stalled);
    TAILQ_INIT(&server->refused);

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
    server->is_closing = true;
    /* libmicrohttpd aborts if it is stopped with anything suspended. */
    answer_wake_stalled(server);
    struct exchange *exchange;
    TAILQ_FOREACH(exchange, &server->exchanges, all_link) {
        exchange_resume(exchange);
    }
    door_close(&server->door);
    MHD_stop_daemon(server->daemon);
    close(server->epoll_fd);
    while ((exchange = TAILQ_FIRST(&server->exchanges)) != NULL) {
        if (exchange->is_hijacked && exchange->hijacked_fd >= 0) {
            close(exchange->hijacked_fd);
        }
        exchange_free(exchange);
    }
    linger_close(&server->lingering);
    free(server->by_fd);
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
    if (server->has_replies || (server->is_draining && !server->is_quiesced) || has_work(server)) {
        return 0;
    }
    int32_t wait_ms = WAIT_MS_MAX;
    if (server->lingering.count > 0) {
        wait_ms = LINGER_LOOK_MS;
    }
    if (!TAILQ_EMPTY(&server->stalled)) {
        wait_ms = STALLED_LOOK_MS;
    }
    return connections_wait_ms(server, wait_ms);
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
    int32_t room = connection_limit(server) - server->connection_count;
    if (room <= 0 && server->is_busy && !server->is_draining) {
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
    server->has_replies = false;
    for (int i = 0; i < RUNS_MAX; i++) {
        if (!server->is_quiesced) {
            let_in(server);
        }
        recv_run(server);
        if (i + 1 >= RUNS_WHILE_WAITING && server->waiting_count > 0) {
            break;
        }
        if (!server->has_replies && !has_work(server)) {
            break;
        }
        server->has_replies = false;
    }
}

/* Who is in the backlog already has a connection, as far as he knows: he is still served. */
static void quiesce(struct server *server) {
    int64_t connection_number = -1;
    for (int i = 0; i < BACKLOG_RUNS_MAX && connection_number != server->connection_number; i++) {
        connection_number = server->connection_number;
        run(server);
    }
    door_close(&server->door);
    server->is_quiesced = true;
}

void server_turn(struct server *server) {
    server->turn_count++;
    answer_wake_stalled(server);
    run(server);
    if (server->is_draining && !server->is_quiesced) {
        quiesce(server);
    }
    if (server->lingering.count > 0) {
        linger_turn(&server->lingering, server_now(server));
    }

    /* After the run: what had arrived in time was read, however late we look. */
    int32_t cut_count = connections_cut_refused(server) + connections_cut_overdue(server) +
                        connections_cut_left(server);
    if (server->is_draining) {
        cut_count += connections_cut_drained(server);
    } else {
        cut_count += connections_shed(server);
    }
    if (cut_count > 0) {
        run(server);
    }
}

void server_drain(struct server *server) {
    server->is_draining = true;
}

int32_t server_connection_count(const struct server *server) {
    return server->connection_count;
}

int32_t server_unanswered_count(const struct server *server) {
    return server->unanswered_count;
}
