#pragma once
/*
 * Every operation of the store, one after the other on the same data: what there has to be before it, and
 * a look at what it gives. What they need beside the store is not failed (failing.h).
 */
#include "tests/store/fixture.h"

enum { RIG_EVENTS = 6 };

struct rig {
    struct fixture *fixture;
    struct store *store; /* in front of it everything fails; NULL: the next trial opens one */
    struct ident event_ids[RIG_EVENTS];
    struct ident preorder_id;                /* of the first event: flagged, with a payment */
    char last_number[PREORDER_NUMBER_BYTES]; /* of the preorders that all operations find */
};
extern struct rig rig;

/* For cmocka: events in every state, a flagged preorder with its payments, journaled attempts. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* All events due, but for one that is kept apart; nothing holds the account. */
void rig_reset(void);
/* rig.store, opened if there is none, by a worker in the register or not. */
void rig_open(bool is_registered);

struct operation {
    const char *name;
    void (*prepare)(void);
    enum err_code (*run)(struct err *err);
    bool is_registered; /* by a worker in the register */
    /* Where calls are many and much alike: 0, a few of SQLite's allocations are left out, no others. */
    int memory_stride, disk_stride;
};
extern const struct operation operations[];
extern const size_t operation_count;
