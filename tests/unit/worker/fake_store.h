#pragma once
/*
 * A store in memory that keeps the contracts of store_settle_and_claim and store_tend_workers, records
 * what it was asked, and fails when told to. Nothing else of the store works.
 */
#include "common/store/ops.h"

enum { FAKE_EVENTS_MAX = 512, FAKE_LINES_MAX = 4096 };

struct fake_event {
    struct ident id;
    int64_t due_at_ms; /* INT64_MAX: finished */
    int64_t token;
    int32_t attempts;
    int64_t first_attempt_at_ms;
    bool is_claimed, is_sent, is_dead;
    char holder[WORKER_ID_BYTES];
    char traceparent[TRACEPARENT_BYTES];
    char error[EVENT_ERROR_BYTES];
};

/* A line of the journal. */
struct fake_line {
    size_t event;
    int64_t token;
    enum outcome outcome;
    bool is_burnt;
};

struct fake_store {
    struct store base; /* first: this is the struct store */
    struct fake_event events[FAKE_EVENTS_MAX];
    size_t event_count;
    struct fake_line lines[FAKE_LINES_MAX];
    size_t line_count;
    int64_t account_not_before_ms;
    int32_t refused_count; /* in a row */
    bool is_paused;
    bool withholds; /* says what is due, gives nothing */
    /* What it was asked. */
    size_t call_count, settlements_max, claims_max;
    size_t checkpoint_count;
    size_t tend_count;
    int32_t wal_pages;
    /* What it does about it: the next calls fail so. ERR_UNKNOWN: the work is done all the same. */
    enum err_code next_code;
    size_t failures_left;
    enum err_code tend_code; /* as long as it is set, tending fails so */
    enum err_code bring_back_code, checkpoint_code, count_code; /* likewise */
    size_t neighbour_count;                                     /* that live */
    const char *dying; /* the next look finds this worker dead; NULL: nobody */
    void (*on_call)(struct fake_store *fake, void *context); /* NULL: nothing */
    void *on_call_context;
};

void fake_store_init(struct fake_store *fake);
/* Adds an event that is due at once; returns its index. */
size_t fake_store_add(struct fake_store *fake, int64_t now_ms);
/* The holder died: the kernel dropped its lock, its claims are due at once: so many. */
size_t fake_store_bury_holder(struct fake_store *fake, const char *holder, int64_t now_ms);

size_t fake_store_count_sent(const struct fake_store *fake);
size_t fake_store_count_claimed(const struct fake_store *fake);
size_t fake_store_count_lines(const struct fake_store *fake, enum outcome outcome);
