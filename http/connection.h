#pragma once
/*
 * A connection, from accept to close, and all those of one server.
 *
 * Over plain HTTP its bytes come through a guard, so that what libmicrohttpd reads was judged before.
 * At most one exchange at a time is under way on it, and the connection knows no more of that than
 * the request it is about.
 *
 * Threads: the server's.
 */
#include <microhttpd.h>
#include <sys/queue.h>

#include "http/guard.h"
#include "http/linger.h"
#include "http/recv.h"
#include "http/server_options.h"

enum connection_state {
    CONNECTION_IDLE,     /* nothing of the next request is there (over TLS: no whole line) */
    CONNECTION_ARRIVING, /* some of it is there */
    CONNECTION_HANDED,   /* the owner has the request: no clock runs */
    CONNECTION_LEAVING,  /* the client takes the reply */
    CONNECTION_CUT,      /* shut down by us; libmicrohttpd closes it in its next run */
};

struct connection {
    struct connections *all;
    struct exchange *exchange; /* the one that is under way, or NULL */
    struct request *request;   /* its, or NULL */
    int fd;                    /* libmicrohttpd's */
    char peer[PEER_BYTES];     /* as in struct request */
    enum connection_state state;
    bool is_fresh;          /* no request was read on it yet */
    bool was_looked_at;     /* while idle: by sweep_left */
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

struct connections {
    const struct server_options *options;
    int64_t number; /* ever opened */
    int32_t count;
    bool is_closing;                /* the server is: nothing lingers any more */
    struct connection_list waiting; /* idle and arriving */
    struct connection_list leaving;
    struct connection_list idle_new; /* idle, and not looked at yet */
    struct connection_list idle;     /* idle, and looked at */
    struct connection_list refused;  /* a head of theirs is, behind requests not answered yet */
    struct recv_table table;         /* those that are not TLS */
    struct head_limits limits;
    struct parsed_head scratch;
    struct linger_set lingering;
};

/* The options are borrowed. */
void connections_init(struct connections *connections, const struct server_options *options);
/* After libmicrohttpd has closed them all. */
void connections_release(struct connections *connections);

/* NULL: out of memory, and libmicrohttpd closes it. One that the owner turns away is cut. */
struct connection *connection_open(struct connections *connections, struct MHD_Connection *mhd);
/* Its descriptor is still libmicrohttpd's to close. */
void connection_close(struct connection *connection);
struct connection *connection_of(struct MHD_Connection *mhd);

/* Fails closed: nothing reaches libmicrohttpd unjudged but what is decrypted within it. */
bool connection_expects_head(const struct connection *connection);
/* An exchange begins on it. */
void connection_begin(struct connection *connection, struct exchange *exchange,
                      struct request *request);
/* The exchange has ended: the next request may be on its way. */
void connection_rest(struct connection *connection);

/* Moves it to the lists of its new state and starts the clock anew where the state has one. */
void connection_enter(struct connection *connection, enum connection_state state);
/* Of the idle ones: it goes from those not looked at to those looked at. */
void connection_mark_looked_at(struct connection *connection);

/* All before its refused head is answered. */
bool connection_has_come_to_refused(const struct connection *connection);
/* Answers what never became an exchange, and reports its end. */
void connection_refuse(struct connection *connection, const struct refusal *refusal);
/* Ends it: bytes may be lost. */
void connection_cut(struct connection *connection);
/* Both ends of a socket forget the connection at once. */
void connection_reset(int fd);
