/* How the reply of an exchange leaves: what exchange.h promises of it. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/exchange_impl.h"

enum { STREAM_BLOCK_BYTES = 16 * 1024 };

/* A reply's body as libmicrohttpd asks for it. */
struct stream {
    struct exchange *exchange;
    bool is_chunked;
    int64_t (*read)(void *context, char *bytes, size_t bytes_max);
    void (*free)(void *context);
    void *context;
};

static bool add_headers(struct MHD_Response *response, const struct exchange *exchange,
                        const struct reply *reply) {
    bool added =
        MHD_add_response_header(response, "X-Request-Id", exchange->in.request.id) == MHD_YES;
    if (added && reply->content_type != NULL) {
        added = MHD_add_response_header(response, "Content-Type", reply->content_type) == MHD_YES;
    }
    if (added && reply->location != NULL) {
        added = MHD_add_response_header(response, "Location", reply->location) == MHD_YES;
    }
    for (size_t i = 0; added && i < reply->header_count; i++) {
        added = MHD_add_response_header(response, reply->headers[i].name,
                                        reply->headers[i].value) == MHD_YES;
    }
    if (added && (reply->closes || exchange->all->is_draining)) {
        added = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    }
    return added;
}

/* Takes the response; NULL: there was no memory for it, and the connection is closed instead. */
static void answer(struct exchange *exchange, struct reply *reply, struct MHD_Response *response) {
    struct exchanges *all = exchange->all;
    assert(!exchange->is_answered && !exchange->is_hijacked);
    exchange->is_answered = true;
    exchange->status = reply->status;
    exchange_stop_waiting(exchange);
    if (exchange->phase == EXCHANGE_HANDED) {
        all->unanswered_count--;
    }

    if (all->options->on_reply != NULL) {
        all->options->on_reply(all->options->context, &exchange->in.request, reply);
    }
    if (response != NULL && !add_headers(response, exchange, reply)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    exchange->response = response;
    exchange->must_drop = response == NULL;
    exchange_settle(exchange);
}

void exchange_reply(struct exchange *exchange, struct reply *reply) {
    static char NOTHING[] = "";
    bool has_body = reply->body != NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        has_body ? reply->body_bytes : 0, has_body ? reply->body : NOTHING,
        has_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    answer(exchange, reply, response);
    if (response != NULL) {
        reply->body = NULL; /* the response's */
    }
    reply_release(reply);
}

static bool has_client_left(const struct exchange *exchange) {
    char byte;
    ssize_t result = recv(exchange->connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return result == 0 || (result < 0 && errno != EAGAIN);
}

/*
 * libmicrohttpd 0.9.75 forgets a connection that it closes in the middle of a body: it shuts it
 * down, takes it from its list of ready ones, and cleans it up only when it has become its oldest.
 * One that is resumed is always looked at, in the next run.
 */
static void have_looked_at(struct exchange *exchange) {
    MHD_suspend_connection(exchange->mhd);
    MHD_resume_connection(exchange->mhd);
    exchange->all->has_replies = true;
}

static ssize_t stream_read(void *context, uint64_t position, char *bytes, size_t bytes_max) {
    (void)position;
    struct stream *stream = context;
    struct exchange *exchange = stream->exchange;
    int64_t byte_count = stream->read(stream->context, bytes, bytes_max);
    assert(byte_count >= -2 && byte_count <= (int64_t)bytes_max);
    if (byte_count == -1 && stream->is_chunked) {
        return MHD_CONTENT_READER_END_OF_STREAM; /* the connection lives on */
    }
    if (byte_count < 0) {
        have_looked_at(exchange);
        return byte_count == -1 ? MHD_CONTENT_READER_END_OF_STREAM
                                : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    /* A client that takes what it gets is never too slow, however long the stream. */
    connection_enter(exchange->connection, CONNECTION_LEAVING);
    if (byte_count == 0) {
        if (has_client_left(exchange)) {
            have_looked_at(exchange);
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        /* Asked at once again, it would have nothing to give: libmicrohttpd would spin. */
        exchange->is_stalled = true;
        TAILQ_INSERT_TAIL(&exchange->all->stalled, exchange, stalled_link);
        exchange->is_suspended = true;
        MHD_suspend_connection(exchange->mhd);
    }
    return (ssize_t)byte_count;
}

static void stream_free(void *context) {
    struct stream *stream = context;
    if (stream->free != NULL) {
        stream->free(stream->context);
    }
    free(stream);
}

void exchange_reply_stream(struct exchange *exchange, struct reply *reply, int64_t content_length,
                           int64_t (*read)(void *context, char *bytes, size_t bytes_max),
                           void (*free)(void *context), void *context) {
    struct MHD_Response *response = NULL;
    struct stream *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        *stream = (struct stream){exchange, content_length < 0 && exchange->takes_chunks, read,
                                  free, context};
        uint64_t length = content_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)content_length;
        response = MHD_create_response_from_callback(length, STREAM_BLOCK_BYTES, stream_read,
                                                     stream, stream_free);
        if (response == NULL) {
            stream_free(stream);
        }
    } else if (free != NULL) {
        free(context);
    }
    answer(exchange, reply, response);
    reply_release(reply);
}

int exchange_hijack(struct exchange *exchange) {
    assert(!exchange->is_answered && !exchange->is_hijacked);
    assert(exchange->all->options->tls_certificate_pem == NULL);
    /* A descriptor of its own: libmicrohttpd may close its own at any time. */
    int fd = exchange->connection != NULL
                 ? fcntl(exchange->connection->fd, F_DUPFD_CLOEXEC, 0)
                 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    exchange->is_hijacked = true;
    exchange->hijacked_fd = fd;
    return fd;
}

void exchange_end_hijack(struct exchange *exchange, bool with_reset) {
    assert(exchange->is_hijacked);
    if (exchange->hijacked_fd >= 0) {
        if (with_reset) {
            connection_reset(exchange->hijacked_fd);
        }
        (void)shutdown(exchange->hijacked_fd, SHUT_RDWR);
        close(exchange->hijacked_fd);
    }
    exchange->is_hijacked = false;
    exchange->is_answered = true;
    exchange_stop_waiting(exchange);
    if (exchange->phase == EXCHANGE_HANDED) {
        exchange->all->unanswered_count--;
    }

    exchange->must_drop = true;
    exchange_settle(exchange);
}
