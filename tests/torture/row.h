#pragma once
/* The least that the store takes for a preorder, for proofs that need very many of them. */
#include "common/random.h"
#include "common/store.h"

struct row {
    struct preorder preorder;
    struct event event;
    struct create create;
};

/* `writer` and `number` make the preorder's number. The row points into itself: not to be moved. */
void row_make(struct row *row, uint32_t writer, uint32_t number, int64_t now_ms,
              const struct random *random);
