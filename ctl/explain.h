#pragma once
/*
 * Why an event is where it is, in sentences. A function of the data alone.
 *
 * Threads: any.
 */
#include "common/store.h"

enum {
    EXPLAIN_SENTENCES_MAX = 12,
    EXPLAIN_SENTENCE_BYTES = 1600, /* Klaviyo's words can be EVENT_ERROR_BYTES long */
    EXPLAIN_COMMAND_BYTES = 128,
};

struct explain_input {
    const struct event_view *event;
    const struct event_view *behind; /* the event that it waits for; NULL: none is known */
    const struct attempt_list *attempts;
    const struct store_status *status;
    const struct worker_list *workers;
    int64_t attempts_max; /* PREORDER_RETRY_MAX_ATTEMPTS */
    int64_t now_ms;
};

struct explanation {
    char sentences[EXPLAIN_SENTENCES_MAX][EXPLAIN_SENTENCE_BYTES];
    size_t sentence_count;
    char command[EXPLAIN_COMMAND_BYTES]; /* what would move it; "" if nothing has to */
};

void explain_event(const struct explain_input *input, struct explanation *explanation_out);

/* One attempt in one sentence; `number` counts the lines of the journal from 1. */
void explain_attempt(size_t number, const struct attempt_view *attempt,
                     char sentence[EXPLAIN_SENTENCE_BYTES]);
