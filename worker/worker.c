#include "worker/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/trace.h"
#include "worker/backfill.h"
#include "worker/bulk.h"
#include "worker/flight.h"
#include "worker/neighbours.h"
#include "worker/report.h"
#include "worker/streak.h"

enum {
    /* After the store was busy: long enough to let others through, short beside the request. */
    STORE_PAUSE_MS_MIN = 50,
    STORE_PAUSE_MS_SPREAD = 150,
    /* The store says that something is due and gives nothing: look again soon, not at once. */
    EMPTY_HANDED_MS = 50,
    DICE_SIDES = 1 << 30,
    /* How much of the drain is kept for settling what had to be ended: four full jobs are 64 transactions. */
    DRAIN_SETTLE_MS_MAX = 2000,
    DRAIN_SETTLE_SHARE = 4,
};

struct worker {
    struct worker_options options;
    struct flight *flights; /* options.concurrency of them */
    size_t free_count, landed_count;
    struct claim_batch batch;
    struct bulk *bulk;
    struct report report;
    struct streak streak;
    int64_t next_look_mono_ms;   /* when to ask for events again */
    int64_t store_pause_mono_ms; /* the store was busy: not before this */
    struct neighbours neighbours;
    int64_t gather_mono_ms; /* not before this, unless enough has landed */
    bool is_draining;
    int64_t drain_end_mono_ms, drain_cut_mono_ms;
};

static int64_t mono_ms(const struct worker *worker) {
    return clock_mono_ms(worker->options.clock);
}

static int64_t wall_ms(const struct worker *worker) {
    return clock_wall_ms(worker->options.clock);
}

enum err_code worker_open(const struct worker_options *options, struct worker **worker_out,
                          struct err *err) {
    assert(options->concurrency >= 1 && options->concurrency <= WORKER_CONCURRENCY_MAX);
    assert(options->lease_ms > options->request_timeout_ms && options->poll_interval_ms > 0);
    assert(options->gather_ms >= 0);
    assert(strlen(options->id) < WORKER_ID_BYTES);
    struct worker *worker = calloc(1, sizeof *worker);
    struct flight *flights = calloc(options->concurrency, sizeof *flights);
    if (worker == NULL || flights == NULL) {
        free(worker);
        free(flights);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    worker->options = *options;
    worker->flights = flights;
    const struct bulk_options bulk_options = {
        .worker = &worker->options, .report = &worker->report, .streak = &worker->streak};
    if (bulk_open(&bulk_options, &worker->bulk, err) != ERR_OK) {
        worker_close(worker);
        return err->code;
    }
    worker->report.metrics = options->metrics;
    worker->free_count = options->concurrency;
    worker->next_look_mono_ms = mono_ms(worker);
    neighbours_init(&worker->neighbours, worker->next_look_mono_ms);
    *worker_out = worker;
    return ERR_OK;
}

void worker_close(struct worker *worker) {
    if (worker == NULL) {
        return;
    }
    for (size_t slot = 0; slot < worker->options.concurrency; slot++) {
        flight_clear(&worker->flights[slot]);
    }
    free(worker->flights);
    bulk_close(worker->bulk);
    claim_batch_release(&worker->batch);
    free(worker);
}

/* ---- Landing ---------------------------------------------------------------------------------- */

static void count_streak(struct worker *worker, const struct verdict *verdict) {
    if (verdict->outcome == OUTCOME_SENT) {
        streak_note_sent(&worker->streak);
    } else if (verdict->outcome == OUTCOME_DEAD && verdict->is_refused) {
        streak_note_refused(&worker->streak);
    }
}

static struct verdict_context context_of(const struct worker *worker, const struct flight *flight) {
    return (struct verdict_context){
        .attempts = flight->claim.attempts,
        .first_attempt_at_ms = flight->claim.first_attempt_at_ms,
        .held_ms = flight->claim.held_ms,
        .is_probe = flight->is_probe,
        .is_pause_probe = flight->is_probe && flight->is_paused,
        .refused_streak = streak_count(&worker->streak),
        .now_ms = wall_ms(worker),
    };
}

static void land(struct worker *worker, struct flight *flight,
                 const struct transport_answer *answer) {
    assert(flight->state == FLIGHT_UP);
    struct verdict_context context = context_of(worker, flight);
    struct answer words = {0};
    if (answer->http_status >= 300) {
        answer_read(answer->body, answer->body_bytes, &words);
    }
    flight_keep_answer(flight, answer);
    flight->finished_mono_us = clock_mono_us(worker->options.clock);
    flight->finished_at_ms =
        context.now_ms > flight->started_at_ms ? context.now_ms : flight->started_at_ms;
    verdict_judge(&worker->options.policy, answer, &words, &context, worker->options.random,
                  &flight->verdict);
    flight->state = FLIGHT_LANDED;
    worker->landed_count++;
    count_streak(worker, &flight->verdict);
    if (flight->verdict.account_not_before_ms > 0) {
        bulk_hold(worker->bulk);
    }
    report_attempt(&worker->report, flight);
}

static void land_finished(struct worker *worker) {
    const struct transport *transport = worker->options.transport;
    size_t slot = 0;
    struct transport_answer answer;
    /* Each slot finishes at most once before it is started again, which happens elsewhere. */
    while (transport->take_finished(transport->context, &slot, &answer)) {
        if (slot < worker->options.concurrency) {
            land(worker, &worker->flights[slot], &answer);
        } else {
            bulk_land(worker->bulk, slot, &answer);
        }
    }
}

/* The drain's time is nearly over: what is still on the wire is ended and judged as it is. */
static void cut_short(struct worker *worker) {
    const struct transport *transport = worker->options.transport;
    for (size_t slot = 0; slot < worker->options.concurrency; slot++) {
        if (worker->flights[slot].state == FLIGHT_UP) {
            struct transport_answer answer;
            transport->cancel(transport->context, slot, &answer);
            land(worker, &worker->flights[slot], &answer);
        }
    }
    bulk_cut_short(worker->bulk);
}

/* ---- Starting --------------------------------------------------------------------------------- */

/*
 * True if a request started now ends well before the claim does, by the monotonic clock: a process
 * that was stopped between claim and send must not send what others may hold by now. Half of what
 * the lease has over a request's longest time is left for settling.
 */
static bool lease_has_room(const struct worker *worker, int64_t claimed_mono_ms) {
    const struct worker_options *options = &worker->options;
    int64_t spare_ms = options->lease_ms - options->request_timeout_ms;
    return mono_ms(worker) - claimed_mono_ms <= spare_ms / 2;
}

static void pause_store(struct worker *worker) {
    int64_t spread_ms =
        (int64_t)random_below(worker->options.random, (uint64_t)STORE_PAUSE_MS_SPREAD);
    worker->store_pause_mono_ms = mono_ms(worker) + STORE_PAUSE_MS_MIN + spread_ms;
}

static void land_unsent(struct worker *worker, struct flight *flight, const char *why) {
    report_unsent(flight, why);
    flight_give_back(flight, wall_ms(worker));
    worker->landed_count++;
}

/* Too many workers died over it: it is buried without another request. */
static void land_used_up(struct worker *worker, struct flight *flight) {
    flight->started_at_ms = wall_ms(worker);
    flight->finished_at_ms = flight->started_at_ms;
    flight->state = FLIGHT_LANDED;
    worker->landed_count++;
    report_attempt(&worker->report, flight);
}

static void start(struct worker *worker, size_t slot, int64_t claimed_mono_ms) {
    const struct transport *transport = worker->options.transport;
    struct flight *flight = &worker->flights[slot];
    struct verdict_context context = context_of(worker, flight);
    if (verdict_is_used_up(&worker->options.policy, &context, &flight->verdict)) {
        land_used_up(worker, flight);
        return;
    }
    if (!lease_has_room(worker, claimed_mono_ms)) {
        land_unsent(worker, flight, "the claim came too late to send within its lease");
        return;
    }
    if (flight->claim.is_backfill) {
        (void)backfill_turn(flight->claim.payload, &flight->claim.payload_bytes);
    }
    char traceparent[TRACEPARENT_BYTES];
    trace_continue(flight->claim.traceparent, worker->options.random, traceparent);
    struct transport_request request = {
        .payload = flight->claim.payload,
        .payload_bytes = flight->claim.payload_bytes,
        .request_id = flight->claim.request_id,
        .traceparent = traceparent,
    };
    struct err err;
    flight->started_at_ms = context.now_ms;
    flight->started_mono_us = clock_mono_us(worker->options.clock);
    if (transport->start(transport->context, slot, &request, &err) == ERR_OK) {
        flight->state = FLIGHT_UP;
    } else {
        land_unsent(worker, flight, err.text);
        pause_store(worker); /* what cannot be sent now must not be claimed again at once */
    }
}

static void start_claims(struct worker *worker, int64_t claimed_mono_ms) {
    size_t slot = 0;
    for (size_t i = 0; i < worker->batch.claim_count; i++) {
        while (worker->flights[slot].state != FLIGHT_FREE) {
            slot++;
            assert(slot < worker->options.concurrency);
        }
        flight_take(&worker->flights[slot], &worker->batch.claims[i], worker->batch.is_probe);
        worker->flights[slot].is_paused = worker->batch.reason == ACCOUNT_REASON_PAUSED;
        worker->free_count--;
        start(worker, slot, claimed_mono_ms);
    }
}

/* ---- The store -------------------------------------------------------------------------------- */

/* What the store is asked to do in one transaction. */
struct exchange {
    struct settlement settlements[WORKER_BATCH_MAX];
    size_t slots[WORKER_BATCH_MAX]; /* of each settlement */
    size_t settlement_count;
    size_t claims_max;
};

/* True if it keeps the account from sending: nobody claims while that is not written down. */
static bool holds_account(const struct flight *flight) {
    return flight->verdict.account_not_before_ms > 0;
}

static void gather(const struct worker *worker, struct exchange *exchange) {
    bool is_account_held = false;
    exchange->settlement_count = 0;
    for (size_t slot = 0; slot < worker->options.concurrency; slot++) {
        const struct flight *flight = &worker->flights[slot];
        if (flight->state != FLIGHT_LANDED) {
            continue;
        }
        is_account_held = is_account_held || holds_account(flight);
        if (exchange->settlement_count < WORKER_BATCH_MAX) {
            size_t i = exchange->settlement_count++;
            exchange->slots[i] = slot;
            exchange->settlements[i] = flight_settlement(flight);
        }
    }
    size_t room = worker->free_count + exchange->settlement_count;
    exchange->claims_max = room < WORKER_BATCH_MAX ? room : WORKER_BATCH_MAX;
    if (is_account_held || worker->is_draining) {
        exchange->claims_max = 0;
    }
}

static void free_settled(struct worker *worker, const struct exchange *exchange) {
    for (size_t i = 0; i < exchange->settlement_count; i++) {
        flight_clear(&worker->flights[exchange->slots[i]]);
        worker->free_count++;
        worker->landed_count--;
    }
}

/* The poll is only the net below: spread by a quarter each way, so that workers do not march in step. */
static int64_t poll_wait_ms(const struct worker *worker) {
    int64_t interval_ms = worker->options.poll_interval_ms;
    uint64_t spread = (uint64_t)(interval_ms / 2) + 1;
    return interval_ms - interval_ms / 4 + (int64_t)random_below(worker->options.random, spread);
}

static void plan_next_look(struct worker *worker, const struct exchange *exchange) {
    const struct claim_batch *batch = &worker->batch;
    int64_t wait_ms = poll_wait_ms(worker);
    int64_t now_ms = wall_ms(worker);
    if (batch->next_due_at_ms <= now_ms) {
        wait_ms = batch->claim_count > 0 || exchange->claims_max == 0 ? 0 : EMPTY_HANDED_MS;
    } else if (batch->next_due_at_ms - now_ms < wait_ms) {
        wait_ms = batch->next_due_at_ms - now_ms;
    }
    worker->next_look_mono_ms = mono_ms(worker) + wait_ms;
}

/* ERR_BUSY is survived: the settlements stay and are given again. After ERR_UNKNOWN there may be claims
   that this worker does not know of and would keep from everybody as long as it lives. */
static enum err_code survive(struct worker *worker, enum err_code code, const struct err *err) {
    report_store(&worker->report, code, err);
    if (code == ERR_BUSY) {
        pause_store(worker);
        return ERR_OK;
    }
    return code;
}

/* Requests of single events that are not settled. */
static size_t single_count(const struct worker *worker) {
    return worker->options.concurrency - worker->free_count;
}

static enum err_code settle_and_claim(struct worker *worker, const struct exchange *exchange,
                                      struct err *err) {
    const struct worker_options *options = &worker->options;
    int64_t claimed_mono_ms = mono_ms(worker);
    int64_t now_ms = wall_ms(worker);
    struct claim_request request = {
        .worker = options->id,
        .now_ms = now_ms,
        .lease_ms = options->lease_ms,
        .count_max = exchange->claims_max,
        .held_count = single_count(worker) - exchange->settlement_count,
        .probe_interval_ms = options->policy.probe_interval_ms,
        .limits = options->limits,
        .backfill_before_ms = options->backfill_age_ms > 0 ? now_ms - options->backfill_age_ms : 0,
        .leaves_job_place = bulk_is_crowded_out(worker->bulk),
        .dice = random_below(options->random, DICE_SIDES),
    };
    struct settle_report settled = {0};
    enum err_code code =
        store_settle_and_claim(options->store, exchange->settlements, exchange->settlement_count,
                               &settled, &request, &worker->batch, err);
    if (code != ERR_OK) {
        return survive(worker, code, err);
    }
    streak_settled(&worker->streak, exchange->settlements, exchange->settlement_count,
                   worker->batch.refused_count);
    report_store(&worker->report, code, err);
    report_stale(&worker->report, settled.stale_count);
    report_claims(&worker->report, &worker->batch, request.now_ms);
    free_settled(worker, exchange);
    start_claims(worker, claimed_mono_ms);
    plan_next_look(worker, exchange);
    return ERR_OK;
}

static bool is_time_to_tend(const struct worker *worker) {
    int64_t now_ms = mono_ms(worker);
    bool looks = now_ms >= worker->next_look_mono_ms;
    return neighbours_are_due(&worker->neighbours, now_ms, looks) &&
           now_ms >= worker->store_pause_mono_ms;
}

/* No event waits for longer: its own backoff, or what Klaviyo asked for. */
static int64_t longest_wait_ms(const struct worker_options *options) {
    int64_t backoff_ms = options->policy.retry_max_ms;
    return backoff_ms > VERDICT_ASKED_MS_MAX ? backoff_ms : VERDICT_ASKED_MS_MAX;
}

/* Looks after the other workers: what a dead one had in hand is claimed in this very turn. */
static enum err_code tend(struct worker *worker, struct err *err) {
    const struct worker_options *options = &worker->options;
    if (!is_time_to_tend(worker)) {
        return ERR_OK;
    }
    struct tend_report tended = {0};
    enum err_code code =
        store_tend_workers(options->store, wall_ms(worker), options->lease_ms, &tended, err);
    if (code != ERR_OK) {
        return survive(worker, code, err);
    }
    report_tended(&tended);
    int64_t ahead_count = 0;
    code = store_bring_back(options->store, wall_ms(worker), options->lease_ms,
                            longest_wait_ms(options), &ahead_count, err);
    if (code != ERR_OK) {
        return survive(worker, code, err);
    }
    report_ahead(ahead_count);
    if (tended.due_count > 0 || ahead_count > 0) {
        worker_wake(worker);
    }
    neighbours_plan(&worker->neighbours, &tended, mono_ms(worker), options->poll_interval_ms,
                    options->random);
    return ERR_OK;
}

/* As much as fits in a transaction, or all that is in hand: nothing will land that it could wait for. */
static bool is_enough(const struct worker *worker, size_t landed_count) {
    return landed_count >= WORKER_BATCH_MAX || landed_count == single_count(worker);
}

/* When it may talk to the store again. */
static int64_t store_free_mono_ms(const struct worker *worker) {
    bool is_gathering = !is_enough(worker, worker->landed_count) &&
                        worker->gather_mono_ms > worker->store_pause_mono_ms;
    return is_gathering ? worker->gather_mono_ms : worker->store_pause_mono_ms;
}

/* Talks to the store if there is anything to say or to ask. */
static enum err_code exchange_with_store(struct worker *worker, struct err *err) {
    struct exchange exchange;
    int64_t now_ms = mono_ms(worker);
    gather(worker, &exchange);
    bool may_look = exchange.claims_max > 0 && now_ms >= worker->next_look_mono_ms;
    if ((exchange.settlement_count == 0 && !may_look) || now_ms < store_free_mono_ms(worker)) {
        return ERR_OK;
    }
    enum err_code code = settle_and_claim(worker, &exchange, err);
    worker->gather_mono_ms = mono_ms(worker) + worker->options.gather_ms;
    if (code != ERR_OK || store_wal_pages(worker->options.store) < WORKER_LOG_PAGES_MIN) {
        return code;
    }
    code = store_checkpoint(worker->options.store, WORKER_LOG_PAGES_MIN, err);
    return code == ERR_OK ? ERR_OK : survive(worker, code, err);
}

static enum err_code work_on_jobs(struct worker *worker, struct err *err) {
    if (mono_ms(worker) < worker->store_pause_mono_ms) {
        return ERR_OK;
    }
    enum err_code code = bulk_step(worker->bulk, err);
    return code == ERR_OK ? ERR_OK : survive(worker, code, err);
}

/* ---- The turn --------------------------------------------------------------------------------- */

static int64_t until(const struct worker *worker, int64_t at_mono_ms) {
    int64_t now_ms = mono_ms(worker);
    return at_mono_ms > now_ms ? at_mono_ms - now_ms : 0;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* When there is work: to give, to end or to ask for. */
static int64_t time_to_next_work(const struct worker *worker) {
    int64_t wait_ms = worker->options.poll_interval_ms;
    if (worker->landed_count > 0) {
        return smaller(wait_ms, until(worker, store_free_mono_ms(worker)));
    }
    if (worker->is_draining) {
        return smaller(wait_ms, until(worker, worker->drain_cut_mono_ms));
    }
    if (worker->free_count > 0) {
        int64_t look_ms = until(worker, worker->next_look_mono_ms);
        int64_t store_ms = until(worker, store_free_mono_ms(worker));
        wait_ms = look_ms > store_ms ? look_ms : store_ms;
    }
    return wait_ms;
}

static int64_t time_to_next_turn(const struct worker *worker) {
    int64_t tend_ms = until(worker, worker->neighbours.by_mono_ms);
    int64_t store_ms = until(worker, worker->store_pause_mono_ms);
    int64_t jobs_ms = bulk_wait_ms(worker->bulk);
    int64_t soon_ms = smaller(tend_ms, jobs_ms);
    return smaller(time_to_next_work(worker), soon_ms > store_ms ? soon_ms : store_ms);
}

enum err_code worker_step(struct worker *worker, int64_t *wait_ms_out, struct err *err) {
    land_finished(worker);
    if (worker->is_draining && mono_ms(worker) >= worker->drain_cut_mono_ms) {
        cut_short(worker);
    }
    enum err_code code = tend(worker, err);
    if (code == ERR_OK) {
        code = exchange_with_store(worker, err);
    }
    if (code == ERR_OK) {
        code = work_on_jobs(worker, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *wait_ms_out = time_to_next_turn(worker);
    return ERR_OK;
}

void worker_wake(struct worker *worker) {
    worker->next_look_mono_ms = mono_ms(worker);
}

bool worker_is_about_to_look(const struct worker *worker) {
    return worker->next_look_mono_ms <= mono_ms(worker);
}

/* ---- Draining --------------------------------------------------------------------------------- */

void worker_drain(struct worker *worker, int64_t timeout_ms) {
    assert(timeout_ms >= 0);
    if (worker->is_draining) {
        return;
    }
    int64_t settle_ms = smaller(DRAIN_SETTLE_MS_MAX, timeout_ms / DRAIN_SETTLE_SHARE);
    worker->is_draining = true;
    bulk_drain(worker->bulk);
    worker->drain_end_mono_ms = mono_ms(worker) + timeout_ms;
    worker->drain_cut_mono_ms = worker->drain_end_mono_ms - settle_ms;
}

bool worker_is_draining(const struct worker *worker) {
    return worker->is_draining;
}

size_t worker_held_count(const struct worker *worker) {
    return single_count(worker) + bulk_held_count(worker->bulk);
}

bool worker_is_drained(const struct worker *worker) {
    bool is_over = worker_held_count(worker) == 0 || mono_ms(worker) >= worker->drain_end_mono_ms;
    return worker->is_draining && is_over;
}
