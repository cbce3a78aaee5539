#pragma once
/*
 * One kept HTTP/1.1 connection of a load generator: sends one request at a time, reads its answer.
 * Never blocks. Understands what our servers send: Content-Length, and answers without a body.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { LINK_ANSWER_BYTES_MAX = 16 * 1024 };

enum link_state {
    LINK_CLOSED,
    LINK_IDLE,
    LINK_BUSY,     /* a request is under way */
    LINK_ANSWERED, /* status and body are there; link_next makes it idle */
};

struct link {
    int fd;
    enum link_state state;
    const char *request; /* the caller's, until the link is idle again */
    size_t request_bytes, sent_bytes;
    char answer[LINK_ANSWER_BYTES_MAX];
    size_t answer_bytes;
    int status;
    const char *body; /* in `answer` */
    size_t body_bytes;
    bool closes; /* the server said that it closes */
    int error;   /* of a connection that broke: errno, 0 if the server closed it */
};

/* "127.0.0.1:8080" */
CHECKED enum err_code link_address(const char *text, struct sockaddr_in *address_out,
                                   struct err *err);

/* ERR_BUSY: refused. Begins to connect; the link is idle from then on, what is sent waits in the kernel. */
CHECKED enum err_code link_open(struct link *link, const struct sockaddr_in *address,
                                struct err *err);
void link_close(struct link *link);

/* Begins a request on an idle link. */
void link_send(struct link *link, const char *request, size_t request_bytes);

/* Goes on as far as it goes. False: the connection broke. */
CHECKED bool link_turn(struct link *link);

/* Forgets an answer: the link is idle, or closed if the server wants it so. */
void link_next(struct link *link);

/* What to wait for. */
static inline bool link_wants_to_write(const struct link *link) {
    return link->state == LINK_BUSY && link->sent_bytes < link->request_bytes;
}
