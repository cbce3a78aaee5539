#pragma once
/*
 * What the answer to a bulk job means for the job, and for whose sake it was refused. What it means
 * for an event stands in verdict.h: most answers are judged for each member as if it had been sent
 * by itself. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

#include "worker/answer.h"
#include "worker/bulk_body.h"
#include "worker/transport.h"

enum bulk_meaning {
    BULK_JUDGED,   /* the same for each member, as verdict_judge says; the job is over */
    BULK_NAMED,    /* refused for the sake of the members in `faults`; the others may go again */
    BULK_REFUSED,  /* refused without saying for whose sake */
    BULK_TOO_LARGE /* may go again in parts */
};

enum { BULK_FAULTS_MAX = 64 };

struct bulk_fault {
    size_t member; /* of the request, in the order of its body */
    struct answer words;
};

struct bulk_verdict {
    enum bulk_meaning meaning;
    struct bulk_fault faults[BULK_FAULTS_MAX]; /* BULK_NAMED: each member once */
    size_t fault_count;
};

/* `member_count`: of the request that was answered, at least 1. */
void bulk_judge(const struct transport_answer *answer, size_t member_count,
                struct bulk_verdict *verdict_out);
