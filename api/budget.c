#include "api/budget.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SET_PLACES = 8, SET_COUNT = BUDGET_CLIENTS_MAX / SET_PLACES };

#define US_PER_S INT64_C(1000000)

/* A bucket is known by when it will be full again (the "theoretical arrival time" of GCRA, ITU-T
   I.371): what is missing then is what has been used. */
struct place {
    uint64_t client;
    int64_t full_at_us; /* 0 or past: nobody's */
};

struct budget {
    int64_t requests;
    int64_t token_us; /* the time that fills one token */
    uint64_t secrets[2];
    struct place places[SET_COUNT][SET_PLACES];
};

enum err_code budget_open(const struct quota *quota, const struct random *random,
                          struct budget **budget_out, struct err *err) {
    assert(quota->requests > 0 && quota->window_s > 0);
    struct budget *budget = calloc(1, sizeof *budget);
    if (budget == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    budget->requests = quota->requests;
    budget->token_us = quota->window_s * US_PER_S / quota->requests;
    random_fill(random, budget->secrets, sizeof budget->secrets);
    *budget_out = budget;
    return ERR_OK;
}

void budget_close(struct budget *budget) {
    free(budget);
}

/* IPv4 in 64 bits looks like a network of ::/8, which is nobody's (RFC 4291, 2.4). */
static uint64_t client_of(const struct address *address) {
    uint64_t client = 0;
    size_t offset = address_is_ipv4(address) ? sizeof client : 0;
    memcpy(&client, address->bytes + offset, sizeof client);
    return client;
}

static size_t set_of(const struct budget *budget, uint64_t client) {
    uint64_t hash = (client ^ budget->secrets[0]) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ budget->secrets[1]) * UINT64_C(0xd6e8feb86659fd93);
    return (hash ^ hash >> 32) % SET_COUNT;
}

static const struct place *find(const struct budget *budget, uint64_t client) {
    const struct place *set = budget->places[set_of(budget, client)];
    for (size_t i = 0; i < SET_PLACES; i++) {
        if (set[i].client == client && set[i].full_at_us != 0) {
            return &set[i];
        }
    }
    return NULL;
}

/* The client's place, or that of whoever has used least. */
static struct place *find_or_make(struct budget *budget, uint64_t client, int64_t now_us) {
    struct place *set = budget->places[set_of(budget, client)];
    struct place *least = &set[0];
    for (size_t i = 0; i < SET_PLACES; i++) {
        if (set[i].client == client && set[i].full_at_us != 0) {
            return &set[i];
        }
        if (set[i].full_at_us < least->full_at_us) {
            least = &set[i];
        }
    }
    *least = (struct place){.client = client, .full_at_us = now_us};
    return least;
}

bool budget_take(struct budget *budget, const struct address *client, int64_t now_us) {
    assert(now_us > 0);
    struct place *place = find_or_make(budget, client_of(client), now_us);
    int64_t used_from_us = place->full_at_us > now_us ? place->full_at_us : now_us;
    if (used_from_us + budget->token_us - now_us > budget->requests * budget->token_us) {
        return false;
    }
    place->full_at_us = used_from_us + budget->token_us;
    return true;
}

struct budget_state budget_look(const struct budget *budget, const struct address *client,
                                int64_t now_us) {
    const struct place *place = find(budget, client_of(client));
    int64_t missing_us = place != NULL ? place->full_at_us - now_us : 0;
    if (missing_us <= 0) {
        return (struct budget_state){.remaining = budget->requests};
    }
    int64_t missing = (missing_us + budget->token_us - 1) / budget->token_us;
    int64_t more_us = missing_us - (missing - 1) * budget->token_us;
    return (struct budget_state){
        .remaining = budget->requests - missing,
        .more_s = (more_us + US_PER_S - 1) / US_PER_S,
    };
}
