#pragma once
/*
 * The inside of a server, shared by server.c, connection.c and exchange.c only.
 *
 * A connection lives from accept to close, an exchange from its request line to the end of its
 * reply. The two part company when the client goes while the owner still holds the exchange: then
 * exchange->connection is NULL, and the reply to come is dropped.
 */
#include <microhttpd.h>
#include <sys/queue.h>

#include "http/door.h"
#include "http/guard.h"
#include "http/linger.h"
#include "http/server.h"

enum connection_state {
    CONNECTION_IDLE,     /* nothing of the next request is there (over TLS: no whole line) */
    CONNECTION_ARRIVING, /* some of it is there */
    CONNECTION_HANDED,   /* the owner has the request: no clock runs */
    CONNECTION_LEAVING,  /* the client takes the reply */
    CONNECTION_CUT,      /* shut down by us; libmicrohttpd closes it in its next run */
};

struct connection {
    struct server *server;
    struct exchange *exchange; /* the one that is under way, or NULL */
    int fd;                    /* libmicrohttpd's */
    char peer[PEER_BYTES];     /* as in struct request */
    enum connection_state state;
    bool is_fresh;          /* no request was read on it yet */
    bool was_looked_at;     /* while idle: by connections_cut_left */
    bool lingers;           /* bytes of the client may be left unread: see linger.h */
    bool is_refused;        /* in `refused` */
    struct guard guard;     /* not used over TLS */
    int64_t exchange_count; /* ever begun */
    int64_t since_mono_us;  /* when the clock of its state was started */
    TAILQ_ENTRY(connection) clock_link;
    TAILQ_ENTRY(connection) idle_link;
    TAILQ_ENTRY(connection) refused_link;
};

/* Each is ordered by since_mono_us, so that only heads need a look. */
TAILQ_HEAD(connection_list, connection);

enum exchange_phase {
    EXCHANGE_BEGUN,   /* request line read */
    EXCHANGE_READING, /* head judged, body under way */
    EXCHANGE_HANDED,  /* given to on_request */
};

struct stream {
    struct exchange *exchange;
    bool is_chunked;
    int64_t (*read)(void *context, char *bytes, size_t bytes_max);
    void (*free)(void *context);
    void *context;
};

struct exchange {
    struct request request;
    struct server *server;
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
    char *target; /* request.path and request.query point into it */
    char *text;   /* the method and the headers' names and values */
    char *body;
    struct header headers[HEADERS_MAX];
    TAILQ_ENTRY(exchange) all_link;
    TAILQ_ENTRY(exchange) stalled_link;
};

TAILQ_HEAD(exchange_list, exchange);

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    int epoll_fd; /* libmicrohttpd's and the door */
    struct door door;
    bool is_busy;
    bool is_draining, is_quiesced, is_closing;
    bool has_replies; /* given since the last run of libmicrohttpd */
    int64_t turn_count;
    int64_t connection_number;
    int32_t connection_count, unanswered_count;
    int32_t waiting_count;          /* of exchanges that are is_waiting */
    struct connection_list waiting; /* idle and arriving */
    struct connection_list leaving;
    struct connection_list idle_new; /* idle, and not looked at yet */
    struct connection_list idle;     /* idle, and looked at */
    struct exchange_list exchanges;  /* all */
    struct exchange_list stalled;
    struct connection_list
        refused;               /* a head of theirs is, behind requests that are not answered yet */
    struct connection **by_fd; /* those that are not TLS; see recv.c */
    size_t by_fd_count;
    struct head_limits limits;
    struct parsed_head scratch;
    struct linger_set lingering;
};

int64_t server_now(const struct server *server);

/* recv.c */
/* One run of libmicrohttpd, in which its reads go through connection_read. */
void recv_run(struct server *server);
CHECKED bool recv_watch(struct connection *connection); /* false: out of memory */
void recv_forget(struct connection *connection);

/* connection.c */
/* See guard_read. */
ssize_t connection_read(struct connection *connection, char *bytes_out, size_t room_bytes);
/* The exchange has ended: the next request may be on its way. */
void connection_rest(struct connection *connection);
void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);
struct connection *connection_of(struct MHD_Connection *mhd);
/* Moves it to the lists of its new state and starts the clock anew where the state has one. */
void connection_enter(struct connection *connection, enum connection_state state);
/* Ends it: bytes may be lost. */
void connection_cut(struct connection *connection);
/* Both ends of a socket forget the connection at once. */
void connection_reset(int fd);
/* Each returns how many it cut. */
/* Those with a refused head, once all before it is answered. */
int32_t connections_cut_refused(struct server *server);
int32_t connections_cut_overdue(struct server *server);
/* The idle ones, but for those that were opened a moment ago and have not had a request yet. */
int32_t connections_cut_drained(struct server *server);
/* Those whose client has closed its side: libmicrohttpd does not notice if that came together with
   the last bytes it read. */
int32_t connections_cut_left(struct server *server);
int32_t connections_shed(struct server *server);
/* The shortest time until a clock runs out, at most `most_ms`. */
int32_t connections_wait_ms(const struct server *server, int32_t most_ms);

/* exchange.c: libmicrohttpd's callbacks */
void *exchange_on_target(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_access(void *context, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_bytes, void **exchange_pointer);
void exchange_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_pointer,
                           enum MHD_RequestTerminationCode code);
void exchange_resume(struct exchange *exchange);
void exchange_stop_waiting(struct exchange *exchange);
struct reply exchange_render_refusal(const struct server *server, const struct request *request,
                                     const struct refusal *refusal);
/* Reports the end of a request and frees it. */
void exchange_finish(struct exchange *exchange, int status);
/* Frees what server_close finds: nobody will answer it. */
void exchange_free(struct exchange *exchange);

/* answer.c */
/* Asks every stream again that had nothing to give. */
void answer_wake_stalled(struct server *server);
/* Answers past libmicrohttpd, where that is possible: nothing else was sent for this request, and
   nothing will be. */
void answer_by_hand(struct connection *connection, const struct request *request,
                    const struct refusal *refusal);

/* request_read.c: fills exchange->request from what libmicrohttpd shows. */
void request_make_id(const struct server *server, struct request *request);
enum read_result {
    READ_FINE,
    READ_TOO_LARGE, /* over HEADERS_MAX or HEAD_BYTES_MAX */
    READ_OUT_OF_MEMORY,
};
CHECKED bool request_read_target(struct exchange *exchange, const char *target);
CHECKED enum read_result request_read_head(struct exchange *exchange, const char *method);
