#pragma once
/*
 * Bulk jobs beside single events: when more events are due than the threshold, they are claimed by the
 * thousand and sent in one request each, until a job finds too few to be full.
 *
 * Part of the worker's loop: bulk_step does few transactions, each short, so that single events have
 * their turn between two of them.
 *
 * Threads, clock, store and transport: as the worker's (worker.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/streak.h"

struct bulk;

enum {
    /* Klaviyo's limits for jobs: a second, a minute. */
    BULK_RATE_BURST = 10,
    BULK_RATE_STEADY = 150,
};

struct bulk_options {
    const struct worker_options
        *worker; /* the transport's slots from `concurrency` on are for jobs */
    struct report *report;
    struct streak *streak; /* the worker's: jobs and single events count together */
};

/* Everything in `options` is borrowed until bulk_close. ERR_FATAL: out of memory. */
CHECKED enum err_code bulk_open(const struct bulk_options *options, struct bulk **bulk_out,
                                struct err *err);
void bulk_close(struct bulk *bulk); /* NULL is fine */

/* The request in the transport's `slot` ended so. */
void bulk_land(struct bulk *bulk, size_t slot, const struct transport_answer *answer);

/* Does what is due next. Errors are the store's: nothing is lost, call again later. */
CHECKED enum err_code bulk_step(struct bulk *bulk, struct err *err);
/* In how many ms bulk_step has something to do; INT64_MAX: when a request has ended. */
int64_t bulk_wait_ms(const struct bulk *bulk);

/* The account is to wait, as some answer said: what is not on the wire goes back. */
void bulk_hold(struct bulk *bulk);
/* From now on nothing is sent. */
void bulk_drain(struct bulk *bulk);
/* Ends what is on the wire. */
void bulk_cut_short(struct bulk *bulk);
/* A job wants to go out, and as much is on the wire as Klaviyo can take: the next place is its. */
bool bulk_is_crowded_out(const struct bulk *bulk);
/* Events in hand. */
size_t bulk_held_count(const struct bulk *bulk);
