#pragma once
/*
 * Misbehaviour that takes time: bytes written by hand on a bare socket, and answers that come late.
 *
 * A play is a small plan (bytes, pace, end); nothing here knows which misbehaviour it belongs to.
 * The owner calls plays_turn often; it never blocks.
 *
 * Ownership: plays_open gives, plays_close takes. What is added belongs to the plays: the bytes,
 * the descriptor, the reply. Threads: the one of the server.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "http/server.h"

struct plays;

enum play_end {
    PLAY_CLOSE,            /* close in order */
    PLAY_RESET,            /* close with a reset */
    PLAY_HOLD,             /* keep it open, say nothing; reset when the time is up */
    PLAY_CLOSE_ON_REQUEST, /* keep it open and close it as soon as more comes */
};

struct play_plan {
    char *bytes; /* malloc'd; NULL: none */
    size_t byte_count;
    size_t step_bytes;    /* written at a time; 0: all at once */
    int64_t interval_ms;  /* between two steps */
    bool repeats;         /* begins again behind the last byte, until the client leaves */
    bool waits_for_bytes; /* the client speaks first: what it says is read and dropped */
    enum play_end end;
    int64_t ends_after_ms; /* whatever is left to do: reset */
};

CHECKED enum err_code plays_open(const struct clock *clock, struct plays **plays_out,
                                 struct err *err);
/* NULL is fine. After plays_drain and server_close: nothing is going on any more. */
void plays_close(struct plays *plays);

/* The bare socket of a request (plain HTTP only), or a descriptor of our own. Out of memory: it is
   closed at once. */
void plays_add_exchange(struct plays *plays, struct exchange *exchange, struct play_plan *plan);
void plays_add_fd(struct plays *plays, int fd, struct play_plan *plan);

/* Answers after a while. `reply` is taken; NULL: the connection is cut then, without an answer
   in order. */
void plays_add_late(struct plays *plays, struct exchange *exchange, struct reply *reply,
                    int64_t delay_ms);

void plays_turn(struct plays *plays);
/* Ends all: late replies are given, sockets are reset. Those that are added later end in the
   next turn. */
void plays_drain(struct plays *plays);
bool plays_is_draining(const struct plays *plays);

/* Bodies that are produced as they go (flow.h) only tell that they are there: whoever does not
   take what he gets can hold up a drain, and is not worth waiting for. */
void plays_begin_stream(struct plays *plays);
void plays_end_stream(struct plays *plays);
int32_t plays_stream_count(const struct plays *plays);

/* How long plays_turn may be put off: INT32_MAX if nothing is going on. */
int32_t plays_wait_ms(const struct plays *plays);
