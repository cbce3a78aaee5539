#pragma once
/*
 * The worker: claims due events, has them sent, judges the answers, settles.
 *
 * One thread, one loop: worker_step does all that is due, never waits but for the store, and says
 * how long to sleep. What is claimed, on the wire and not yet settled stands in flights; a settlement
 * that the store did not take is kept and tried again, and its flight stays taken, so a database in
 * trouble slows the worker down instead of filling its memory.
 *
 * Threads: all calls from one thread. Not here: HTTP (sender.h), what a failure means (verdict.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "worker/options.h"

struct worker;

/* Everything in `options` is borrowed until worker_close. ERR_FATAL: out of memory. */
CHECKED enum err_code worker_open(const struct worker_options *options, struct worker **worker_out,
                                  struct err *err);
/* Frees it; what is still in flight is left to the next worker. NULL is fine. */
void worker_close(struct worker *worker);

/*
 * One turn: judges what finished, settles and claims in one transaction, starts what it claimed.
 * *wait_ms_out: when to call again unless the transport has news sooner.
 * Failure: only what a loop cannot go on after; the process has to exit with status 1. The others on
 * its host, or the next one, then take over what it had in hand. ERR_FATAL: the database. ERR_UNKNOWN:
 * a commit of which nobody heard may have given this worker claims.
 */
CHECKED enum err_code worker_step(struct worker *worker, int64_t *wait_ms_out, struct err *err);

/* Something became due: the next step looks, however long it meant to sleep. */
void worker_wake(struct worker *worker);
/* It looks as soon as it can anyway: being woken would only cost it a turn. Holds until the next step. */
bool worker_is_about_to_look(const struct worker *worker);

/*
 * From now on nothing is claimed. What is on the wire may finish within timeout_ms; shortly before its
 * end the rest is ended and settled as a retry. May be called again; the first call's timeout holds.
 */
void worker_drain(struct worker *worker, int64_t timeout_ms);
bool worker_is_draining(const struct worker *worker);

/* After worker_drain: everything is settled, or the time is over. */
bool worker_is_drained(const struct worker *worker);

/* Events in this worker's hands: claimed, and not yet settled. */
size_t worker_held_count(const struct worker *worker);
