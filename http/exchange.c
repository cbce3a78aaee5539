#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"
#include "http/problem.h"
#include "http/server_impl.h"

static struct exchange *exchange_new(struct connection *connection, struct MHD_Connection *mhd) {
    struct exchange *exchange = malloc(sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    memset(exchange, 0, offsetof(struct exchange, headers));
    exchange->server = connection->server;
    exchange->connection = connection;
    exchange->mhd = mhd;
    exchange->request.method = "";
    exchange->request.headers = exchange->headers;
    exchange->request.body = "";
    exchange->request.content_length = -1;
    exchange->request.started_mono_us = server_now(connection->server);
    memcpy(exchange->request.peer, connection->peer, sizeof connection->peer);
    TAILQ_INSERT_TAIL(&connection->server->exchanges, exchange, all_link);
    connection->exchange = exchange;
    connection->exchange_count++;
    return exchange;
}

void exchange_free(struct exchange *exchange) {
    assert(!exchange->is_stalled);
    if (exchange->connection != NULL) {
        exchange->connection->exchange = NULL;
    }
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
    }
    TAILQ_REMOVE(&exchange->server->exchanges, exchange, all_link);
    free(exchange->target);
    free(exchange->text);
    free(exchange->body);
    free(exchange);
}

void exchange_finish(struct exchange *exchange, int status) {
    struct server *server = exchange->server;
    if (server->options.on_done != NULL && !server->is_closing) {
        server->options.on_done(server->options.context, &exchange->request, status,
                                server_now(server) - exchange->request.started_mono_us);
    }
    exchange_free(exchange);
}

/* Fails closed: nothing reaches libmicrohttpd unjudged but what is decrypted within it. */
static bool has_passed_guard(const struct connection *connection) {
    return connection->server->options.tls_certificate_pem != NULL ||
           connection->exchange_count < connection->guard.framing.head_count;
}

/* The request line is complete. What this returns is the exchange_pointer of the calls to come. */
void *exchange_on_target(void *context, const char *target, struct MHD_Connection *mhd) {
    (void)context;
    struct connection *connection = connection_of(mhd);
    if (connection == NULL || target == NULL || !has_passed_guard(connection)) {
        return NULL;
    }
    struct exchange *exchange = exchange_new(connection, mhd);
    if (exchange == NULL) {
        return NULL;
    }
    if (!request_read_target(exchange, target)) {
        exchange_free(exchange);
        return NULL;
    }
    connection_enter(connection, CONNECTION_ARRIVING);
    return exchange;
}

void exchange_stop_waiting(struct exchange *exchange) {
    if (exchange->is_waiting) {
        exchange->server->waiting_count--;
    }
    exchange->is_waiting = false;
}

static void suspend(struct exchange *exchange) {
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

static enum MHD_Result queue_response(struct exchange *exchange) {
    struct MHD_Response *response = exchange->response;
    exchange->response = NULL;
    connection_enter(exchange->connection, CONNECTION_LEAVING);
    enum MHD_Result result =
        MHD_queue_response(exchange->mhd, (unsigned int)exchange->status, response);
    MHD_destroy_response(response); /* gives up our reference only */
    return result;
}

struct reply exchange_render_refusal(const struct server *server, const struct request *request,
                                     const struct refusal *refusal) {
    const struct server_options *options = &server->options;
    struct reply reply = options->render_error != NULL
                             ? options->render_error(options->context, request, refusal->status,
                                                     refusal->name, refusal->detail)
                             : problem_reply(request, refusal->status, refusal->name, NULL,
                                             refusal->detail, NULL, 0);
    reply.closes = true;
    return reply;
}

/* Refuses what must not be read on. False: out of memory. */
static bool judge(struct exchange *exchange, const char *method) {
    static const struct refusal TOO_LARGE = {431, "header-fields-too-large",
                                             "The head has too many headers or is too long."};
    const struct server *server = exchange->server;
    enum read_result result = request_read_head(exchange, method);
    if (exchange->request.id[0] == '\0') {
        request_make_id(server, &exchange->request);
    }
    struct refusal refusal = {0};
    switch (result) {
    case READ_OUT_OF_MEMORY:
        return false;
    case READ_TOO_LARGE:
        refusal = TOO_LARGE;
        break;
    case READ_FINE:
        /* The guard has judged it already, unless it was encrypted. */
        if (server->options.tls_certificate_pem != NULL) {
            refusal = head_check(&exchange->request, &server->limits);
        }
        break;
    }
    if (refusal.status != 0) {
        struct reply reply = exchange_render_refusal(server, &exchange->request, &refusal);
        exchange_reply(exchange, &reply);
    }
    return true;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method,
                                 const char *version) {
    struct server *server = exchange->server;
    exchange->request.started_mono_us = server_now(server);
    exchange->takes_chunks = strcmp(version, "HTTP/1.0") != 0;
    exchange->in_callback = true;
    if (!judge(exchange, method)) {
        return MHD_NO;
    }
    bool is_refused = exchange->is_answered;
    if (!is_refused && server->options.on_head != NULL) {
        server->options.on_head(server->options.context, exchange);
    }
    exchange->in_callback = false;
    exchange->phase = EXCHANGE_READING;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->is_hijacked) {
        connection_enter(exchange->connection, CONNECTION_HANDED);
        suspend(exchange);
        return MHD_YES;
    }
    /* An answer that is queued now closes the connection. Without a body to come, the next call
       is just as soon, and the connection lives on. */
    if (!is_refused && (!exchange->is_answered || exchange->request.content_length <= 0)) {
        return MHD_YES;
    }
    exchange->connection->lingers = true;
    return queue_response(exchange);
}

static enum MHD_Result take_body(struct exchange *exchange, const char *upload,
                                 size_t *upload_bytes) {
    struct request *request = &exchange->request;
    size_t length = (size_t)request->content_length; /* checked by head_check */
    if (exchange->body == NULL) {
        exchange->body = malloc(length + 1);
        if (exchange->body == NULL) {
            return MHD_NO;
        }
        request->body = exchange->body;
    }
    if (*upload_bytes > length - request->body_bytes) {
        return MHD_NO;
    }
    memcpy(exchange->body + request->body_bytes, upload, *upload_bytes);
    request->body_bytes += *upload_bytes;
    exchange->body[request->body_bytes] = '\0';
    *upload_bytes = 0;
    return MHD_YES;
}

/*
 * libmicrohttpd calls again and again until there is a response. That is cheaper than suspending,
 * which takes four system calls, as long as the owner answers soon: what arrives while it hands out
 * the answers of one commit goes into the next, which is after the turn behind that.
 */
static enum MHD_Result wait_for_answer(struct exchange *exchange) {
    struct server *server = exchange->server;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->response != NULL) {
        return queue_response(exchange);
    }
    if (exchange->is_hijacked || server->turn_count - exchange->handed_turn > 1) {
        suspend(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result hand_over(struct exchange *exchange) {
    struct server *server = exchange->server;
    exchange->phase = EXCHANGE_HANDED;
    if (exchange->must_drop) {
        return MHD_NO;
    }
    if (exchange->response != NULL) {
        return queue_response(exchange);
    }

    connection_enter(exchange->connection, CONNECTION_HANDED);
    exchange->handed_turn = server->turn_count;
    server->unanswered_count++;
    exchange->is_waiting = true;
    server->waiting_count++;
    exchange->in_callback = true;
    server->options.on_request(server->options.context, exchange);
    exchange->in_callback = false;
    return wait_for_answer(exchange);
}

enum MHD_Result exchange_on_access(void *context, struct MHD_Connection *mhd, const char *url,
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
        return *upload_bytes > 0 ? take_body(exchange, upload, upload_bytes) : hand_over(exchange);
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

/* The reply has left, or the connection is about to be closed. */
void exchange_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_pointer,
                           enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)mhd;
    (void)code;
    struct exchange *exchange = *exchange_pointer;
    if (exchange == NULL) {
        return;
    }
    *exchange_pointer = NULL;
    exchange_stop_waiting(exchange);
    assert(!exchange->is_stalled); /* while it is, it is suspended */

    int status = status_of(exchange);
    struct connection *connection = exchange->connection;
    connection->exchange = NULL;
    exchange->connection = NULL;
    exchange->mhd = NULL;
    connection_rest(connection);
    bool is_owned = exchange->phase == EXCHANGE_HANDED && !exchange->is_answered;
    if (!is_owned && !exchange->is_hijacked) {
        exchange_finish(exchange, status);
    }
}
