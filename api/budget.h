#pragma once
/*
 * How much each client may still ask for: a bucket of `requests` tokens an address, filled evenly
 * over `window_s`. So a client may use its whole quota at once, and then one request every
 * window_s / requests.
 *
 * A client is an IPv4 address or the /64 of an IPv6 address: within a /64 anybody can take any
 * number of addresses.
 *
 * Memory is fixed: BUDGET_CLIENTS_MAX clients, 1 MiB. A client whose bucket is full again takes up
 * no place. When there are more than fit, the one that has used least of its quota is forgotten, as
 * if it had used nothing: a crowd of addresses does not wash out those who ask too much. Which of
 * them compete for a place depends on a secret, so nobody can choose whom to push out.
 *
 * Pure but for memory; time is handed in and must not run backwards. Threads: one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/network.h"
#include "common/quota.h"
#include "common/random.h"

enum { BUDGET_CLIENTS_MAX = 64 * 1024 };

struct budget;

/* What a client has left. */
struct budget_state {
    int64_t remaining; /* whole requests */
    int64_t more_s;    /* until there is one more, rounded up; 0: none is missing */
};

/* `quota` has a limit. ERR_FATAL: out of memory. */
CHECKED enum err_code budget_open(const struct quota *quota, const struct random *random,
                                  struct budget **budget_out, struct err *err);
void budget_close(struct budget *budget); /* NULL is fine */

/* Takes one request off; false: there is none left, and nothing was taken. */
CHECKED bool budget_take(struct budget *budget, const struct address *client, int64_t now_us);
struct budget_state budget_look(const struct budget *budget, const struct address *client,
                                int64_t now_us);
