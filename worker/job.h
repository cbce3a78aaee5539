#pragma once
/*
 * One bulk job in this worker's hands: up to 1,000 claimed events, sent in one request, and in further
 * ones if Klaviyo refuses that for the sake of some. Knows neither store nor transport: it says what
 * is to be settled and what to be sent.
 *
 * free -> (job_begin) gathering -> ready <-> up (on the wire) -> free again once all are settled.
 *
 * An attempt that was refused for another's sake is settled only when it is known whether its event is
 * sent again, keeping the claim, or is the culprit after all. So each request on the wire has one
 * line in the journal for each event that was in it.
 *
 * Ownership: claims and their payloads belong to the job from job_add on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/random.h"
#include "common/store.h"
#include "worker/bulk_verdict.h"
#include "worker/flight.h"
#include "worker/sieve.h"
#include "worker/streak.h"
#include "worker/transport.h"
#include "worker/verdict.h"

enum {
    JOB_SLICE_MAX = 64, /* settlements in one transaction */
    JOB_TEXT_BYTES = 192,
};

enum job_state { JOB_FREE = 0, JOB_GATHERING, JOB_READY, JOB_UP };

struct job_member;

/* An answer as far as verdicts need it, past the transport's own memory. Not to be copied. */
struct job_answer {
    struct transport_answer answer; /* points into this struct */
    struct answer words;
    char content_type[JOB_TEXT_BYTES], retry_after[JOB_TEXT_BYTES], error[JOB_TEXT_BYTES];
    char *body; /* made fit for the database; NULL if there is none */
    size_t body_bytes;
};

struct job {
    enum job_state state;
    bool is_allowed; /* the account counts a request of this job that is not answered */
    bool is_ending;  /* nothing of it is sent any more: what is left goes back */
    bool has_news;   /* `news` is to be told to the account */
    struct flight news;
    struct job_member *members;
    size_t member_count, left_count; /* left: not settled for good */
    size_t decided_count;            /* to be settled now */
    size_t payload_bytes;            /* of all */
    struct sieve sieve;
    uint16_t order[BULK_MEMBERS_MAX]; /* of the body: which member stands where */
    size_t aboard_count;
    char *body;
    size_t body_bytes;
    int64_t started_at_ms, started_mono_us, finished_mono_us;
    struct job_answer answer;  /* the last one */
    struct job_answer refusal; /* the last that refused */
    struct bulk_verdict verdict;
};

/* What a job's decisions need to know of the worker. */
struct job_moment {
    const struct verdict_policy *policy;
    const struct random *random;
    struct streak *streak; /* changed by answers */
    int64_t now_ms, mono_us;
};

/* The job must be free. ERR_BUSY: out of memory. */
CHECKED enum err_code job_begin(struct job *job, struct err *err);
/* Frees it whatever it holds. */
void job_clear(struct job *job);

/* Takes the batch's claims; there must be room. */
void job_add(struct job *job, struct claim_batch *batch, int64_t claimed_mono_ms);
/* Nothing more will be added. */
void job_close(struct job *job);
/* How many more events it may take: 0 once it has enough bytes. */
size_t job_room(const struct job *job);

/*
 * The next request, while nothing is to be settled: puts its members aboard and decides what has to
 * be settled before it goes out. False: nobody is left to send.
 */
bool job_board(struct job *job);
/* While it gathers, and has any: when the first of its members was claimed. */
int64_t job_oldest_mono_ms(const struct job *job);
/* True if each claim of those aboard was made after this, so that its lease has room. */
bool job_is_younger(const struct job *job, int64_t claimed_mono_ms);
/* Renders the request of those aboard. False: none of them fits, board anew. ERR_BUSY: out of
   memory. */
CHECKED enum err_code job_render(struct job *job, bool *is_rendered_out, struct err *err);
/* It is on the wire. */
void job_take_off(struct job *job, const struct job_moment *moment);
/* What came of it. The job is ready again, with members to be settled. */
void job_land(struct job *job, const struct transport_answer *answer,
              const struct job_moment *moment);

/* Nothing of it is sent (any more): everything that is left is decided. Not while it is up. */
void job_end(struct job *job);

/* What is settled in one transaction. The flights borrow from the job. */
struct job_slice {
    struct flight flights[JOB_SLICE_MAX];
    struct settlement settlements[JOB_SLICE_MAX];
    uint16_t members[JOB_SLICE_MAX];
    size_t count;
};
void job_slice(const struct job *job, const struct job_moment *moment, struct job_slice *slice_out);
/* The store took it; stale_set as in struct settle_report. */
void job_settled(struct job *job, const struct job_slice *slice, uint64_t stale_set,
                 int64_t claimed_mono_ms);
