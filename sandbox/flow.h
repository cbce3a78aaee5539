#pragma once
/*
 * A body that is produced as it goes, for exchange_reply_stream: late, slow, endless, cut short, or
 * a gzip bomb. Works over TLS too.
 */
#include <stdbool.h>
#include <stdint.h>

#include "http/server.h"
#include "sandbox/play.h"

/* One GiB, nearly, of zeros in 6.8 MB: FLOW_BOMB_INFLATED_BYTES come out. */
enum { FLOW_BOMB_BYTES = 6762929, FLOW_BOMB_INFLATED_BYTES = 1073741821 };

struct flow_plan {
    int64_t delay_ms;       /* before the first byte */
    int64_t step_bytes;     /* at a time; 0: as many as are asked for */
    int64_t interval_ms;    /* between two steps */
    int64_t byte_count;     /* -1: without end */
    int64_t declared_count; /* Content-Length; -1: chunked */
    const char *text;       /* repeated to fill the body; NULL: the gzip bomb */
    bool is_cut;            /* ends in disorder */
};

/* Answers the exchange; `reply` gives status and head. Out of memory: the answer has no body.
   `plan->text` must outlive the exchange; the plays tell when it is time to stop. */
void flow_start(const struct flow_plan *plan, struct exchange *exchange, struct reply *reply,
                struct plays *plays, const struct clock *clock);
