#include "http/refuse.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/buf.h"
#include "http/problem.h"

enum { BY_HAND_BYTES_MAX = 64 * 1024, DATE_BYTES = 40 };

struct reply refuse_render(const struct server_options *options, const struct request *request,
                           const struct refusal *refusal) {
    struct reply reply = options->render_error != NULL
                             ? options->render_error(options->context, request, refusal->status,
                                                     refusal->name, refusal->detail)
                             : problem_reply(request, refusal->status, refusal->name, NULL,
                                             refusal->detail, NULL, 0);
    reply.closes = true;
    return reply;
}

/* RFC 9110, 5.6.7 and 6.6.1. */
static void append_date(struct buf *text, const struct clock *clock) {
    time_t now_s = (time_t)(clock_wall_ms(clock) / MS_PER_S);
    struct tm fields;
    char date[DATE_BYTES];
    const struct tm *done = gmtime_r(&now_s, &fields);
    assert(done != NULL); /* a year has nine digits at most */
    size_t length = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &fields);
    assert(length > 0);
    buf_append_format(text, "Date: %s\r\n", date);
}

static void append_reply(struct buf *text, const struct request *request,
                         const struct reply *reply) {
    buf_append_format(text, "X-Request-Id: %s\r\n", request->id);
    if (reply->content_type != NULL) {
        buf_append_format(text, "Content-Type: %s\r\n", reply->content_type);
    }
    for (size_t i = 0; i < reply->header_count; i++) {
        buf_append_format(text, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    }
    buf_append_format(text, "Content-Length: %zu\r\nConnection: close\r\n\r\n", reply->body_bytes);
    if (reply->body != NULL && strcmp(request->method, "HEAD") != 0) {
        buf_append(text, reply->body, reply->body_bytes);
    }
}

bool refuse_by_hand(const struct server_options *options, int fd, const struct request *request,
                    const struct refusal *refusal) {
    if (options->tls_certificate_pem != NULL) {
        return false;
    }
    struct reply reply = refuse_render(options, request, refusal);
    if (options->on_reply != NULL) {
        options->on_reply(options->context, request, &reply);
    }
    struct buf text;
    buf_init(&text, BY_HAND_BYTES_MAX);
    buf_append_format(&text, "HTTP/1.1 %d %s\r\n", reply.status, status_phrase(reply.status));
    append_date(&text, options->clock);
    append_reply(&text, request, &reply);
    /* All of it or, if it does not fit into the socket, none that matters. */
    bool is_whole = !buf_failed(&text);
    if (is_whole) {
        (void)send(fd, text.bytes, text.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    buf_release(&text);
    reply_release(&reply);
    return is_whole;
}
