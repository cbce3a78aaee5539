#include "http/sweep.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http/refuse.h"

enum {
    LOOK_AFTER_MS = 200,   /* a busy connection is never idle for so long, and never looked at */
    DRAIN_FRESH_MS = 1000, /* who has just connected is about to send */
    SHED_IDLE_MS = 1000,
    SHED_ARRIVING_MS = 3000,
    SHED_SHARE = 16, /* at most one in so many at a time: most clients keep their connections */
};

static void time_out(struct connection *connection) {
    static const struct refusal TOO_SLOW = {408, "request-timeout",
                                            "The request did not arrive in time."};
    const struct server_options *options = connection->all->options;
    struct request *request = connection->request;
    if (request == NULL) {
        connection_refuse(connection, &TOO_SLOW);
        return;
    }
    head_make_request_id(request, options->random);
    if (refuse_by_hand(options, connection->fd, request, &TOO_SLOW)) {
        connection->lingers = true;
    }
}

int32_t sweep_refused(struct connections *connections) {
    int32_t count = 0;
    struct connection *connection = TAILQ_FIRST(&connections->refused);
    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, refused_link);
        if (connection->state != CONNECTION_CUT && connection_has_come_to_refused(connection)) {
            connection_refuse(connection, &connection->guard.framing.refusal);
            connection_cut(connection);
            count++;
        }
        connection = next;
    }
    return count;
}

/* Closed as others are, it would hold the kernel's memory until the client has fetched all. */
static void drop_unfetched(const struct connection *connection) {
    int byte_count;
    if (ioctl(connection->fd, SIOCOUTQNSD, &byte_count) == 0 && byte_count > 0) {
        connection_reset(connection->fd);
    }
}

static int64_t age_ms(const struct connection *connection) {
    return (clock_mono_us(connection->all->options->clock) - connection->since_mono_us) / US_PER_MS;
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

int32_t sweep_overdue(struct connections *connections) {
    int64_t limit_ms = connections->options->request_deadline_ms;
    return cut_older(&connections->waiting, limit_ms, INT32_MAX) +
           cut_older(&connections->leaving, limit_ms, INT32_MAX);
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

int32_t sweep_drained(struct connections *connections) {
    return cut_drained(&connections->idle) + cut_drained(&connections->idle_new);
}

int32_t sweep_left(struct connections *connections) {
    int32_t count = 0;
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&connections->idle_new)) != NULL &&
           age_ms(connection) >= LOOK_AFTER_MS) {
        connection_mark_looked_at(connection);
        char byte;
        if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            connection_cut(connection);
            count++;
        }
    }
    return count;
}

int32_t sweep_room(struct connections *connections) {
    int32_t most = connections->options->connections_max / SHED_SHARE + 1;
    int32_t count = cut_older(&connections->idle, SHED_IDLE_MS, most);
    return count > 0 ? count : cut_older(&connections->waiting, SHED_ARRIVING_MS, most);
}

static int32_t time_left_ms(const struct connections *connections, const struct connection *first,
                            int32_t most_ms) {
    if (first == NULL) {
        return most_ms;
    }
    int64_t left_ms = connections->options->request_deadline_ms - age_ms(first);
    if (left_ms <= 0) {
        return 0;
    }
    return left_ms < most_ms ? (int32_t)left_ms : most_ms;
}

int32_t sweep_wait_ms(const struct connections *connections, int32_t most_ms) {
    most_ms = time_left_ms(connections, TAILQ_FIRST(&connections->waiting), most_ms);
    return time_left_ms(connections, TAILQ_FIRST(&connections->leaving), most_ms);
}
