#include "tests/sim/klaviyo.h"

#include <assert.h>
#include <string.h>

enum {
    LATENCY_US_MAX = 200 * 1000,
    WEATHER_US_MAX = 120 * 1000 * 1000,
    WEATHERS = WEATHER_KEY_REFUSED + 1,
};

static const char unique_id_key[] = "\"unique_id\":\"";
static const char refusal_body[] =
    "{\"errors\":[{\"detail\":\"not like this\",\"source\":{\"pointer\":\"/data\"}}]}";
static const char key_body[] = "{\"errors\":[{\"detail\":\"the key is wrong\"}]}";

void klaviyo_begin(struct klaviyo *klaviyo, struct world *world) {
    memset(klaviyo, 0, sizeof *klaviyo);
    klaviyo->world = world;
}

bool klaviyo_next_id(const char *payload, size_t payload_bytes, size_t *at_inout,
                     struct ident *id_out) {
    const char *found = memmem(payload + *at_inout, payload_bytes - *at_inout, unique_id_key,
                               sizeof unique_id_key - 1);
    if (found == NULL) {
        return false;
    }
    const char *id = found + sizeof unique_id_key - 1;
    assert(id + IDENT_BYTES <= payload + payload_bytes);
    memcpy(id_out->text, id, IDENT_BYTES - 1);
    id_out->text[IDENT_BYTES - 1] = '\0';
    *at_inout = (size_t)(id - payload);
    return true;
}

const struct received *klaviyo_find(const struct klaviyo *klaviyo, const struct ident *id) {
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        if (strcmp(klaviyo->received[i].id.text, id->text) == 0) {
            return &klaviyo->received[i];
        }
    }
    return NULL;
}

static struct received *find_or_add(struct klaviyo *klaviyo, const struct ident *id) {
    for (size_t i = 0; i < klaviyo->received_count; i++) {
        if (strcmp(klaviyo->received[i].id.text, id->text) == 0) {
            return &klaviyo->received[i];
        }
    }
    assert(klaviyo->received_count < KLAVIYO_EVENTS_MAX);
    struct received *received = &klaviyo->received[klaviyo->received_count++];
    received->id = *id;
    return received;
}

static uint64_t hash_text(const char *text, size_t byte_count) {
    uint64_t hash = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < byte_count; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

bool klaviyo_is_poison(const struct klaviyo *klaviyo, const struct ident *id) {
    uint64_t hash = hash_text(id->text, strlen(id->text));
    return hash / 7 % PER_MILLE < (uint64_t)klaviyo->world->faults.poison;
}

uint64_t klaviyo_hash(const char *payload, size_t payload_bytes) {
    static const char tail[] = "\"backfill\":";
    const char *found = memmem(payload, payload_bytes, tail, sizeof tail - 1);
    assert(found != NULL);
    return hash_text(payload, (size_t)(found - payload));
}

/* ---- Weather ---------------------------------------------------------------------------------- */

static void change_weather(struct klaviyo *klaviyo) {
    struct world *world = klaviyo->world;
    if (world->is_quiet) {
        klaviyo->weather = WEATHER_FINE;
        return;
    }
    if (klaviyo->weather != WEATHER_FINE && world->mono_us >= klaviyo->weather_until_us) {
        klaviyo->weather = WEATHER_FINE;
    }
    if (klaviyo->weather == WEATHER_FINE && world_chance(world, world->faults.weather)) {
        klaviyo->weather = (enum weather)world_dice(world, WEATHERS);
        klaviyo->weather_until_us =
            world->mono_us + world_dice(world, world_span(world, WEATHER_US_MAX));
    }
}

/* ---- Answers ---------------------------------------------------------------------------------- */

static struct transport_answer silence(enum transport_code code) {
    return (struct transport_answer){
        .code = code, .content_type = "", .retry_after = "", .body = "", .error = "played"};
}

static struct transport_answer status(int32_t http_status, const char *content_type,
                                      const char *body) {
    return (struct transport_answer){.code = TRANSPORT_OK,
                                     .http_status = http_status,
                                     .content_type = content_type,
                                     .retry_after = "",
                                     .body = body,
                                     .body_bytes = strlen(body),
                                     .error = ""};
}

static struct fate fate_of(struct klaviyo *klaviyo, struct transport_answer answer) {
    int64_t latency_us = 1 + world_dice(klaviyo->world, LATENCY_US_MAX);
    return (struct fate){.ends_at_us = klaviyo->world->mono_us + latency_us, .answer = answer};
}

static struct fate accept(struct klaviyo *klaviyo) {
    struct fate fate = fate_of(klaviyo, status(202, "", ""));
    int64_t way_us = fate.ends_at_us - klaviyo->world->mono_us;
    fate.is_accepted = true;
    fate.accepted_at_us = klaviyo->world->mono_us + world_dice(klaviyo->world, way_us + 1);
    return fate;
}

static struct fate time_out(struct klaviyo *klaviyo, int64_t timeout_us) {
    struct fate fate = fate_of(klaviyo, silence(TRANSPORT_TIMEOUT));
    fate.ends_at_us = klaviyo->world->mono_us + timeout_us;
    return fate;
}

/* The answer is lost, one way or another; the event may be taken at any time until then. */
static struct fate lose_answer(struct klaviyo *klaviyo, int64_t timeout_us) {
    struct world *world = klaviyo->world;
    struct fate fate = world_dice(world, 2) == 0 ? time_out(klaviyo, timeout_us)
                                                 : fate_of(klaviyo, silence(TRANSPORT_RESET));
    fate.is_accepted = world_dice(world, 2) == 0;
    int64_t way_us = fate.ends_at_us - world->mono_us;
    fate.accepted_at_us = world->mono_us + world_dice(world, way_us + 1);
    return fate;
}

static struct fate fail(struct klaviyo *klaviyo, int64_t timeout_us) {
    static const int32_t statuses[] = {500, 502, 503, 504, 408, 425};
    enum { STATUSES = sizeof statuses / sizeof statuses[0] };
    switch (world_dice(klaviyo->world, 5)) {
    case 0:
        return fate_of(klaviyo, status(statuses[world_dice(klaviyo->world, STATUSES)], "", ""));
    case 1:
        return fate_of(klaviyo, status(403, "text/html", "<html>no</html>"));
    case 2:
        return fate_of(klaviyo, silence(TRANSPORT_CONNECT));
    default:
        return lose_answer(klaviyo, timeout_us);
    }
}

static struct fate throttle(struct klaviyo *klaviyo) {
    static const char *const waits[] = {"1", "5", "30", "", "soon", "-1"};
    enum { WAITS = sizeof waits / sizeof waits[0] };
    struct transport_answer answer = status(429, "application/json", refusal_body);
    answer.retry_after = waits[world_dice(klaviyo->world, WAITS)];
    return fate_of(klaviyo, answer);
}

static bool carries_poison(const struct klaviyo *klaviyo, const struct transport_request *request) {
    struct ident id;
    size_t at = 0;
    while (klaviyo_next_id(request->payload, request->payload_bytes, &at, &id)) {
        if (klaviyo_is_poison(klaviyo, &id)) {
            return true;
        }
    }
    return false;
}

static void count_sends(struct klaviyo *klaviyo, const struct transport_request *request) {
    struct ident id;
    size_t at = 0;
    while (klaviyo_next_id(request->payload, request->payload_bytes, &at, &id)) {
        struct received *received = find_or_add(klaviyo, &id);
        received->sends++;
        klaviyo->world->figures.sends++;
        if (request->kind == TRANSPORT_JOB) {
            continue;
        }
        uint64_t hash = klaviyo_hash(request->payload, request->payload_bytes);
        if (received->payload_hash != 0 && received->payload_hash != hash) {
            world_complain(klaviyo->world, "event %s was sent again with other bytes", id.text);
        }
        received->payload_hash = hash;
    }
}

static struct fate choose_fate(struct klaviyo *klaviyo, const struct transport_request *request,
                               int64_t timeout_us) {
    struct world *world = klaviyo->world;
    switch (klaviyo->weather) {
    case WEATHER_DOWN:
        return fate_of(klaviyo, silence(TRANSPORT_CONNECT));
    case WEATHER_FAILING:
        return fail(klaviyo, timeout_us);
    case WEATHER_THROTTLING:
        return throttle(klaviyo);
    case WEATHER_KEY_REFUSED:
        return fate_of(klaviyo, status(401, "application/json", key_body));
    case WEATHER_FINE:
        break;
    }
    if (world_chance(world, world->faults.wire_fails)) {
        return world_dice(world, 8) == 0 ? throttle(klaviyo) : fail(klaviyo, timeout_us);
    }
    if (carries_poison(klaviyo, request)) {
        return fate_of(klaviyo, status(400, "application/json", refusal_body));
    }
    return accept(klaviyo);
}

struct fate klaviyo_receive(struct klaviyo *klaviyo, const struct transport_request *request,
                            int64_t timeout_us) {
    change_weather(klaviyo);
    count_sends(klaviyo, request);
    struct fate fate = choose_fate(klaviyo, request, timeout_us);
    if (fate.is_accepted && carries_poison(klaviyo, request)) {
        fate.is_accepted = false;
    }
    world_trace(klaviyo->world, "send", fate.answer.http_status, (int64_t)fate.answer.code);
    return fate;
}

void klaviyo_accept(struct klaviyo *klaviyo, const char *payload, size_t payload_bytes) {
    struct ident id;
    size_t at = 0;
    while (klaviyo_next_id(payload, payload_bytes, &at, &id)) {
        struct received *received = find_or_add(klaviyo, &id);
        if (received->accepted++ == 0) {
            received->first_accepted_us = klaviyo->world->mono_us;
        }
        klaviyo->world->figures.accepted++;
    }
}
