#pragma once
/*
 * The clients: each wants one preorder, with or without an Idempotency-Key, and asks again when it
 * hears nothing. Some press twice, some use another's key, some send what is no preorder.
 */
#include "tests/sim/shop.h"

enum { BROWSERS_MAX = 40, POSTS_MAX = 8, KEPT_REPLY_BYTES = 512 };

enum habit {
    HABIT_KEY,     /* a key of its own; repeats are one preorder */
    HABIT_NO_KEY,  /* each post may make a preorder */
    HABIT_THIEF,   /* another client's key with a body of its own */
    HABIT_INVALID, /* no preorder at all */
};

struct browser {
    size_t index;
    enum habit habit;
    size_t victim; /* HABIT_THIEF: whose key */
    char email[64];
    int64_t next_at_us; /* when it posts (again); INT64_MAX: no more */
    int32_t posts_left;
    struct post *posts[POSTS_MAX];
    int64_t posts_until_us[POSTS_MAX]; /* when it gives one up */
    size_t post_count;
    int32_t sent_count; /* posts, ever */
    /* What it was told. */
    int32_t created_count; /* 201s */
    char reply[KEPT_REPLY_BYTES];
    size_t reply_bytes;
    char ids[POSTS_MAX][40]; /* the preorders of its 201s */
    int32_t refused_count;   /* 4xx */
    int32_t unavailable_count;
};

struct browsers {
    struct world *world;
    struct shop *shop;
    struct browser browsers[BROWSERS_MAX];
    size_t count;
};

void browsers_begin(struct browsers *browsers, struct world *world, struct shop *shop);
int64_t browsers_next_us(const struct browsers *browsers);
/* True if something was done. */
bool browsers_turn(struct browsers *browsers);
/* Nobody begins anything new; what is under way goes on. */
void browsers_calm(struct browsers *browsers);
void browsers_end(struct browsers *browsers);
