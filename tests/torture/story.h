#pragma once
/*
 * A shop in one process: customers, the api's step, workers' steps, a Klaviyo that answers as the
 * dice fall, a person who repairs. Real code from the request's bytes to the row and back to the
 * reply, each party with a connection and a gate of its own; only sockets, time and luck are played.
 * One seed, one story.
 *
 * Whoever tells it says when a step may fail: every step returns what the api or the worker said,
 * and a party that went on after ERR_FATAL would be a bug of the teller.
 */
#include "api/api.h"
#include "tests/torture/state.h"
#include "tests/torture/till.h"
#include "tests/torture/wire.h"
#include "worker/worker.h"

enum {
    STORY_ASKS_MAX = 1024,
    STORY_WORKERS = 2,
    STORY_CONCURRENCY = 6,
    STORY_LEASE_MS = 60000,
    STORY_PATH_BYTES = 512,
};

struct ask {
    int number; /* of the customer; asked again it keeps its body and its key */
    char key[32];
    char email[64];
    char body[256];
    struct header headers[2];
    struct request request;
    bool is_waiting; /* for its reply */
    int status;      /* the best that it was ever told: 201 if that was among it; 0: nothing yet */
    struct ident id; /* of its preorder, once it was told 201 */
    bool is_paid;    /* Stripe was told that we know */
};

struct worker_party {
    struct store *store;
    struct worker *worker;
    struct wire wire;
    char name[64];
    int start_count;
};

struct story {
    char path[STORY_PATH_BYTES]; /* of the database */
    char url[STORY_PATH_BYTES + 8];
    struct clock clock;
    int64_t now_us; /* both clocks */
    struct random random;
    struct random_seeded seeded;
    struct settings settings;
    struct catalog *catalog;
    struct store *store; /* the api's */
    struct api *api;
    struct worker_party workers[STORY_WORKERS];
    struct wire_log *sent;
    int64_t bulk_threshold;
    struct ask *asks; /* STORY_ASKS_MAX of them */
    int ask_count;
    int accepted_count;
    struct till_call call; /* Stripe's, one a turn */
    struct ask *called;    /* whom it is about; NULL: there is none under way */
    enum till_event call_event;
    int call_count, paid_count;
    /* Told at every moment in which somebody outside learns something: a reply, a request to
       Klaviyo, the end of a step. What is stored by then is promised. */
    void (*on_promise)(void *context);
    void *context;
    char complaint[256]; /* the first thing that no fault excuses; "" if none */
};

/* Luck and clock; opens nothing. `folder` holds what is not SQLite's: gate and roster. */
void story_begin(struct story *story, const char *folder, uint64_t seed);
void story_end(struct story *story); /* closes what is open and frees it, as a process that ends */

/* Lets the database's name exist in the machine's folder or not: what stands there is looked at, never
   read; its bytes are on the disk in memory. */
void story_place(const struct story *story, bool is_there);
CHECKED enum err_code story_migrate(struct story *story, struct err *err);
CHECKED enum err_code story_open_api(struct story *story, struct err *err);
CHECKED enum err_code story_open_worker(struct story *story, size_t index, struct err *err);
void story_close_api(struct story *story);
void story_close_worker(struct story *story, size_t index); /* without a word, as if killed */

/* So many customers ask at once, one in six of them for the second time. */
CHECKED enum err_code story_ask(struct story *story, int count, struct err *err);
/* This one asks again. */
CHECKED enum err_code story_ask_again(struct story *story, struct ask *ask, struct err *err);
/* Stripe tells of a preorder's checkout session, if there is one to tell of. */
CHECKED enum err_code story_pay(struct story *story, struct err *err);
CHECKED enum err_code story_work(struct story *story, size_t index, struct err *err);
CHECKED enum err_code story_checkpoint(struct story *story, struct err *err);
/* Anything at all may happen next. */
CHECKED enum err_code story_turn(struct story *story, struct err *err);
void story_pass_time(struct story *story, int64_t ms);

/* Whether the database holds what was promised: every 201's preorder with what was asked and its one
   first event, paid if Stripe was told so, no preorder twice, and a token for every request to Klaviyo. */
bool story_is_kept(const struct story *story, sqlite3 *db, char why[STATE_TEXT_BYTES]);
