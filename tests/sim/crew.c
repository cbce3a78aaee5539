#include "tests/sim/crew.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/faulty.h"

enum {
    RESTART_US_MAX = 10 * 1000 * 1000,
    RETRY_MAX_MS = 60 * 1000,
    PROBE_MS = 30 * 1000,
    BULK_THRESHOLD = 6,
    DAY_MS = 24 * 60 * 60 * 1000,
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- The wire --------------------------------------------------------------------------------- */

static enum err_code wire_start(void *context, size_t slot, const struct transport_request *request,
                                struct err *err) {
    struct hand *hand = context;
    struct crew *crew = hand->crew;
    assert(slot < CREW_SLOTS && !hand->slots[slot].is_up && !hand->slots[slot].is_finished);
    size_t i = 0;
    while (i < CREW_WIRE_MAX && crew->wires[i].is_used) {
        i++;
    }
    if (i == CREW_WIRE_MAX) {
        return err_set(err, ERR_BUSY, "no descriptor is left");
    }
    struct wire *wire = &crew->wires[i];
    *wire = (struct wire){.is_used = true,
                          .hand = hand->index,
                          .slot = slot,
                          .payload = malloc(request->payload_bytes),
                          .payload_bytes = request->payload_bytes};
    assert(wire->payload != NULL);
    memcpy(wire->payload, request->payload, request->payload_bytes);
    wire->fate = klaviyo_receive(crew->klaviyo, request,
                                 world_span(crew->world, CREW_TIMEOUT_MS) * US_PER_MS);
    hand->slots[slot].is_up = true;
    return ERR_OK;
}

static bool wire_take_finished(void *context, size_t *slot_out,
                               struct transport_answer *answer_out) {
    struct hand *hand = context;
    for (size_t i = 0; i < CREW_SLOTS; i++) {
        if (hand->slots[i].is_finished) {
            hand->slots[i].is_finished = false;
            *slot_out = i;
            *answer_out = hand->slots[i].answer;
            return true;
        }
    }
    return false;
}

static void wire_cancel(void *context, size_t slot, struct transport_answer *answer_out) {
    struct hand *hand = context;
    hand->slots[slot].is_up = false;
    *answer_out = (struct transport_answer){
        .code = TRANSPORT_STOPPED, .content_type = "", .retry_after = "", .body = "", .error = ""};
}

static void end_wire(struct crew *crew, struct wire *wire) {
    struct hand *hand = &crew->hands[wire->hand];
    if (!wire->is_orphan) {
        assert(hand->slots[wire->slot].is_up);
        hand->slots[wire->slot].is_up = false;
        hand->slots[wire->slot].is_finished = true;
        hand->slots[wire->slot].answer = wire->fate.answer;
        hand->wake_at_us = crew->world->mono_us;
    }
    free(wire->payload);
    *wire = (struct wire){0};
}

static int64_t wire_next_us(const struct wire *wire) {
    if (!wire->is_used) {
        return INT64_MAX;
    }
    bool is_to_accept = wire->fate.is_accepted && !wire->is_accept_done;
    return is_to_accept ? smaller(wire->fate.accepted_at_us, wire->fate.ends_at_us)
                        : wire->fate.ends_at_us;
}

static void turn_wire(struct crew *crew, struct wire *wire) {
    if (wire->fate.is_accepted && !wire->is_accept_done) {
        wire->is_accept_done = true;
        klaviyo_accept(crew->klaviyo, wire->payload, wire->payload_bytes);
        return;
    }
    end_wire(crew, wire);
}

/* ---- Processes -------------------------------------------------------------------------------- */

static void die(struct hand *hand) {
    struct crew *crew = hand->crew;
    worker_close(hand->worker);
    store_close(hand->store);
    hand->worker = NULL;
    hand->store = NULL;
    hand->is_up = false;
    hand->is_dead = false;
    hand->stopped_until_us = 0;
    hand->up_at_us =
        crew->world->mono_us + world_dice(crew->world, world_span(crew->world, RESTART_US_MAX));
    memset(hand->slots, 0, sizeof hand->slots);
    for (size_t i = 0; i < CREW_WIRE_MAX; i++) {
        if (crew->wires[i].is_used && crew->wires[i].hand == hand->index) {
            crew->wires[i].is_orphan = true;
        }
    }
    crew->world->has_lost = true;
    crew->world->figures.deaths++;
    world_trace(crew->world, "worker died", (int64_t)hand->index, hand->start_count);
}

static enum err_code open_worker(struct hand *hand, struct err *err) {
    struct world *world = hand->crew->world;
    const struct worker_options options = {
        .id = hand->name,
        .clock = &world->clock,
        .random = &world->product,
        .store = hand->store,
        .transport = &hand->transport,
        .concurrency = CREW_CONCURRENCY,
        .lease_ms = world_span(world, CREW_LEASE_MS),
        .request_timeout_ms = world_span(world, CREW_TIMEOUT_MS),
        .poll_interval_ms = 1000,
        .limits = {.burst_count = 100000, .steady_count = 1000000},
        .gather_ms = 8,
        .bulk_threshold = world->is_quick_to_bulk ? BULK_THRESHOLD : 0,
        .policy = {.retry_base_ms = 1000,
                   .retry_max_ms = world_span(world, RETRY_MAX_MS),
                   .retry_attempts_max = 1000000,
                   .retry_age_max_ms = INT64_C(100000) * DAY_MS,
                   .probe_interval_ms = world_span(world, PROBE_MS)},
    };
    const struct worker_entry entry = {.name = hand->name,
                                       .host_id = hand->index % 2 == 0 ? "host-a" : "host-b",
                                       .listen = "",
                                       .pid = 1000 + (int64_t)hand->index,
                                       .now_ms = clock_wall_ms(&world->clock)};
    enum err_code code = store_register_worker(hand->store, &entry, err);
    return code == ERR_OK ? worker_open(&options, &hand->worker, err) : code;
}

static void start(struct hand *hand) {
    struct world *world = hand->crew->world;
    struct err err = {0};
    (void)snprintf(hand->name, sizeof hand->name, "worker-%zu-%d", hand->index,
                   ++hand->start_count);
    hand->transport = (struct transport){.start = wire_start,
                                         .take_finished = wire_take_finished,
                                         .cancel = wire_cancel,
                                         .context = hand};
    if (faulty_open(world, STORE_BACKGROUND, &hand->is_dead, &hand->store, &err) != ERR_OK) {
        world_complain(world, "a worker cannot open the database: %s", err.text);
        return;
    }
    if (open_worker(hand, &err) != ERR_OK) {
        world_complain(world, "a worker cannot start: %s", err.text);
        store_close(hand->store);
        hand->store = NULL;
        return;
    }
    hand->is_up = true;
    hand->wake_at_us = world->mono_us;
    world_trace(world, "worker started", (int64_t)hand->index, hand->start_count);
}

static void step(struct hand *hand) {
    struct world *world = hand->crew->world;
    int64_t wait_ms = 0;
    struct err err = {0};
    enum err_code code = worker_step(hand->worker, &wait_ms, &err);
    hand->wake_at_us = world->mono_us + (wait_ms > 0 ? wait_ms * US_PER_MS : 1);
    world_trace(world, "step", (int64_t)hand->index, wait_ms);
    if (code != ERR_OK || hand->is_dead) {
        die(hand);
    }
}

static int64_t hand_next_us(const struct hand *hand) {
    if (!hand->is_up) {
        return hand->up_at_us;
    }
    return hand->wake_at_us > hand->stopped_until_us ? hand->wake_at_us : hand->stopped_until_us;
}

/* ---- All of them ------------------------------------------------------------------------------ */

void crew_begin(struct crew *crew, struct world *world, struct klaviyo *klaviyo) {
    memset(crew, 0, sizeof *crew);
    crew->world = world;
    crew->klaviyo = klaviyo;
    crew->hand_count = 1 + (size_t)world_dice(world, CREW_MAX);
    for (size_t i = 0; i < crew->hand_count; i++) {
        crew->hands[i].crew = crew;
        crew->hands[i].index = i;
        crew->hands[i].up_at_us = world_dice(world, world_span(world, RESTART_US_MAX));
    }
}

int64_t crew_next_us(const struct crew *crew) {
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < crew->hand_count; i++) {
        next_us = smaller(next_us, hand_next_us(&crew->hands[i]));
    }
    for (size_t i = 0; i < CREW_WIRE_MAX; i++) {
        next_us = smaller(next_us, wire_next_us(&crew->wires[i]));
    }
    return next_us;
}

void crew_turn(struct crew *crew) {
    struct world *world = crew->world;
    for (size_t i = 0; i < CREW_WIRE_MAX; i++) {
        if (wire_next_us(&crew->wires[i]) <= world->mono_us) {
            turn_wire(crew, &crew->wires[i]);
            return;
        }
    }
    size_t first = (size_t)world_dice(world, (int64_t)crew->hand_count);
    for (size_t i = 0; i < crew->hand_count; i++) {
        struct hand *hand = &crew->hands[(first + i) % crew->hand_count];
        if (hand_next_us(hand) > world->mono_us) {
            continue;
        }
        if (hand->is_up) {
            step(hand);
        } else {
            start(hand);
        }
        return;
    }
}

void crew_wake(struct crew *crew) {
    for (size_t i = 0; i < crew->hand_count; i++) {
        struct hand *hand = &crew->hands[i];
        if (hand->is_up && world_dice(crew->world, 4) != 0) { /* a datagram may be lost */
            worker_wake(hand->worker);
            hand->wake_at_us = crew->world->mono_us;
        }
    }
}

void crew_trouble(struct crew *crew) {
    struct world *world = crew->world;
    struct hand *hand = &crew->hands[world_dice(world, (int64_t)crew->hand_count)];
    if (hand->is_up && world_chance(world, world->faults.dies)) {
        die(hand);
    } else if (hand->is_up && world_chance(world, world->faults.stops)) {
        hand->stopped_until_us =
            world->mono_us + world_dice(world, world_span(world, 10 * CREW_LEASE_MS * US_PER_MS));
        world->figures.stops++;
    }
    if (world->is_quiet) {
        for (size_t i = 0; i < crew->hand_count; i++) {
            crew->hands[i].stopped_until_us = 0;
        }
    }
}

void crew_end(struct crew *crew) {
    for (size_t i = 0; i < crew->hand_count; i++) {
        if (crew->hands[i].is_up) {
            worker_close(crew->hands[i].worker);
            store_close(crew->hands[i].store);
        }
    }
    for (size_t i = 0; i < CREW_WIRE_MAX; i++) {
        free(crew->wires[i].payload);
    }
}
