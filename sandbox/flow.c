#include "sandbox/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct flow {
    struct flow_plan plan;
    struct plays *plays;
    const struct clock *clock;
    int64_t sent_count;
    int64_t next_at_ms;
};

/* ---- The bomb -------------------------------------------------------------------------------- */

/*
 * A gzip member (RFC 1952) around one block of deflate (RFC 1951) with the fixed codes: a literal
 * zero, then "258 bytes from one byte back" over and over, thirteen bits each, then the end of the
 * block.
 */
enum {
    BOMB_HEAD_BYTES = 10,
    BOMB_TAIL_BYTES = 8,
    BOMB_FIRST_BITS = 11, /* block header and the literal */
    BOMB_MATCH_BITS = 13,
    BOMB_MATCH_COUNT = 4161790,
};

static unsigned bomb_bit(int64_t at) {
    static const char first[] = "11000110000";   /* last block, fixed codes; 0x00 is 00110000 */
    static const char match[] = "1100010100000"; /* length 258, distance 1 */
    if (at < BOMB_FIRST_BITS) {
        return (unsigned)(first[at] - '0');
    }
    int64_t match_at = at - BOMB_FIRST_BITS;
    if (match_at < (int64_t)BOMB_MATCH_BITS * BOMB_MATCH_COUNT) {
        return (unsigned)(match[match_at % BOMB_MATCH_BITS] - '0');
    }
    return 0; /* the end of the block is seven zeros */
}

static char bomb_byte(int64_t at) {
    static const unsigned char head[BOMB_HEAD_BYTES] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    /* CRC-32 and length of the zeros that come out. */
    static const unsigned char tail[BOMB_TAIL_BYTES] = {0xcf, 0x37, 0xe8, 0xa1,
                                                        0xfd, 0xff, 0xff, 0x3f};
    if (at < BOMB_HEAD_BYTES) {
        return (char)head[at];
    }
    if (at >= FLOW_BOMB_BYTES - BOMB_TAIL_BYTES) {
        return (char)tail[at - (FLOW_BOMB_BYTES - BOMB_TAIL_BYTES)];
    }
    unsigned byte = 0;
    for (int64_t bit = 0; bit < 8; bit++) {
        byte |= bomb_bit((at - BOMB_HEAD_BYTES) * 8 + bit) << bit;
    }
    return (char)byte;
}

/* ---- The flow -------------------------------------------------------------------------------- */

static void fill(const struct flow *flow, char *bytes, int64_t byte_count) {
    const char *text = flow->plan.text;
    size_t length = text == NULL ? 0 : strlen(text);
    for (int64_t i = 0; i < byte_count; i++) {
        int64_t at = flow->sent_count + i;
        bytes[i] = text == NULL ? bomb_byte(at) : text[(size_t)at % length];
    }
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t flow_read(void *context, char *bytes, size_t bytes_max) {
    struct flow *flow = context;
    const struct flow_plan *plan = &flow->plan;
    if (plays_is_draining(flow->plays)) {
        return -2;
    }
    int64_t now_ms = clock_mono_ms(flow->clock);
    if (now_ms < flow->next_at_ms) {
        return 0;
    }
    int64_t count = bytes_max > INT32_MAX ? INT32_MAX : (int64_t)bytes_max;
    count = plan->step_bytes > 0 ? smaller(count, plan->step_bytes) : count;
    count = plan->byte_count >= 0 ? smaller(count, plan->byte_count - flow->sent_count) : count;
    if (count == 0) {
        return plan->is_cut ? -2 : -1;
    }
    fill(flow, bytes, count);
    flow->sent_count += count;
    if (plan->interval_ms > 0) {
        flow->next_at_ms = now_ms + plan->interval_ms;
    }
    return count;
}

static void flow_free(void *context) {
    struct flow *flow = context;
    plays_end_stream(flow->plays);
    free(flow);
}

void flow_start(const struct flow_plan *plan, struct exchange *exchange, struct reply *reply,
                struct plays *plays, const struct clock *clock) {
    assert(plan->text == NULL || plan->text[0] != '\0');
    struct flow *flow = calloc(1, sizeof(*flow));
    if (flow == NULL) {
        exchange_reply(exchange, reply);
        return;
    }
    *flow = (struct flow){
        .plan = *plan,
        .plays = plays,
        .clock = clock,
        .next_at_ms = clock_mono_ms(clock) + plan->delay_ms,
    };
    plays_begin_stream(plays);
    exchange_reply_stream(exchange, reply, plan->declared_count, flow_read, flow_free, flow);
}
