#pragma once
/*
 * The APIs: processes that take requests, commit in batches, answer, die and are started again.
 */
#include "api/api.h"
#include "tests/sim/world.h"

enum { SHOP_MAX = 2, SHOP_HANDS_FULL = 128 };

/* One request of a client on its way, in an API's hands, or answered. Owned by the client. */
struct post {
    struct request request; /* points into this struct */
    struct header headers[4];
    char body[768];
    char key[256]; /* Idempotency-Key or Stripe-Signature */
    int64_t arrives_at_us;
    bool is_taken;    /* an API has it in hand */
    bool is_answered; /* `reply` is there, whether the client hears of it or not */
    struct reply reply;
};

struct shop;

struct desk {
    struct shop *shop;
    size_t index;
    bool is_up, is_dead;
    int64_t up_at_us, commit_at_us;
    int32_t start_count;
    struct store *store;
    struct api *api;
    struct post *posts[SHOP_HANDS_FULL]; /* in hand */
    size_t post_count;
};

struct shop {
    struct world *world;
    const struct settings *settings;
    const struct catalog *catalog;
    struct desk desks[SHOP_MAX];
    size_t desk_count;
    bool has_news; /* something was stored since it was last looked at */
};

void shop_begin(struct shop *shop, struct world *world, const struct settings *settings,
                const struct catalog *catalog);
int64_t shop_next_us(const struct shop *shop);
void shop_turn(struct shop *shop);
/* A request arrives at one of them. False: nobody takes the connection. */
bool shop_take(struct shop *shop, struct post *post);
void shop_trouble(struct shop *shop);
void shop_end(struct shop *shop);
