#include "worker/job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/answer.h"
#include "worker/backfill.h"
#include "worker/bulk_body.h"
#include "worker/clean.h"

/* What a member's body has in a job beyond what it has by itself, at most. */
enum { MEMBER_BYTES = 128 };

enum decision {
    DECISION_NONE = 0,
    DECISION_JUDGE,  /* as the answer says */
    DECISION_BURY,   /* refused for its sake */
    DECISION_ACCUSE, /* refused for its sake, as too many before it: not the event's fault */
    DECISION_KEEP,   /* refused for another's sake, to be sent again */
    DECISION_RETURN, /* refused for another's sake, due again */
    DECISION_UNSEND, /* not sent: due again */
    DECISION_UNFIT,  /* not sent, and fits no job */
};

enum hold { HOLD_GONE = 0, HOLD_CLAIMED, HOLD_FLOWN };

struct job_member {
    struct claim claim;
    enum hold hold; /* flown: the claim's attempt is over and not settled */
    enum decision decision;
    int64_t claimed_mono_ms;
    int64_t started_at_ms, finished_at_ms;
    int64_t fault; /* index in the verdict's faults; -1: the refusal's first words */
};

static void decide(struct job *job, size_t index, enum decision decision) {
    struct job_member *member = &job->members[index];
    assert(member->hold != HOLD_GONE);
    job->decided_count += member->decision == DECISION_NONE ? 1 : 0;
    member->decision = decision;
}

/* ---- Gathering -------------------------------------------------------------------------------- */

enum err_code job_begin(struct job *job, struct err *err) {
    assert(job->state == JOB_FREE && job->members == NULL);
    struct job_member *members = calloc(BULK_MEMBERS_MAX, sizeof *members);
    if (members == NULL) {
        return err_set(err, ERR_BUSY, "out of memory for a bulk job");
    }
    job->members = members;
    job->state = JOB_GATHERING;
    return ERR_OK;
}

void job_clear(struct job *job) {
    for (size_t i = 0; i < job->member_count; i++) {
        free(job->members[i].claim.payload);
    }
    free(job->members);
    free(job->body);
    free(job->answer.body);
    free(job->refusal.body);
    memset(job, 0, sizeof *job);
}

size_t job_room(const struct job *job) {
    size_t bytes = job->payload_bytes + job->member_count * MEMBER_BYTES;
    bool is_full = bytes + EVENT_PAYLOAD_BYTES_MAX / 8 > BULK_BODY_BYTES_MAX;
    return is_full ? 0 : BULK_MEMBERS_MAX - job->member_count;
}

void job_add(struct job *job, struct claim_batch *batch, int64_t claimed_mono_ms) {
    assert(job->state == JOB_GATHERING);
    for (size_t i = 0; i < batch->claim_count; i++) {
        assert(job->member_count < BULK_MEMBERS_MAX);
        struct job_member *member = &job->members[job->member_count++];
        *member = (struct job_member){
            .claim = batch->claims[i], .hold = HOLD_CLAIMED, .claimed_mono_ms = claimed_mono_ms};
        batch->claims[i].payload = NULL;
        job->payload_bytes += member->claim.payload_bytes;
        job->left_count++;
        if (member->claim.is_backfill) {
            (void)backfill_turn(member->claim.payload, &member->claim.payload_bytes);
        }
    }
}

void job_close(struct job *job) {
    assert(job->state == JOB_GATHERING && job->member_count > 0);
    sieve_init(&job->sieve, job->member_count);
    job->state = JOB_READY;
}

/* ---- Sending ---------------------------------------------------------------------------------- */

static bool is_aboard(const struct job *job, size_t index) {
    return sieve_place(&job->sieve, index) == SIEVE_ABOARD;
}

bool job_board(struct job *job) {
    assert(job->state == JOB_READY && job->decided_count == 0);
    if (sieve_count(&job->sieve, SIEVE_ABOARD) == 0 && !sieve_board(&job->sieve)) {
        return false;
    }
    for (size_t i = 0; i < job->member_count; i++) {
        if (is_aboard(job, i) && job->members[i].hold == HOLD_FLOWN) {
            decide(job, i, DECISION_KEEP);
        }
    }
    return true;
}

int64_t job_oldest_mono_ms(const struct job *job) {
    assert(job->state == JOB_GATHERING && job->member_count > 0);
    return job->members[0].claimed_mono_ms;
}

bool job_is_younger(const struct job *job, int64_t claimed_mono_ms) {
    for (size_t i = 0; i < job->member_count; i++) {
        if (is_aboard(job, i) && job->members[i].claimed_mono_ms < claimed_mono_ms) {
            return false;
        }
    }
    return true;
}

/* Adds one that is aboard to the body, or takes it off the request. */
static void render_member(struct job *job, struct bulk_body *body, size_t index) {
    const struct claim *claim = &job->members[index].claim;
    switch (bulk_body_add(body, claim->payload, claim->payload_bytes)) {
    case BULK_ADDED:
        job->order[job->aboard_count++] = (uint16_t)index;
        break;
    case BULK_FULL:
        sieve_leave_to_rest(&job->sieve, index);
        break;
    case BULK_UNFIT:
        sieve_drop(&job->sieve, index);
        decide(job, index, DECISION_UNFIT);
        break;
    }
}

enum err_code job_render(struct job *job, bool *is_rendered_out, struct err *err) {
    assert(job->state == JOB_READY && job->decided_count == 0);
    struct bulk_body body;
    bulk_body_init(&body);
    job->aboard_count = 0;
    for (size_t i = 0; i < job->member_count; i++) {
        if (is_aboard(job, i)) {
            assert(job->members[i].hold == HOLD_CLAIMED);
            render_member(job, &body, i);
        }
    }
    free(job->body);
    job->body = NULL;
    *is_rendered_out = job->aboard_count > 0;
    if (!*is_rendered_out) {
        bulk_body_release(&body);
        return ERR_OK;
    }
    return bulk_body_finish(&body, &job->body, &job->body_bytes, err);
}

void job_take_off(struct job *job, const struct job_moment *moment) {
    assert(job->state == JOB_READY && job->aboard_count > 0);
    job->state = JOB_UP;
    job->started_at_ms = moment->now_ms;
    job->started_mono_us = moment->mono_us;
}

/* ---- Landing ---------------------------------------------------------------------------------- */

static void keep_text(char text[JOB_TEXT_BYTES], const char *from) {
    size_t length = strnlen(from, JOB_TEXT_BYTES - 1);
    memcpy(text, from, length);
    text[length] = '\0';
}

static void keep_answer(struct job_answer *kept, const struct transport_answer *answer) {
    free(kept->body);
    *kept = (struct job_answer){.answer = *answer};
    keep_text(kept->content_type, answer->content_type);
    keep_text(kept->retry_after, answer->retry_after);
    keep_text(kept->error, answer->error);
    kept->answer.content_type = kept->content_type;
    kept->answer.retry_after = kept->retry_after;
    kept->answer.error = kept->error;
    kept->answer.body = "";
    kept->answer.body_bytes = 0;
    if (answer->http_status >= 300) {
        answer_read(answer->body, answer->body_bytes, &kept->words);
    }
    if (answer->http_status == 0 || answer->body_bytes == 0) {
        return;
    }
    kept->body = malloc(answer->body_bytes);
    if (kept->body != NULL) {
        kept->body_bytes = clean_body(answer->body, answer->body_bytes, kept->body);
    }
}

/* Everybody aboard has had an attempt. */
static void note_flown(struct job *job, int64_t now_ms) {
    for (size_t i = 0; i < job->aboard_count; i++) {
        struct job_member *member = &job->members[job->order[i]];
        assert(member->hold == HOLD_CLAIMED);
        member->hold = HOLD_FLOWN;
        member->started_at_ms = job->started_at_ms;
        member->finished_at_ms = now_ms > job->started_at_ms ? now_ms : job->started_at_ms;
    }
}

/* The event is to blame, unless so many were before it that no event is: then the job ends, and the
   account is to be paused. */
static void blame(struct job *job, size_t index, int64_t fault, struct streak *streak) {
    bool is_bad_request = job->refusal.answer.http_status == 400;
    job->members[index].fault = fault;
    if (is_bad_request && streak_count(streak) + 1 >= VERDICT_REFUSED_STREAK_MAX) {
        decide(job, index, DECISION_ACCUSE);
        job->is_ending = true;
        return;
    }
    if (is_bad_request) {
        streak_note_refused(streak);
    }
    decide(job, index, DECISION_BURY);
}

static void blame_any(struct job *job, int member, const struct job_moment *moment) {
    if (member != SIEVE_NOBODY) {
        blame(job, (size_t)member, -1, moment->streak);
    }
}

/* The same for all: taken, or not for a reason that is no event's. */
static void land_judged(struct job *job, const struct job_moment *moment) {
    bool is_sent = job->answer.answer.http_status >= 200 && job->answer.answer.http_status < 300;
    for (size_t i = 0; i < job->aboard_count; i++) {
        decide(job, job->order[i], DECISION_JUDGE);
    }
    if (!is_sent) {
        job->is_ending = true;
        return;
    }
    streak_note_sent(moment->streak);
    blame_any(job, sieve_accept(&job->sieve), moment);
}

static void land_named(struct job *job, const struct job_moment *moment) {
    for (size_t i = 0; i < job->verdict.fault_count; i++) {
        size_t index = job->order[job->verdict.faults[i].member];
        if (!job->is_ending) {
            blame(job, index, (int64_t)i, moment->streak);
        }
        sieve_convict(&job->sieve, index);
    }
}

static void fill_flight(const struct job *job, size_t index, const struct job_moment *moment,
                        struct flight *flight);

/* What the account hears of the request: the verdict on one of those that were in it. */
static void make_news(struct job *job, const struct job_moment *moment) {
    size_t index = job->order[0];
    for (size_t i = 0; i < job->aboard_count; i++) {
        if (job->members[job->order[i]].decision == DECISION_ACCUSE) {
            index = job->order[i];
        }
    }
    struct job_member *member = &job->members[index];
    enum decision decision = member->decision;
    if (decision == DECISION_NONE) {
        member->decision = DECISION_RETURN; /* for the moment: it was refused, and judged */
    }
    fill_flight(job, index, moment, &job->news);
    member->decision = decision;
    job->news.claim.payload = NULL;
    job->news.rate_remaining_count = job->answer.answer.rate_remaining_count;
    job->news.rate_reset_s = job->answer.answer.rate_reset_s;
    job->has_news = true;
}

void job_land(struct job *job, const struct transport_answer *answer,
              const struct job_moment *moment) {
    assert(job->state == JOB_UP);
    job->state = JOB_READY;
    job->is_allowed = false;
    job->finished_mono_us = moment->mono_us;
    keep_answer(&job->answer, answer);
    note_flown(job, moment->now_ms);
    bulk_judge(answer, job->aboard_count, &job->verdict);
    if (job->verdict.meaning != BULK_JUDGED) {
        keep_answer(&job->refusal, answer);
    }
    switch (job->verdict.meaning) {
    case BULK_JUDGED:
        land_judged(job, moment);
        break;
    case BULK_NAMED:
        land_named(job, moment);
        break;
    case BULK_REFUSED:
        blame_any(job, sieve_refuse(&job->sieve), moment);
        break;
    case BULK_TOO_LARGE:
        blame_any(job, sieve_halve(&job->sieve), moment);
        break;
    }
    make_news(job, moment);
    if (job->is_ending) {
        job_end(job);
    }
}

void job_end(struct job *job) {
    assert(job->state != JOB_UP && job->state != JOB_FREE);
    job->is_ending = true;
    job->state = JOB_READY;
    for (size_t i = 0; i < job->member_count; i++) {
        const struct job_member *member = &job->members[i];
        if (member->hold == HOLD_GONE || member->decision == DECISION_BURY ||
            member->decision == DECISION_ACCUSE || member->decision == DECISION_JUDGE ||
            member->decision == DECISION_UNFIT) {
            continue;
        }
        decide(job, i, member->hold == HOLD_FLOWN ? DECISION_RETURN : DECISION_UNSEND);
    }
}

/* ---- Settling --------------------------------------------------------------------------------- */

static const char innocent[] =
    "Klaviyo refused the bulk job that it was in, as far as is known not for its sake";

static struct verdict return_verdict(int64_t now_ms) {
    struct verdict verdict = {.outcome = OUTCOME_RETRY, .next_attempt_at_ms = now_ms};
    snprintf(verdict.error, sizeof verdict.error, "%s", innocent);
    return verdict;
}

static const struct answer *words_of(const struct job *job, const struct job_member *member) {
    return member->fault < 0 ? &job->refusal.words : &job->verdict.faults[member->fault].words;
}

/* The verdict on one member, by the answer that decided on it. */
static void judge(const struct job *job, const struct job_member *member,
                  const struct job_moment *moment, struct flight *flight) {
    bool is_by_refusal = member->decision != DECISION_JUDGE;
    const struct job_answer *by = is_by_refusal ? &job->refusal : &job->answer;
    const struct verdict_context context = {
        .attempts = member->claim.attempts,
        .first_attempt_at_ms = member->claim.first_attempt_at_ms,
        .held_ms = member->claim.held_ms,
        .refused_streak = member->decision == DECISION_ACCUSE ? VERDICT_REFUSED_STREAK_MAX : 0,
        .now_ms = member->finished_at_ms,
    };
    flight->http_status = by->answer.http_status;
    flight->transport_code = by->answer.code;
    verdict_judge(moment->policy, &by->answer, is_by_refusal ? words_of(job, member) : &by->words,
                  &context, moment->random, &flight->verdict);
    /* A thousand copies of the same page help nobody. */
    if (is_by_refusal || member == &job->members[job->order[0]]) {
        flight->body = by->body;
        flight->body_bytes = by->body_bytes;
    }
}

static void fill_flight(const struct job *job, size_t index, const struct job_moment *moment,
                        struct flight *flight) {
    const struct job_member *member = &job->members[index];
    *flight = (struct flight){
        .state = FLIGHT_LANDED,
        .claim = member->claim,
        .started_at_ms = member->started_at_ms,
        .finished_at_ms = member->finished_at_ms,
        .started_mono_us = job->started_mono_us,
        .finished_mono_us = job->finished_mono_us,
    };
    switch (member->decision) {
    case DECISION_JUDGE:
    case DECISION_BURY:
    case DECISION_ACCUSE:
        judge(job, member, moment, flight);
        break;
    case DECISION_KEEP:
    case DECISION_RETURN:
        flight->http_status = job->refusal.answer.http_status;
        flight->verdict = return_verdict(moment->now_ms);
        break;
    case DECISION_UNSEND:
    case DECISION_UNFIT:
        flight->verdict = (struct verdict){.outcome = OUTCOME_UNSENT,
                                           .is_unsure = member->decision == DECISION_UNFIT};
        break;
    case DECISION_NONE:
        assert(false && "nothing was decided");
    }
}

void job_slice(const struct job *job, const struct job_moment *moment,
               struct job_slice *slice_out) {
    slice_out->count = 0;
    for (size_t i = 0; i < job->member_count && slice_out->count < JOB_SLICE_MAX; i++) {
        if (job->members[i].decision == DECISION_NONE) {
            continue;
        }
        size_t at = slice_out->count++;
        fill_flight(job, i, moment, &slice_out->flights[at]);
        slice_out->members[at] = (uint16_t)i;
        slice_out->settlements[at] = flight_settlement(&slice_out->flights[at]);
        slice_out->settlements[at].is_kept = job->members[i].decision == DECISION_KEEP;
    }
}

static void let_go(struct job *job, struct job_member *member) {
    free(member->claim.payload);
    member->claim.payload = NULL;
    member->hold = HOLD_GONE;
    job->left_count--;
}

void job_settled(struct job *job, const struct job_slice *slice, uint64_t stale_set,
                 int64_t claimed_mono_ms) {
    for (size_t i = 0; i < slice->count; i++) {
        struct job_member *member = &job->members[slice->members[i]];
        bool is_stale = (stale_set >> i & 1) != 0;
        bool is_kept = member->decision == DECISION_KEEP;
        member->decision = DECISION_NONE;
        job->decided_count--;
        if (is_kept && !is_stale) {
            member->claim.token++; /* its attempt was given back and taken anew */
            member->claimed_mono_ms = claimed_mono_ms;
            member->hold = HOLD_CLAIMED;
            continue;
        }
        let_go(job, member);
        if (is_kept) {
            sieve_drop(&job->sieve, slice->members[i]);
        }
    }
}
