#include "worker/bulk.h"

#include <assert.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/job.h"

enum {
    /* How often to look whether there is a backlog. */
    COUNT_MS = 1000,
    /* The account allows no job now: ask again when it said, within these bounds. */
    ASK_MS_MIN = 20,
    ASK_MS_MAX = 1000,
    DICE_SIDES = 1 << 30,
    /* A job is 32 transactions in a row. While others write, too, each is followed by a rest: so many
       times as long as it took, which on a slow disk is long, and so long at most. */
    REST_FACTOR = 6,
    REST_MS_MAX = 20,
};

struct bulk {
    struct bulk_options options;
    struct job jobs[WORKER_JOBS_MAX];
    struct job_slice slice;
    struct claim_batch batch;
    bool is_on;   /* there is a backlog */
    bool is_said; /* that bulk jobs go out */
    bool is_draining;
    bool is_crowded_out;   /* single events hold every place that Klaviyo has */
    int64_t count_mono_ms; /* when to look for a backlog */
    int64_t ask_mono_ms;   /* when to ask again whether a job may go out */
    int64_t rest_mono_us;  /* until then the gate is left to others */
};

static int64_t mono_ms(const struct bulk *bulk) {
    return clock_mono_ms(bulk->options.worker->clock);
}

static int64_t mono_us(const struct bulk *bulk) {
    return clock_mono_us(bulk->options.worker->clock);
}

static struct job_moment moment_of(const struct bulk *bulk) {
    const struct worker_options *worker = bulk->options.worker;
    return (struct job_moment){
        .policy = &worker->policy,
        .random = worker->random,
        .streak = bulk->options.streak,
        .now_ms = clock_wall_ms(worker->clock),
        .mono_us = mono_us(bulk),
    };
}

enum err_code bulk_open(const struct bulk_options *options, struct bulk **bulk_out,
                        struct err *err) {
    assert(options->worker->bulk_threshold >= 0);
    struct bulk *bulk = calloc(1, sizeof *bulk);
    if (bulk == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    bulk->options = *options;
    bulk->count_mono_ms = mono_ms(bulk);
    bulk->ask_mono_ms = bulk->count_mono_ms;
    *bulk_out = bulk;
    return ERR_OK;
}

void bulk_close(struct bulk *bulk) {
    if (bulk == NULL) {
        return;
    }
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        job_clear(&bulk->jobs[i]);
    }
    claim_batch_release(&bulk->batch);
    free(bulk);
}

/* ---- The store -------------------------------------------------------------------------------- */

/* Requests that the account counts, and does not know to be answered. */
static size_t allowed_count(const struct bulk *bulk) {
    size_t count = 0;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        count += bulk->jobs[i].is_allowed || bulk->jobs[i].has_news ? 1 : 0;
    }
    return count;
}

static struct job_request request_of(const struct bulk *bulk, size_t count_max) {
    const struct worker_options *worker = bulk->options.worker;
    int64_t now_ms = clock_wall_ms(worker->clock);
    return (struct job_request){
        .claim = {.worker = worker->id,
                  .now_ms = now_ms,
                  .lease_ms = worker->lease_ms,
                  .count_max = count_max,
                  .held_count = allowed_count(bulk),
                  .probe_interval_ms = worker->policy.probe_interval_ms,
                  .limits = {.burst_count = BULK_RATE_BURST, .steady_count = BULK_RATE_STEADY},
                  .backfill_before_ms =
                      worker->backfill_age_ms > 0 ? now_ms - worker->backfill_age_ms : 0,
                  .dice = random_below(worker->random, DICE_SIDES)},
    };
}

/* One transaction, with the settlements that stand in the slice. */
static enum err_code exchange_with_store(struct bulk *bulk, const struct job_request *request,
                                         struct job_reply *reply_out, struct err *err) {
    int64_t start_us = mono_us(bulk);
    enum err_code code =
        store_settle_and_claim_members(bulk->options.worker->store, bulk->slice.settlements,
                                       bulk->slice.count, request, reply_out, &bulk->batch, err);
    int64_t end_us = mono_us(bulk);
    int64_t rest_us = REST_FACTOR * (end_us - start_us);
    /* A drain has to be over in its time. */
    bool may_rest = reply_out->has_company && !bulk->is_draining;
    int64_t rest_us_max = may_rest ? (int64_t)REST_MS_MAX * US_PER_MS : 0;
    bulk->rest_mono_us = end_us + (rest_us < rest_us_max ? rest_us : rest_us_max);
    return code;
}

/* The account said when it is worth asking again. */
static void ask_later(struct bulk *bulk) {
    int64_t wait_ms = bulk->batch.next_due_at_ms - clock_wall_ms(bulk->options.worker->clock);
    wait_ms = wait_ms < ASK_MS_MIN ? ASK_MS_MIN : wait_ms;
    bulk->ask_mono_ms = mono_ms(bulk) + (wait_ms < ASK_MS_MAX ? wait_ms : ASK_MS_MAX);
}

static enum err_code look_for_backlog(struct bulk *bulk, struct err *err) {
    const struct worker_options *worker = bulk->options.worker;
    int64_t count = 0;
    enum err_code code = store_count_due(worker->store, clock_wall_ms(worker->clock),
                                         worker->bulk_threshold + 1, &count, err);
    if (code != ERR_OK) {
        return code;
    }
    bulk->count_mono_ms = mono_ms(bulk) + COUNT_MS;
    bulk->is_on = count > worker->bulk_threshold;
    return ERR_OK;
}

static void report_slice(const struct bulk *bulk, const struct job_reply *reply) {
    for (size_t i = 0; i < bulk->slice.count; i++) {
        if (bulk->slice.settlements[i].outcome != OUTCOME_UNSENT) {
            report_attempt(bulk->options.report, &bulk->slice.flights[i]);
        }
    }
    report_stale(bulk->options.report, reply->settled.stale_count);
}

/* Once for a backlog, however often it has to wait. */
static void report_backlog(struct bulk *bulk, bool goes_on) {
    if (!bulk->is_said) {
        log_info(LOG_MSG("backlog: sending bulk jobs"));
    } else if (!goes_on) {
        log_info(LOG_MSG("backlog worked off: no more bulk jobs"));
    }
    bulk->is_said = goes_on;
}

/* Settles up to a slice of what is decided, and tells the account what it has to hear. */
static enum err_code settle(struct bulk *bulk, struct job *job, struct err *err) {
    struct job_moment moment = moment_of(bulk);
    int64_t claimed_mono_ms = mono_ms(bulk);
    job_slice(job, &moment, &bulk->slice);
    struct job_request request = request_of(bulk, 0);
    struct settlement answered;
    if (job->has_news) {
        answered = flight_settlement(&job->news);
        request.answered = &answered;
        request.claim.held_count--;
    }
    struct job_reply reply;
    enum err_code code = exchange_with_store(bulk, &request, &reply, err);
    if (code != ERR_OK) {
        return code;
    }
    job->has_news = false;
    streak_settled(bulk->options.streak, bulk->slice.settlements, bulk->slice.count,
                   bulk->batch.refused_count);
    report_slice(bulk, &reply);
    job_settled(job, &bulk->slice, reply.settled.stale_set, claimed_mono_ms);
    if (job->left_count == 0) {
        assert(job->decided_count == 0);
        job_clear(job);
    }
    return ERR_OK;
}

static bool is_refused_a_place(const struct bulk *bulk, const struct job_request *request,
                               const struct job_reply *reply) {
    return request->wants_start && !reply->may_start &&
           bulk->batch.reason == ACCOUNT_REASON_CONCURRENCY;
}

static int64_t spare_ms(const struct bulk *bulk) {
    const struct worker_options *worker = bulk->options.worker;
    return worker->lease_ms - worker->request_timeout_ms;
}

/* Half of what its lease spares is for gathering and for waiting to go out: a further slice comes only if
   it begins in the first half of that. */
static bool has_time_for_more(const struct bulk *bulk, const struct job *job) {
    return bulk->rest_mono_us / US_PER_MS - job_oldest_mono_ms(job) < spare_ms(bulk) / 4;
}

/* The next slice of members; the first one needs the account's leave for the request. */
static enum err_code gather(struct bulk *bulk, struct job *job, struct err *err) {
    assert(bulk->is_on); /* whatever ends the backlog ends the gathering */
    size_t room = job_room(job);
    size_t wanted = room < JOB_SLICE_MAX ? room : JOB_SLICE_MAX;
    bool is_first = job->member_count == 0;
    int64_t claimed_mono_ms = mono_ms(bulk);
    struct job_request request = request_of(bulk, wanted);
    request.wants_start = is_first;
    struct job_reply reply;
    bulk->slice.count = 0;
    enum err_code code = exchange_with_store(bulk, &request, &reply, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t claim_count = bulk->batch.claim_count;
    bulk->is_crowded_out = is_refused_a_place(bulk, &request, &reply);
    if (is_first && !reply.may_start) {
        bulk->is_on = bulk->batch.reason != ACCOUNT_REASON_NONE; /* the account is slow */
        ask_later(bulk);
        job_clear(job);
        return ERR_OK;
    }
    job->is_allowed = true; /* since the first slice */
    job_add(job, &bulk->batch, claimed_mono_ms);
    bulk->is_on = claim_count == wanted;
    report_backlog(bulk, bulk->is_on);
    if (claim_count < wanted || job_room(job) == 0 || !has_time_for_more(bulk, job)) {
        job_close(job);
    }
    if (reply.is_held) {
        job_end(job);
        job->is_allowed = false;
    }
    return ERR_OK;
}

/* A further request of a job needs the account's leave as the first did. */
static enum err_code ask(struct bulk *bulk, struct job *job, struct err *err) {
    struct job_request request = request_of(bulk, 0);
    request.wants_start = true;
    struct job_reply reply;
    bulk->slice.count = 0;
    enum err_code code = exchange_with_store(bulk, &request, &reply, err);
    if (code != ERR_OK) {
        return code;
    }
    job->is_allowed = reply.may_start;
    bulk->is_crowded_out = is_refused_a_place(bulk, &request, &reply);
    if (reply.is_held) {
        job_end(job);
    } else if (!reply.may_start) {
        ask_later(bulk);
    }
    return ERR_OK;
}

/* ---- The wire --------------------------------------------------------------------------------- */

static bool lease_has_room(const struct bulk *bulk, const struct job *job) {
    return job_is_younger(job, mono_ms(bulk) - spare_ms(bulk) / 2);
}

static void end_unsent(struct job *job, const char *why) {
    log_warning(LOG_MSG("bulk job given back unsent"), LOG_TEXT("error", why));
    job_end(job);
    job->is_allowed = false;
}

static void start(struct bulk *bulk, struct job *job) {
    const struct worker_options *worker = bulk->options.worker;
    const struct transport *transport = worker->transport;
    struct err err;
    bool is_rendered = false;
    if (job_render(job, &is_rendered, &err) != ERR_OK) {
        end_unsent(job, err.text);
        return;
    }
    if (!is_rendered) {
        return; /* none of them fits: the next step boards others */
    }
    struct transport_request request = {
        .kind = TRANSPORT_JOB,
        .payload = job->body,
        .payload_bytes = job->body_bytes,
        .request_id = "",
        .traceparent = "",
    };
    struct job_moment moment = moment_of(bulk);
    size_t slot = worker->concurrency + (size_t)(job - bulk->jobs);
    if (transport->start(transport->context, slot, &request, &err) != ERR_OK) {
        end_unsent(job, err.text);
        return;
    }
    job_take_off(job, &moment);
}

void bulk_land(struct bulk *bulk, size_t slot, const struct transport_answer *answer) {
    assert(slot >= bulk->options.worker->concurrency);
    size_t index = slot - bulk->options.worker->concurrency;
    assert(index < WORKER_JOBS_MAX);
    struct job *job = &bulk->jobs[index];
    struct job_moment moment = moment_of(bulk);
    job_land(job, answer, &moment);
    log_info(LOG_MSG("bulk job"), LOG_INT("events", (int64_t)job->aboard_count),
             LOG_INT("http_status", answer->http_status),
             LOG_INT("duration_ms", (job->finished_mono_us - job->started_mono_us) / US_PER_MS),
             LOG_TEXT("detail", job->answer.words.detail),
             LOG_TEXT("error", job->news.verdict.error));
    if (bulk->is_draining) {
        job_end(job);
    }
    if (job->news.verdict.account_not_before_ms > 0) {
        bulk_hold(bulk);
    }
}

/* ---- The turn --------------------------------------------------------------------------------- */

/* A job that is ready and has nothing to settle: on board, on the wire, or over. */
static enum err_code advance(struct bulk *bulk, struct job *job, struct err *err) {
    if (job->left_count == 0) { /* held before its first slice came */
        job_clear(job);
        return ERR_OK;
    }
    bool has_some = job_board(job);
    assert(has_some && !job->is_ending); /* what is left of one that ends is to be settled */
    if (job->decided_count > 0) {
        return ERR_OK; /* settled in the next step */
    }
    if (!lease_has_room(bulk, job)) {
        end_unsent(job, "the account did not let it go out within its lease");
        return ERR_OK;
    }
    if (!job->is_allowed) {
        return mono_ms(bulk) >= bulk->ask_mono_ms ? ask(bulk, job, err) : ERR_OK;
    }
    start(bulk, job);
    return ERR_OK;
}

static struct job *find(struct bulk *bulk, enum job_state state) {
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        if (bulk->jobs[i].state == state) {
            return &bulk->jobs[i];
        }
    }
    return NULL;
}

static bool has_to_settle(const struct job *job) {
    return job->has_news || (job->state == JOB_READY && job->decided_count > 0);
}

/* Begins a job, if there is a backlog and nothing stands in the way. */
static enum err_code begin(struct bulk *bulk, struct err *err) {
    struct job *job = find(bulk, JOB_FREE);
    int64_t now_ms = mono_ms(bulk);
    if (bulk->is_draining || job == NULL || now_ms < bulk->ask_mono_ms) {
        return ERR_OK;
    }
    if (!bulk->is_on && bulk->options.worker->bulk_threshold > 0 && now_ms >= bulk->count_mono_ms) {
        enum err_code code = look_for_backlog(bulk, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (!bulk->is_on) {
        return ERR_OK;
    }
    enum err_code code = job_begin(job, err);
    return code == ERR_OK ? gather(bulk, job, err) : code;
}

enum err_code bulk_step(struct bulk *bulk, struct err *err) {
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < WORKER_JOBS_MAX && code == ERR_OK; i++) {
        if (bulk->jobs[i].state == JOB_READY && !has_to_settle(&bulk->jobs[i])) {
            code = advance(bulk, &bulk->jobs[i], err);
        }
    }
    if (code != ERR_OK || mono_us(bulk) < bulk->rest_mono_us) {
        return code;
    }
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        if (has_to_settle(&bulk->jobs[i])) {
            return settle(bulk, &bulk->jobs[i], err);
        }
    }
    struct job *gathering = find(bulk, JOB_GATHERING);
    return gathering != NULL ? gather(bulk, gathering, err) : begin(bulk, err);
}

static int64_t until(const struct bulk *bulk, int64_t at_mono_ms) {
    int64_t now_ms = mono_ms(bulk);
    return at_mono_ms > now_ms ? at_mono_ms - now_ms : 0;
}

static int64_t rest_ms(const struct bulk *bulk) {
    int64_t left_us = bulk->rest_mono_us - mono_us(bulk);
    return left_us > 0 ? (left_us + US_PER_MS - 1) / US_PER_MS : 0;
}

static bool waits_for_leave(const struct job *job) {
    return job->state == JOB_READY && !job->is_ending && !job->is_allowed &&
           sieve_count(&job->sieve, SIEVE_ABOARD) > 0;
}

int64_t bulk_wait_ms(const struct bulk *bulk) {
    bool has_free = false, has_waiting = false, has_more = false;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        const struct job *job = &bulk->jobs[i];
        bool is_for_store = has_to_settle(job) || job->state == JOB_GATHERING;
        if (!is_for_store && job->state == JOB_READY && !waits_for_leave(job)) {
            return 0;
        }
        has_more = has_more || is_for_store;
        has_free = has_free || job->state == JOB_FREE;
        has_waiting = has_waiting || waits_for_leave(job);
    }
    if (has_more) {
        return rest_ms(bulk);
    }
    if (has_waiting || (bulk->is_on && has_free && !bulk->is_draining)) {
        int64_t ask_ms = until(bulk, bulk->ask_mono_ms);
        return ask_ms > rest_ms(bulk) ? ask_ms : rest_ms(bulk);
    }
    return INT64_MAX;
}

void bulk_hold(struct bulk *bulk) {
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        struct job *job = &bulk->jobs[i];
        if (job->state == JOB_GATHERING || job->state == JOB_READY) {
            job_end(job);
            job->is_allowed = false;
        }
    }
}

void bulk_drain(struct bulk *bulk) {
    bulk->is_draining = true;
    bulk_hold(bulk);
}

void bulk_cut_short(struct bulk *bulk) {
    const struct transport *transport = bulk->options.worker->transport;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        if (bulk->jobs[i].state == JOB_UP) {
            struct transport_answer answer;
            size_t slot = bulk->options.worker->concurrency + i;
            transport->cancel(transport->context, slot, &answer);
            bulk_land(bulk, slot, &answer);
        }
    }
}

bool bulk_is_crowded_out(const struct bulk *bulk) {
    return bulk->is_crowded_out && !bulk->is_draining;
}

size_t bulk_held_count(const struct bulk *bulk) {
    size_t count = 0;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        count += bulk->jobs[i].left_count;
    }
    return count;
}
