#pragma once
/*
 * A small shop in one process: browsers, APIs, workers, Klaviyo and the network between them, with one
 * clock and one pair of dice, so that a seed tells the whole story again. The API's step, the
 * worker's step and the store are the real ones, on a real SQLite file; what is played is what
 * surrounds them.
 *
 * The product has dice of its own (ids, jitter): a change of the simulation's choices does not change
 * what ids look like, and the other way round.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/random.h"

enum { PER_MILLE = 1000, WORLD_PATH_BYTES = 256 };

/* What may go wrong, each as so many in a thousand chances; 0 for most of them in any one seed. */
struct faults {
    int32_t store_busy;    /* the gate was not won: nothing is done */
    int32_t store_unknown; /* done, and nobody hears of it; or not done */
    int32_t store_fatal;   /* the disk can't be trusted: the process exits */
    int32_t disk;          /* a system call of this operation fails */
    int32_t dies_in_store; /* kill -9 right before or right after a commit */
    int32_t dies;          /* kill -9 of anybody at any time */
    int32_t stops;         /* a worker is stopped for up to ten leases */
    int32_t post_lost;     /* on the way to the API, or its answer on the way back */
    int32_t wire_fails;    /* a request to Klaviyo: lost, late, cut off, refused */
    int32_t weather;       /* Klaviyo as a whole: down, failing, throttling, refusing the key */
    int32_t poison;        /* events that Klaviyo refuses for good */
    int32_t person;        /* somebody retries, cancels, pauses, resumes */
    int32_t clock_jumps;   /* the wall clock is set */
};

/* What kind of story a seed tells: one in 32 is long and crowded; most are short and dense, so that
   there can be many. */
struct kind {
    int32_t pace; /* how many times shorter everything takes than in a long one */
    int32_t browsers_max, sessions_max;
};

/* What happened, for the line at the end. */
struct figures {
    int64_t seeds, posts, created, replayed, refused, accepted, sends, deaths, stops, disk_errors;
    int64_t unknowns, jumps, notices, simulated_s;
};

struct world {
    uint64_t seed;
    struct random_seeded dice_state, product_state;
    struct random product; /* handed to the product */
    int64_t mono_us;
    int64_t wall_offset_ms;
    struct clock clock;
    struct kind kind;
    struct faults faults;
    bool is_quiet;   /* nothing goes wrong any more */
    bool has_jumped; /* the wall clock, in this story */
    bool is_quick_to_bulk;
    char folder[WORLD_PATH_BYTES / 2];
    char path[WORLD_PATH_BYTES]; /* of the database */
    char url[WORLD_PATH_BYTES];
    uint64_t trace; /* a hash over all that happened: equal seeds, equal traces */
    struct figures figures;
    /* The disk: the call that fails, counted down while an operation runs; 0: none does. */
    int32_t disk_countdown;
    bool disk_stays_broken;
    bool
        has_lost; /* a worker died or was left in doubt: lines in the journal may exceed requests */
    char complaint[512]; /* the first broken promise; "" while all are kept */
};

/* A fresh world for a seed; `folder` is emptied by the caller. */
void world_begin(struct world *world, uint64_t seed, const char *folder);

/* 0 to bound - 1. */
int64_t world_dice(struct world *world, int64_t bound);
/* True in so many of a thousand cases, never once it is quiet. */
bool world_chance(struct world *world, int32_t per_mille);
/* How long in this story is what takes so long in a long one. */
int64_t world_span(const struct world *world, int64_t time);
void world_pass(struct world *world, int64_t us);
void world_set_wall(struct world *world, int64_t change_ms);

/* Adds to the trace. */
void world_trace(struct world *world, const char *what, int64_t a, int64_t b);
/* Notes a broken promise. */
void world_complain(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
