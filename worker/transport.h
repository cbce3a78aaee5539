#pragma once
/*
 * The seam between the worker and the wire: start this request, what finished.
 *
 * A transport has a fixed number of slots, each with at most one request in flight. One start puts
 * at most one request on the wire: a transport never sends again by itself, since every request must
 * have its line in the journal. The real one is sender.h; tests play others.
 *
 * Threads: all calls from the thread that owns the loop. Blocking: none of them waits.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* How a request ended, as far as the wire goes. */
enum transport_code {
    TRANSPORT_OK = 0,        /* a whole answer */
    TRANSPORT_TIMEOUT,       /* no (whole) answer in time */
    TRANSPORT_DNS,           /* the name does not resolve */
    TRANSPORT_CONNECT,       /* nobody takes the connection */
    TRANSPORT_TLS_HANDSHAKE, /* the handshake broke */
    TRANSPORT_CERTIFICATE,   /* the other side could not prove who it is */
    TRANSPORT_RESET,         /* the connection ended before a whole answer */
    TRANSPORT_PROTOCOL,      /* what came is not HTTP as agreed */
    TRANSPORT_TOO_LARGE,     /* more answer than is kept: ended by us */
    TRANSPORT_LOCAL,         /* this process could not: memory, descriptors */
    TRANSPORT_STOPPED,       /* ended by us because the worker stops */
    TRANSPORT_OTHER,         /* anything else: nobody knows what repeating would do */
};
enum { TRANSPORT_CODES = TRANSPORT_OTHER + 1 };

/* "timeout", "connect" and so on, for people. Never NULL. */
const char *transport_code_name(enum transport_code code);

/* What a request carries, and with that where it goes. */
enum transport_kind { TRANSPORT_EVENT = 0, TRANSPORT_JOB };
enum { TRANSPORT_KINDS = TRANSPORT_JOB + 1 };

struct transport_request {
    enum transport_kind kind;
    const char *payload; /* borrowed until the slot finished or was cancelled */
    size_t payload_bytes;
    const char *request_id;  /* copied; "" if none */
    const char *traceparent; /* copied; "" if none */
};

/*
 * The answer, as far as it came. Once a head was complete its status counts, whatever became of the
 * body. All pointers are the transport's, valid until the slot is started again.
 */
struct transport_answer {
    enum transport_code code;
    int32_t http_status;      /* 0: no complete head came */
    const char *content_type; /* "" if none */
    const char *retry_after;  /* "" if none */
    /* RateLimit-Remaining and -Reset, if the answer had both; else reset is 0. */
    int64_t rate_remaining_count, rate_reset_s;
    bool is_mitigated; /* Klaviyo's front door (cf-mitigated), not Klaviyo, gave it */
    const char *body;  /* its first 16 KiB at most; any bytes at all */
    size_t body_bytes;
    const char *error; /* what went wrong on the wire, for people; "" if nothing */
};

struct transport {
    /* `slot` must be free. ERR_BUSY: nothing was sent and nothing will finish. */
    enum err_code (*start)(void *context, size_t slot, const struct transport_request *request,
                           struct err *err);
    /* Gives one finished request; false when there is none (any more). */
    bool (*take_finished)(void *context, size_t *slot_out, struct transport_answer *answer_out);
    /* Ends the request in `slot` and gives what came of its answer (code TRANSPORT_STOPPED). */
    void (*cancel)(void *context, size_t slot, struct transport_answer *answer_out);
    void *context;
};
