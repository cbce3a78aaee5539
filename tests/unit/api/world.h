#pragma once
/*
 * The api's step with everything around it played: a real SQLite database in a fresh folder, behind an engine
 * that can fail the next create; a clock that stands still; replies are kept in the order in which they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/preorder_commit.h"
#include "common/store/ops.h"

enum { REPLIES_MAX = 2 * PREORDER_COMMIT_MAX, MONO_US = 1000000 };
#define WALL_MS INT64_C(1795353434999)

struct failing_store {
    struct store base;
    struct store_ops ops;
    struct store *inner;
    enum err_code next_code; /* of the next create; ERR_OK: ask the inner store */
    size_t create_calls;
};

struct world {
    char folder[64];
    struct settings settings;
    struct catalog *catalog;
    struct failing_store store;
    struct random random;
    struct random_seeded seeded;
    struct random inner_random;
    bool repeats_numbers;
    struct api *api;
    struct clock clock; /* stands still, both hands: how fast the machine is decides nothing */
    int64_t offset_us;
    struct reply replies[REPLIES_MAX];
    void *tickets[REPLIES_MAX];
    size_t reply_count;
};

extern const char world_body[]; /* of a create that is all right */

int world_set_up(void **state);
int world_tear_down(void **state);

/* A create; `header`: the only one it has, or NULL. */
struct request world_post(const char *text, const struct header *header);
void world_commit(struct world *world, enum err_code expected);

/* NULL: the reply lacks it. */
const char *world_reply_header(const struct reply *reply, const char *name);
/* Preorders in the database. */
int64_t world_stored_count(struct world *world);
