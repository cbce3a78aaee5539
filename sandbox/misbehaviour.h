#pragma once
/*
 * The forty ways in which a Klaviyo can go wrong, each with a name and a number.
 *
 * The table in docs/sandbox.md lists them in this order, with what is seen on the wire. A
 * misbehaviour is tuned by a manner: the extra members of its line in the script.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "http/server.h"
#include "sandbox/play.h"

enum { MISBEHAVIOUR_COUNT = 40, MANNER_HEADERS_MAX = 8 };

enum misbehaviour_stage {
    STAGE_CONNECT, /* a connection was accepted, nothing is read */
    STAGE_HEAD,    /* a head is read, its body is not */
    STAGE_REQUEST, /* the whole request is read */
};

/* The extra members that a misbehaviour takes. */
enum manner_member {
    MANNER_STATUS = 1u << 0,
    MANNER_HEADERS = 1u << 1,
    MANNER_BODY = 1u << 2,
    MANNER_DELAY = 1u << 3,
    MANNER_INTERVAL = 1u << 4,
    MANNER_BYTES = 1u << 5,
    MANNER_RETRY_AFTER = 1u << 6,
    MANNER_LOCATION = 1u << 7,
    MANNER_ACCEPT = 1u << 8,
};

struct manner {
    int status;            /* 0: the misbehaviour's own */
    const char *body;      /* NULL: its own */
    int64_t delay_ms;      /* -1: its own */
    int64_t interval_ms;   /* -1 */
    int64_t bytes;         /* -1 */
    int64_t retry_after_s; /* -1 */
    const char *location;  /* NULL */
    bool accepts;          /* the event is taken and stands in the ledger */
    size_t header_count;
    struct {
        const char *name, *value;
    } headers[MANNER_HEADERS_MAX];
};

struct misbehaviour;

size_t misbehaviour_number(const struct misbehaviour *misbehaviour); /* from 1 */
const char *misbehaviour_name(const struct misbehaviour *misbehaviour);
enum misbehaviour_stage misbehaviour_stage(const struct misbehaviour *misbehaviour);
unsigned misbehaviour_members(const struct misbehaviour *misbehaviour);
/* Whether the event is accepted unless the script says otherwise. */
bool misbehaviour_accepts(const struct misbehaviour *misbehaviour);
/* It needs the bare socket, which TLS does not give. */
bool misbehaviour_is_plain_only(const struct misbehaviour *misbehaviour);

/* By number, 1 to MISBEHAVIOUR_COUNT. */
const struct misbehaviour *misbehaviour_at(size_t number);
/* NULL: there is none of that name; then *nearest_out is the one that looks most like it. */
const struct misbehaviour *misbehaviour_find(const char *name,
                                             const struct misbehaviour **nearest_out);

/* Where it happens. */
struct stage {
    struct plays *plays;
    const struct clock *clock;
    bool is_tls;
};

/* Takes the exchange. STAGE_HEAD and STAGE_REQUEST. `manner` must outlive it. */
void misbehaviour_act(const struct misbehaviour *misbehaviour, const struct manner *manner,
                      const struct stage *stage, struct exchange *exchange);
/* Takes the descriptor. STAGE_CONNECT. */
void misbehaviour_act_on_socket(const struct misbehaviour *misbehaviour,
                                const struct manner *manner, const struct stage *stage, int fd);
