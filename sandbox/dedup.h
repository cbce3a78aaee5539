#pragma once
/*
 * What was accepted before: a set of (profile, metric, unique_id).
 *
 * Keeps 16 bytes of a SHA-256 for each, in a table that doubles: a million events take 32 MiB, and
 * two different events meet in one key with a chance far below that of a broken disk.
 *
 * Ownership: dedup_open gives, dedup_close takes. Threads: one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct dedup;

struct dedup_key {
    uint64_t words[2];
};

/* The texts may be of any length; none may be NULL. */
struct dedup_key dedup_key_of(const char *profile, const char *metric, const char *unique_id);

CHECKED enum err_code dedup_open(struct dedup **dedup_out, struct err *err);
void dedup_close(struct dedup *dedup); /* NULL is fine */

/* Adds the key; *was_there_out says whether it was there. ERR_FATAL: out of memory. */
CHECKED enum err_code dedup_add(struct dedup *dedup, struct dedup_key key, bool *was_there_out,
                                struct err *err);
bool dedup_has(const struct dedup *dedup, struct dedup_key key);
size_t dedup_count(const struct dedup *dedup);
void dedup_clear(struct dedup *dedup); /* forgets everything, keeps the memory */
