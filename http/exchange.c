#include "http/exchange.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/exchange_impl.h"

const struct request *exchange_request(const struct exchange *exchange) {
    return &exchange->in.request;
}

struct exchange *exchange_open(struct exchanges *exchanges, struct connection *connection,
                               struct MHD_Connection *mhd, const char *target) {
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    memset(exchange, 0, offsetof(struct exchange, in));
    request_copy_init(&exchange->in, connection->peer, clock_mono_us(exchanges->options->clock));
    if (!request_copy_target(&exchange->in, target)) {
        free(exchange);
        return NULL;
    }
    exchange->all = exchanges;
    exchange->connection = connection;
    exchange->mhd = mhd;
    TAILQ_INSERT_TAIL(&exchanges->all, exchange, all_link);
    connection_begin(connection, exchange, &exchange->in.request);
    return exchange;
}

static void release(struct exchange *exchange) {
    assert(!exchange->is_stalled && exchange->connection == NULL);
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
    }
    TAILQ_REMOVE(&exchange->all->all, exchange, all_link);
    request_copy_release(&exchange->in);
    free(exchange);
}

void exchange_finish(struct exchange *exchange, int status) {
    const struct server_options *options = exchange->all->options;
    const struct request *request = &exchange->in.request;
    if (options->on_done != NULL && !exchange->all->is_closing) {
        options->on_done(options->context, request, status,
                         clock_mono_us(options->clock) - request->started_mono_us);
    }
    release(exchange);
}

void exchange_suspend(struct exchange *exchange) {
    exchange_stop_waiting(exchange);
    exchange->is_suspended = true;
    MHD_suspend_connection(exchange->mhd);
}

void exchange_resume(struct exchange *exchange) {
    if (exchange->is_suspended) {
        MHD_resume_connection(exchange->mhd);
    }
    exchange->is_suspended = false;
}

void exchange_stop_waiting(struct exchange *exchange) {
    if (exchange->is_waiting) {
        exchange->all->waiting_count--;
    }
    exchange->is_waiting = false;
}

void exchange_settle(struct exchange *exchange) {
    if (exchange->connection == NULL) {
        exchange_finish(exchange, exchange->status);
    } else if (!exchange->in_callback) {
        exchange_resume(exchange);
        exchange->all->has_replies = true;
    }
}

void exchanges_init(struct exchanges *exchanges, const struct server_options *options) {
    memset(exchanges, 0, sizeof *exchanges);
    exchanges->options = options;
    TAILQ_INIT(&exchanges->all);
    TAILQ_INIT(&exchanges->stalled);
}

void exchanges_wake_stalled(struct exchanges *exchanges) {
    struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&exchanges->stalled)) != NULL) {
        TAILQ_REMOVE(&exchanges->stalled, exchange, stalled_link);
        exchange->is_stalled = false;
        exchange_resume(exchange);
    }
}

void exchanges_resume(struct exchanges *exchanges) {
    exchanges_wake_stalled(exchanges);
    struct exchange *exchange;
    TAILQ_FOREACH(exchange, &exchanges->all, all_link) {
        exchange_resume(exchange);
    }
}

void exchanges_release(struct exchanges *exchanges) {
    struct exchange *next = NULL;
    for (struct exchange *exchange = TAILQ_FIRST(&exchanges->all); exchange != NULL;
         exchange = next) {
        next = TAILQ_NEXT(exchange, all_link);
        if (exchange->is_hijacked && exchange->hijacked_fd >= 0) {
            close(exchange->hijacked_fd);
        }
        release(exchange);
    }
}
