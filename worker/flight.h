#pragma once
/*
 * One event in this worker's hands, from its claim to its settlement. A worker has a fixed number of
 * flights, one for each slot of the transport.
 *
 * free -> (flight_take) held -> up (on the wire) -> landed (judged or given back) -> free again once
 * the store has written the settlement.
 *
 * Ownership: the claim's payload and the kept answer belong to the flight until flight_clear.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store.h"
#include "worker/transport.h"
#include "worker/verdict.h"

enum flight_state { FLIGHT_FREE = 0, FLIGHT_HELD, FLIGHT_UP, FLIGHT_LANDED };

struct flight {
    enum flight_state state;
    struct claim claim;
    bool is_probe;  /* the account is held: this one may try */
    bool is_paused; /* by a pause, not by the breaker */
    int64_t started_at_ms, finished_at_ms;
    int64_t started_mono_us, finished_mono_us;
    enum transport_code transport_code; /* how the request ended, if there was one */
    int32_t http_status;
    int64_t rate_remaining_count, rate_reset_s; /* what the answer said; reset 0: nothing */
    struct verdict verdict;                     /* once landed */
    char *body; /* the answer's, made fit for the database; NULL if there is none */
    size_t body_bytes;
};

/* Takes over the claim and its payload; the flight must be free. */
void flight_take(struct flight *flight, struct claim *claim, bool is_probe);

/* Keeps how it ended, its status and its body (without a body if memory is short). */
void flight_keep_answer(struct flight *flight, const struct transport_answer *answer);

/* Lands a flight that was never on the wire: the attempt goes back. */
void flight_give_back(struct flight *flight, int64_t now_ms);

/* What the store has to write for a landed flight; borrows from it until flight_clear. */
struct settlement flight_settlement(const struct flight *flight);

/* Frees what it owns; the flight is free again. */
void flight_clear(struct flight *flight);
