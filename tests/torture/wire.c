#include "tests/torture/wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void count_event(struct wire_log *log, const char *id) {
    for (int i = log->event_count - 1; i >= 0; i--) {
        if (strncmp(log->ids[i].text, id, IDENT_BYTES - 1) == 0) {
            log->counts[i]++;
            return;
        }
    }
    assert(log->event_count < WIRE_EVENTS_MAX);
    memcpy(log->ids[log->event_count].text, id, IDENT_BYTES - 1);
    log->ids[log->event_count].text[IDENT_BYTES - 1] = '\0';
    log->counts[log->event_count++] = 1;
}

/* One event or a job's many. */
static void count_events(struct wire_log *log, const char *payload, size_t byte_count) {
    static const char mark[] = "\"unique_id\":\"";
    const char *end = payload + byte_count;
    const char *at = memmem(payload, byte_count, mark, sizeof mark - 1);
    assert(at != NULL);
    while (at != NULL) {
        at += sizeof mark - 1;
        count_event(log, at);
        at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
    }
}

static enum err_code wire_start(void *context, size_t index,
                                const struct transport_request *request, struct err *err) {
    struct wire *wire = context;
    (void)err;
    assert(index < WIRE_SLOTS && !wire->slots[index].is_up);
    wire->slots[index] = (struct wire_slot){.is_up = true};
    wire->on_send(wire->context);
    count_events(wire->log, request->payload, request->payload_bytes);
    return ERR_OK;
}

static bool wire_take_finished(void *context, size_t *slot_out,
                               struct transport_answer *answer_out) {
    struct wire *wire = context;
    for (size_t i = 0; i < WIRE_SLOTS; i++) {
        if (wire->slots[i].is_finished) {
            wire->slots[i].is_finished = false;
            *slot_out = i;
            *answer_out = wire->slots[i].answer;
            return true;
        }
    }
    return false;
}

static void wire_cancel(void *context, size_t index, struct transport_answer *answer_out) {
    struct wire *wire = context;
    wire->slots[index].is_up = false;
    *answer_out = (struct transport_answer){
        .code = TRANSPORT_STOPPED, .content_type = "", .retry_after = "", .body = "", .error = ""};
}

void wire_init(struct wire *wire, struct wire_log *log, void (*on_send)(void *context),
               void *context) {
    *wire = (struct wire){.log = log, .on_send = on_send, .context = context};
    wire->transport = (struct transport){.start = wire_start,
                                         .take_finished = wire_take_finished,
                                         .cancel = wire_cancel,
                                         .context = wire};
}

static void answer(struct wire_slot *slot, int32_t status) {
    static const char body[] = "{\"errors\":[{\"detail\":\"no\"}]}";
    slot->is_up = false;
    slot->is_finished = true;
    slot->answer = (struct transport_answer){
        .code = status == 0 ? TRANSPORT_RESET : TRANSPORT_OK,
        .http_status = status,
        .content_type = "application/json",
        .retry_after = status == 429 ? "1" : "",
        .body = body,
        .body_bytes = status >= 300 ? sizeof body - 1 : 0,
        .error = "",
    };
}

void wire_answer(struct wire *wire, const struct random *random, bool is_kind) {
    static const int32_t statuses[] = {202, 202, 202, 202, 202, 202, 202, 500, 0, 400, 429, 503};
    for (size_t i = 0; i < WIRE_SLOTS; i++) {
        struct wire_slot *slot = &wire->slots[i];
        if (slot->is_up && is_kind) {
            answer(slot, 202);
        } else if (slot->is_up && random_below(random, 3) > 0) {
            size_t dice = (size_t)random_below(random, sizeof statuses / sizeof statuses[0]);
            answer(slot, statuses[dice]);
        }
    }
}

size_t wire_up_count(const struct wire *wire) {
    size_t count = 0;
    for (size_t i = 0; i < WIRE_SLOTS; i++) {
        count += wire->slots[i].is_up ? 1 : 0;
    }
    return count;
}
