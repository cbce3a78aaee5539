#pragma once
/*
 * The workers: processes that start, work, are stopped, die and are started again, on two hosts that
 * share one file.
 */
#include "tests/sim/klaviyo.h"
#include "tests/sim/world.h"
#include "worker/worker.h"

enum {
    CREW_MAX = 3,
    CREW_CONCURRENCY = 4,
    CREW_SLOTS = CREW_CONCURRENCY + WORKER_JOBS_MAX,
    CREW_WIRE_MAX = 128, /* requests on the wire, those of the dead included */
    CREW_LEASE_MS = 20 * 1000,
    CREW_TIMEOUT_MS = 5 * 1000,
};

/* A request on the wire. */
struct wire {
    bool is_used;
    bool is_orphan; /* nobody waits for its answer any more */
    size_t hand, slot;
    struct fate fate;
    bool is_accept_done;
    char *payload; /* owned */
    size_t payload_bytes;
};

struct crew;

/* One place for a worker, and the process that has it now. */
struct hand {
    struct crew *crew;
    size_t index;
    bool is_up, is_dead; /* is_dead: it is to die at once */
    int64_t up_at_us;    /* when the next one starts */
    int64_t stopped_until_us;
    int64_t wake_at_us;
    int32_t start_count;
    char name[32];
    struct store *store;
    struct worker *worker;
    struct transport transport;
    struct {
        bool is_up, is_finished;
        struct transport_answer answer;
    } slots[CREW_SLOTS];
};

struct crew {
    struct world *world;
    struct klaviyo *klaviyo;
    struct hand hands[CREW_MAX];
    size_t hand_count;
    struct wire wires[CREW_WIRE_MAX];
};

void crew_begin(struct crew *crew, struct world *world, struct klaviyo *klaviyo);
/* When something is to be done next; INT64_MAX: nothing is. */
int64_t crew_next_us(const struct crew *crew);
/* Does one thing that is due, if anything is. */
void crew_turn(struct crew *crew);
/* An event became due: those who hear it look at once. */
void crew_wake(struct crew *crew);
/* Kills, stops or starts as the dice say. */
void crew_trouble(struct crew *crew);
void crew_end(struct crew *crew);
