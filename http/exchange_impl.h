#pragma once
/*
 * The inside of an exchange: shared by exchange.c (its life), intake.c (how its request comes in) and
 * answer.c (how its reply leaves).
 *
 * It lives from its request line to the end of its reply. It parts company with its connection when the
 * client goes while the owner still holds the exchange: then exchange->connection is NULL, and the
 * reply to come is dropped.
 */
#include <microhttpd.h>
#include <sys/queue.h>

#include "http/connection.h"
#include "http/exchange.h"
#include "http/request_copy.h"

enum exchange_phase {
    EXCHANGE_BEGUN,   /* request line read */
    EXCHANGE_READING, /* head judged, body under way */
    EXCHANGE_HANDED,  /* given to on_request */
};

struct exchange {
    struct exchanges *all;
    struct connection *connection; /* NULL: the client is gone */
    struct MHD_Connection *mhd;    /* NULL with it */
    struct MHD_Response *response; /* the answer, until libmicrohttpd asks for it */
    enum exchange_phase phase;
    int status;        /* of the answer; 0: none */
    bool in_callback;  /* one of the owner's callbacks is running for it */
    bool is_answered;  /* by a reply, a stream or the end of a hijack */
    bool is_waiting;   /* handed over, unanswered, not suspended */
    bool is_suspended; /* at libmicrohttpd: it won't call until resumed */
    bool must_drop;    /* close the connection at libmicrohttpd's next call */
    bool is_stalled;   /* its stream had nothing to give: in `stalled` */
    bool is_hijacked;
    bool takes_chunks; /* the client does: no HTTP/1.0 */
    int hijacked_fd;   /* ours; -1 if there was no descriptor left */
    int64_t handed_turn;
    TAILQ_ENTRY(exchange) all_link;
    TAILQ_ENTRY(exchange) stalled_link;
    struct request_copy in; /* last: most of it is not set at first */
};

TAILQ_HEAD(exchange_list, exchange);

/* All those of one server. */
struct exchanges {
    const struct server_options *options;
    struct exchange_list all;
    struct exchange_list stalled;
    int64_t turn_count;       /* of the server */
    int32_t unanswered_count; /* of those handed over */
    int32_t waiting_count;    /* of those that are is_waiting */
    bool has_replies;         /* given since the last run of libmicrohttpd */
    bool is_draining;         /* replies close their connections */
    bool is_closing;          /* nobody is told of an end any more */
};

void exchanges_init(struct exchanges *exchanges, const struct server_options *options);
/* libmicrohttpd aborts if it is stopped with anything suspended. */
void exchanges_resume(struct exchanges *exchanges);
/* Asks every stream again that had nothing to give. */
void exchanges_wake_stalled(struct exchanges *exchanges);
/* Frees what nobody will answer. */
void exchanges_release(struct exchanges *exchanges);

/* NULL: out of memory. */
struct exchange *exchange_open(struct exchanges *exchanges, struct connection *connection,
                               struct MHD_Connection *mhd, const char *target);
void exchange_suspend(struct exchange *exchange);
void exchange_resume(struct exchange *exchange);
void exchange_stop_waiting(struct exchange *exchange);
/* It has its answer, of whichever kind, and is over if the client is gone. */
void exchange_settle(struct exchange *exchange);
/* Reports the end of its request and frees it. */
void exchange_finish(struct exchange *exchange, int status);
