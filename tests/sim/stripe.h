#pragma once
/*
 * Stripe, played: customers pay, or do not, and it tells the shop until the shop says 200: in any
 * order, more than once, signed.
 */
#include "tests/sim/browsers.h"
#include "tests/sim/shop.h"

enum { STRIPE_SESSIONS_MAX = 24, STRIPE_NOTICES_MAX = 96 };

#define STRIPE_SIM_SECRET "whsec_simulated"

/* What becomes of a checkout session. */
enum ending {
    ENDING_PAID,
    ENDING_FREE,        /* nothing to pay */
    ENDING_PAID_LATE,   /* completed unpaid, and paid after all */
    ENDING_FAILED_LATE, /* completed unpaid, and never paid */
    ENDING_EXPIRED,
    ENDING_WRONG_AMOUNT, /* paid, but another sum */
    ENDING_COUNT
};

struct session {
    char preorder_id[40];
    enum ending ending;
};

/* One event that the shop has to hear of. */
struct notice {
    size_t session;
    char body[768];
    int64_t next_at_us;
    int32_t repeats_left; /* of what was heard already */
    bool is_heard;        /* answered 200 at least once */
    struct post *post;    /* on its way */
    int64_t post_until_us;
};

struct stripe {
    struct world *world;
    struct shop *shop;
    const struct browsers *browsers;
    struct session sessions[STRIPE_SESSIONS_MAX];
    size_t session_count;
    struct notice notices[STRIPE_NOTICES_MAX];
    size_t notice_count;
};

void stripe_begin(struct stripe *stripe, struct world *world, struct shop *shop,
                  const struct browsers *browsers);
int64_t stripe_next_us(const struct stripe *stripe);
void stripe_turn(struct stripe *stripe);
/* Perhaps a customer opens a checkout session. */
void stripe_trouble(struct stripe *stripe);
/* Everything was heard. */
bool stripe_is_done(const struct stripe *stripe);
void stripe_end(struct stripe *stripe);
