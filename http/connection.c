#include "http/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/peer.h"
#include "http/refuse.h"

static int64_t now_us(const struct connections *connections) {
    return clock_mono_us(connections->options->clock);
}

struct connection *connection_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    assert(info != NULL);
    return info->socket_context;
}

static void leave_idle(struct connection *connection) {
    struct connections *all = connection->all;
    if (connection->was_looked_at) {
        TAILQ_REMOVE(&all->idle, connection, idle_link);
    } else {
        TAILQ_REMOVE(&all->idle_new, connection, idle_link);
    }
    connection->was_looked_at = false;
}

void connection_mark_looked_at(struct connection *connection) {
    leave_idle(connection);
    connection->was_looked_at = true;
    TAILQ_INSERT_TAIL(&connection->all->idle, connection, idle_link);
}

static void leave_lists(struct connection *connection) {
    struct connections *all = connection->all;
    switch (connection->state) {
    case CONNECTION_IDLE:
        leave_idle(connection);
        TAILQ_REMOVE(&all->waiting, connection, clock_link);
        break;
    case CONNECTION_ARRIVING:
        TAILQ_REMOVE(&all->waiting, connection, clock_link);
        break;
    case CONNECTION_LEAVING:
        TAILQ_REMOVE(&all->leaving, connection, clock_link);
        break;
    case CONNECTION_HANDED:
    case CONNECTION_CUT:
        break;
    }
}

static void join_lists(struct connection *connection) {
    struct connections *all = connection->all;
    switch (connection->state) {
    case CONNECTION_IDLE:
        TAILQ_INSERT_TAIL(&all->idle_new, connection, idle_link);
        TAILQ_INSERT_TAIL(&all->waiting, connection, clock_link);
        break;
    case CONNECTION_ARRIVING:
        TAILQ_INSERT_TAIL(&all->waiting, connection, clock_link);
        break;
    case CONNECTION_LEAVING:
        TAILQ_INSERT_TAIL(&all->leaving, connection, clock_link);
        break;
    case CONNECTION_HANDED:
    case CONNECTION_CUT:
        break;
    }
}

void connection_enter(struct connection *connection, enum connection_state state) {
    struct connections *all = connection->all;
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
    connection->since_mono_us = now_us(all);
    join_lists(connection);
}

struct connection *connection_open(struct connections *connections, struct MHD_Connection *mhd) {
    const struct server_options *options = connections->options;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    assert(info != NULL);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        shutdown(info->connect_fd, SHUT_RDWR);
        return NULL;
    }
    connection->all = connections;
    connection->fd = info->connect_fd;
    connection->state = CONNECTION_IDLE;
    connection->is_fresh = true;
    connection->since_mono_us = now_us(connections);
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    peer_describe(info != NULL ? info->client_addr : NULL, connection->peer);
    join_lists(connection);

    connections->count++;
    if (options->tls_certificate_pem == NULL &&
        !recv_watch(&connections->table, connection->fd, connection)) {
        connection_cut(connection);
    }
    connections->number++;
    if (options->on_connect != NULL &&
        !options->on_connect(options->context, connections->number, connection->fd)) {
        connection_cut(connection);
    }
    return connection;
}

void connection_close(struct connection *connection) {
    struct connections *all = connection->all;
    leave_lists(connection);
    if (connection->is_refused) {
        TAILQ_REMOVE(&all->refused, connection, refused_link);
    }
    recv_forget(&all->table, connection->fd);
    guard_release(&connection->guard);
    if (connection->lingers && !all->is_closing) {
        linger_add(&all->lingering, connection->fd, now_us(all));
    }
    all->count--;
    free(connection);
}

void connection_cut(struct connection *connection) {
    leave_lists(connection);
    connection->state = CONNECTION_CUT;
    /* libmicrohttpd sees the hang-up and closes. A failure means that the client was faster. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

bool connection_expects_head(const struct connection *connection) {
    return connection->all->options->tls_certificate_pem != NULL ||
           connection->exchange_count < connection->guard.framing.head_count;
}

void connection_begin(struct connection *connection, struct exchange *exchange,
                      struct request *request) {
    connection->exchange = exchange;
    connection->request = request;
    connection->exchange_count++;
}

void connection_rest(struct connection *connection) {
    connection->exchange = NULL;
    connection->request = NULL;
    connection_enter(connection, CONNECTION_IDLE);
    if (guard_is_amid_head(&connection->guard)) {
        connection_enter(connection, CONNECTION_ARRIVING);
    }
}

void connection_refuse(struct connection *connection, const struct refusal *refusal) {
    struct connections *all = connection->all;
    const struct server_options *options = all->options;
    struct parsed_head *parsed = &all->scratch;
    (void)head_parse(connection->guard.kept, connection->guard.kept_bytes, parsed);
    struct request *request = &parsed->request;
    request->started_mono_us = now_us(all);
    memcpy(request->peer, connection->peer, sizeof request->peer);
    head_make_request_id(request, options->random);
    if (refuse_by_hand(options, connection->fd, request, refusal)) {
        connection->lingers = true;
    }
    if (options->on_done != NULL) {
        options->on_done(options->context, request, refusal->status, 0);
    }
}

bool connection_has_come_to_refused(const struct connection *connection) {
    return connection->exchange == NULL &&
           connection->exchange_count == connection->guard.framing.head_count;
}

/* libmicrohttpd reads through this: see guard_read. */
static ssize_t read_guarded(void *reader, char *bytes_out, size_t room_bytes) {
    struct connection *connection = reader;
    struct connections *all = connection->all;
    if (connection->state == CONNECTION_CUT) {
        return 0;
    }
    struct guard *guard = &connection->guard;
    ssize_t byte_count =
        guard_read(guard, &all->limits, &all->scratch, connection->fd, bytes_out, room_bytes);
    int error = errno;
    const struct refusal *refusal = &guard->framing.refusal;
    if (refusal->status != 0 && byte_count < 0 && connection_has_come_to_refused(connection)) {
        connection_refuse(connection, refusal);
        /* The end makes libmicrohttpd close. Unlike a shutdown it leaves the client's side open. */
        leave_lists(connection);
        connection->state = CONNECTION_CUT;
        return 0;
    }
    if (refusal->status != 0 && !connection->is_refused) {
        connection->is_refused = true;
        TAILQ_INSERT_TAIL(&all->refused, connection, refused_link);
    }
    if (connection->state == CONNECTION_IDLE && guard_is_amid_head(guard)) {
        connection_enter(connection, CONNECTION_ARRIVING);
    }
    errno = error;
    return byte_count;
}

void connection_reset(int fd) {
    const struct linger hard = {.l_onoff = 1};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    (void)connect(fd, &nobody, sizeof nobody);
}

void connections_init(struct connections *connections, const struct server_options *options) {
    memset(connections, 0, sizeof *connections);
    connections->options = options;
    connections->limits =
        (struct head_limits){options->body_bytes_max, options->body_limit, options->context};
    connections->table.read = read_guarded;
    TAILQ_INIT(&connections->waiting);
    TAILQ_INIT(&connections->leaving);
    TAILQ_INIT(&connections->idle_new);
    TAILQ_INIT(&connections->idle);
    TAILQ_INIT(&connections->refused);
}

void connections_release(struct connections *connections) {
    linger_close(&connections->lingering);
    recv_release(&connections->table);
}
