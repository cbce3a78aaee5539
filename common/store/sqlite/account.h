#pragma once
/*
 * The account and its allowance as the database holds them: loaded, changed by the pure functions of
 * common/domain, stored in the same transaction. Included by the engine's files only.
 */
#include "common/domain/account.h"
#include "common/store/sqlite/engine.h"

/* Answers of one transaction, by slot. */
enum { ACCOUNT_SLOTS_MAX = 64 };
struct account_slot {
    int64_t at_ms;
    int64_t count;
};
struct account_slots {
    struct account_slot slots[ACCOUNT_SLOTS_MAX];
    size_t slot_count;
};

/* What one transaction holds of the account. */
struct account_desk {
    enum rate_kind kind;
    struct account account;
    struct rate_limits limits; /* as this worker was told; stored for those that look */
    struct rate_use use;       /* as loaded, then with what this transaction changed */
    bool is_account_changed, is_rate_changed;
    int64_t other_in_flight_count; /* requests of the other kind, if that matters */
    bool leaves_job_place;         /* one at once is left to a bulk job, while none is in flight */
    int64_t own_count;             /* on the wire, of this worker, as stored */
    struct rate_use use_before;
    struct account_moment moment; /* points into this struct: not to be moved */
    struct account_slots burst_slots, steady_slots;
};

/* Loads it for one kind of request, whose limits stand in `request`; within a transaction. */
CHECKED enum err_code account_desk_open(struct sqlite_store *self, enum rate_kind kind,
                                        const struct claim_request *request,
                                        struct account_desk *desk, struct err *err);

/* Takes in what became of a request. */
void account_desk_note(struct account_desk *desk, const struct settlement *settlement);
/* Takes in what became of an event. */
void account_desk_count(struct account_desk *desk, const struct settlement *settlement);
/* After all settlements: this worker has `held_count` requests on the wire. */
void account_desk_settle(struct account_desk *desk, int64_t held_count);
struct account_allowance account_desk_allow(const struct account_desk *desk, size_t wanted_count);
/* So many requests will go out. */
void account_desk_start(struct account_desk *desk, int64_t request_count);
/* The batch was claimed, each event for a request of its own. */
void account_desk_claim(struct account_desk *desk, const struct claim_batch *batch);
/* A claim was taken from a holder that vanished. */
void account_desk_vanish(struct account_desk *desk, const struct ident *event_id, int64_t token);

/* Writes what changed. `held_count`: on the wire now, those just claimed included. */
CHECKED enum err_code account_desk_close(struct sqlite_store *self, struct account_desk *desk,
                                         const struct claim_request *request, int64_t held_count,
                                         struct err *err);

/* A worker vanished: what it had on the wire counts as answered now, and a probe of its is over. Within a write
   transaction, while the events still say whose they were. */
CHECKED enum err_code account_bury_worker(struct sqlite_store *self, const char *worker,
                                          int64_t now_ms, struct err *err);

/* Just the account, for looking and for what a person does to it. */
CHECKED enum err_code account_load(struct sqlite_store *self, struct account *account_out,
                                   struct err *err);
CHECKED enum err_code account_store(struct sqlite_store *self, const struct account *account,
                                    struct err *err);
/* What people are told of it: why an event would not go out now, and the numbers behind. */
CHECKED enum err_code account_fill_status(struct sqlite_store *self, int64_t now_ms,
                                          struct store_status *status, struct err *err);
