#pragma once
/* An account, its limits and a moment that a test moves on by hand. Thread: one. */
#include <stdbool.h>
#include <stdint.h>

#include "common/domain/account.h"

enum {
    START_MS = 1000000,
    LEASE_MS = 60 * 1000,
    INTERVAL_MS = 30 * 1000,
    WANTED = 64,
};

struct scene {
    struct account account;
    struct rate_limits limits;
    struct rate_use use;
    struct account_moment moment;
    int64_t token;
};

void scene_open(struct scene *scene);
void scene_pass(struct scene *scene, int64_t ms);
struct ident scene_id(int number);
struct account_news scene_news(const struct scene *scene, enum account_verdict verdict,
                               const struct ident *id);
/* An event of that number, which started just now, came to this. */
void scene_tell(struct scene *scene, enum account_verdict verdict, int number);
void scene_tell_pause(struct scene *scene, const char *reason);
struct account_allowance scene_ask(const struct scene *scene);
/* Asks, and if a probe may go out, sends it. */
bool scene_probe(struct scene *scene, int number);
void scene_fail_ten(struct scene *scene);
void scene_expect_refusal(const struct scene *scene, enum account_reason reason, int64_t until_ms);
