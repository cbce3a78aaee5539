#pragma once
/*
 * klaviyo-sandbox without its sockets: requests in, answers and ledger lines out.
 *
 * Requests of one turn of the loop are collected (sandbox_take), then sandbox_turn judges them in
 * the order in which they came, writes all their ledger lines, syncs once, and only then answers.
 * So the cost of the disk is shared, and nothing is answered that is not on it.
 *
 * Ownership: sandbox_open gives, sandbox_close takes; the ledger and the script are borrowed.
 * Threads: one. Blocking: sandbox_turn, for the sync.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/random.h"
#include "http/server.h"
#include "sandbox/play.h"
#include "sandbox/script.h"

struct sandbox;

enum bulk_repeats {
    BULK_REPEATS_REQUEST, /* a unique_id twice in one job: the job fails */
    BULK_REPEATS_HISTORY, /* that, and one that was accepted earlier in whatever request */
};

struct sandbox_options {
    const char *ledger_path;
    int64_t burst_count, steady_count;
    enum bulk_repeats bulk_repeats;
    struct script *script; /* NULL: none */
    bool is_tls;
    const struct clock *clock;
    const struct random *random;
};

/* As ledger_open. */
CHECKED enum err_code sandbox_open(const struct sandbox_options *options,
                                   struct sandbox **sandbox_out, struct err *err);
/* NULL is fine. After sandbox_drain and server_close. */
void sandbox_close(struct sandbox *sandbox);

/* For the server's callbacks: a head, a whole request, a connection. */
void sandbox_look_at_head(struct sandbox *sandbox, struct exchange *exchange);
void sandbox_take(struct sandbox *sandbox, struct exchange *exchange);
bool sandbox_look_at_connection(struct sandbox *sandbox, int64_t number, int fd);
/* A request that the server refused by itself. */
struct reply sandbox_refuse(struct sandbox *sandbox, int status, const char *detail);

/* ERR_FATAL: the ledger could not be written or memory ran out; nothing of this turn was
   answered, and the process should end. */
CHECKED enum err_code sandbox_turn(struct sandbox *sandbox, struct err *err);
/* How long sandbox_turn may be put off. */
int32_t sandbox_wait_ms(const struct sandbox *sandbox);
/* Ends the misbehaviours that are going on, as far as their clients let them; NULL is fine. */
void sandbox_drain(struct sandbox *sandbox);
/* Connections whose misbehaviour does not end before the client takes what it gets. */
int32_t sandbox_stream_count(const struct sandbox *sandbox);
