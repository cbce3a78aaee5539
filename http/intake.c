#include "http/intake.h"

#include <assert.h>
#include <string.h>

#include "http/refuse.h"

/* The request line is complete. */
void *intake_on_target(void *context, const char *target, struct MHD_Connection *mhd) {
    struct connection *connection = connection_of(mhd);
    if (connection == NULL || target == NULL || !connection_expects_head(connection)) {
        return NULL;
    }
    struct exchange *exchange = exchange_open(context, connection, mhd, target);
    if (exchange != NULL) {
        connection_enter(connection, CONNECTION_ARRIVING);
    }
    return exchange;
}

static enum MHD_Result queue_response(struct exchange *exchange) {
    struct MHD_Response *response = exchange->response;
    exchange->response = NULL;
    connection_enter(exchange->connection, CONNECTION_LEAVING);
    enum MHD_Result result =
        MHD_queue_response(exchange->mhd, (unsigned int)exchange->status, response);
    MHD_destroy_response(response); /* gives up our reference only */
    return result;
}

/* Refuses what must not be read on. False: out of memory. */
static bool judge(struct exchange *exchange, const char *method) {
    static const struct refusal TOO_LARGE = {431, "header-fields-too-large",
                                             "The head has too many headers or is too long."};
    const struct server_options *options = exchange->all->options;
    struct request *request = &exchange->in.request;
    enum request_copy_result result = request_copy_head(&exchange->in, exchange->mhd, method);
    head_make_request_id(request, options->random);
    struct refusal refusal = {0};
    switch (result) {
    case REQUEST_COPY_OUT_OF_MEMORY:
        return false;
    case REQUEST_COPY_TOO_LARGE:
        refusal = TOO_LARGE;
        break;
    case REQUEST_COPY_FINE:
        /* The guard has judged it already, unless it was encrypted. */
        if (options->tls_certificate_pem != NULL) {
            refusal = head_check(request, &exchange->connection->all->limits);
        }
        break;
    }
    if (refusal.status != 0) {
        struct reply reply = refuse_render(options, request, &refusal);
        exchange_reply(exchange, &reply);
    }
    return true;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method,
                                 const char *version) {
    const struct server_options *options = exchange->all->options;
    exchange->in.request.started_mono_us = clock_mono_us(options->clock);
    exchange->takes_chunks = strcmp(version, "HTTP/1.0") != 0;
    exchange->in_callback = true;
    if (!judge(exchange, method)) {
        return MHD_NO;
    }
    bool is_refused = exchange->is_answered;
    if (!is_refused && options->on_head != NULL) {
        options->on_head(options->context, exchange);
    }
    exchange->in_callback = false;
    exchange->phase = EXCHANGE_READING;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->is_hijacked) {
        connection_enter(exchange->connection, CONNECTION_HANDED);
        exchange_suspend(exchange);
        return MHD_YES;
    }
    /* An answer that is queued now closes the connection. Without a body to come, the next call
       is just as soon, and the connection lives on. */
    if (!is_refused && (!exchange->is_answered || exchange->in.request.content_length <= 0)) {
        return MHD_YES;
    }
    exchange->connection->lingers = true;
    return queue_response(exchange);
}

/*
 * libmicrohttpd calls again and again until there is a response. That is cheaper than suspending,
 * which takes four system calls, as long as the owner answers soon: what arrives while it hands out
 * the answers of one commit goes into the next, which is after the turn behind that.
 */
static enum MHD_Result wait_for_answer(struct exchange *exchange) {
    struct exchanges *all = exchange->all;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->response != NULL) {
        return queue_response(exchange);
    }
    if (exchange->is_hijacked || all->turn_count - exchange->handed_turn > 1) {
        exchange_suspend(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result hand_over(struct exchange *exchange) {
    struct exchanges *all = exchange->all;
    exchange->phase = EXCHANGE_HANDED;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->response != NULL) {
        return queue_response(exchange);
    }

    connection_enter(exchange->connection, CONNECTION_HANDED);
    exchange->handed_turn = all->turn_count;
    all->unanswered_count++;
    exchange->is_waiting = true;
    all->waiting_count++;
    exchange->in_callback = true;
    all->options->on_request(all->options->context, exchange);
    exchange->in_callback = false;
    return wait_for_answer(exchange);
}

enum MHD_Result intake_on_access(void *context, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_bytes, void **exchange_pointer) {
    (void)context;
    (void)mhd;
    (void)url;
    struct exchange *exchange = *exchange_pointer;
    if (exchange == NULL) {
        return MHD_NO;
    }
    switch (exchange->phase) {
    case EXCHANGE_BEGUN:
        return take_head(exchange, method, version);
    case EXCHANGE_READING:
        if (*upload_bytes == 0) {
            return hand_over(exchange);
        }
        if (!request_copy_body(&exchange->in, upload, *upload_bytes)) {
            return MHD_NO;
        }
        *upload_bytes = 0;
        return MHD_YES;
    case EXCHANGE_HANDED:
        break;
    }
    return wait_for_answer(exchange);
}

/* What the client got of a request that no owner answered. */
static int status_of(struct exchange *exchange) {
    if (exchange->is_answered) {
        return exchange->status;
    }
    if (exchange->connection->state == CONNECTION_CUT) {
        return 408;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    if (info == NULL) {
        return 0;
    }
    exchange->connection->lingers = true; /* libmicrohttpd's own page, about what it did not read */
    return (int)info->http_status;
}

void intake_end(struct exchange *exchange) {
    exchange_stop_waiting(exchange);
    assert(!exchange->is_stalled); /* while it is, it is suspended */

    int status = status_of(exchange);
    struct connection *connection = exchange->connection;
    exchange->connection = NULL;
    exchange->mhd = NULL;
    connection_rest(connection);
    bool is_owned = exchange->phase == EXCHANGE_HANDED && !exchange->is_answered;
    if (!is_owned && !exchange->is_hijacked) {
        exchange_finish(exchange, status);
    }
}

/* The reply has left, or the connection is about to be closed. */
void intake_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_pointer,
                         enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)mhd;
    (void)code;
    struct exchange *exchange = *exchange_pointer;
    *exchange_pointer = NULL;
    if (exchange != NULL) {
        intake_end(exchange);
    }
}
