#include "tests/unit/worker/fake_transport.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t event_of(const char *payload, size_t payload_bytes) {
    assert(payload_bytes == IDENT_BYTES - 1);
    return (size_t)strtoul(payload + 24, NULL, 10);
}

static enum err_code fake_start(void *context, size_t index,
                                const struct transport_request *request, struct err *err) {
    struct fake_transport *fake = context;
    struct fake_slot *slot = &fake->slots[index];
    assert(!slot->is_up && !slot->is_finished);
    if (fake->refusals_left > 0) {
        fake->refusals_left--;
        return err_set(err, ERR_BUSY, "told to refuse");
    }
    slot->is_up = true;
    slot->payload = request->payload;
    slot->event = event_of(request->payload, request->payload_bytes);
    snprintf(slot->traceparent, sizeof slot->traceparent, "%s", request->traceparent);
    fake->start_count++;
    fake->received[slot->event]++;
    return ERR_OK;
}

static bool fake_take_finished(void *context, size_t *slot_out,
                               struct transport_answer *answer_out) {
    struct fake_transport *fake = context;
    for (size_t i = 0; i < FAKE_SLOTS_MAX; i++) {
        if (fake->slots[i].is_finished) {
            fake->slots[i].is_finished = false;
            *slot_out = i;
            *answer_out = fake->slots[i].answer;
            return true;
        }
    }
    return false;
}

static void fake_cancel(void *context, size_t index, struct transport_answer *answer_out) {
    struct fake_transport *fake = context;
    assert(fake->slots[index].is_up);
    fake->slots[index].is_up = false;
    fake->cancel_count++;
    *answer_out = (struct transport_answer){
        .code = TRANSPORT_STOPPED, .content_type = "", .retry_after = "", .body = "", .error = ""};
}

void fake_transport_init(struct fake_transport *fake) {
    memset(fake, 0, sizeof *fake);
    fake->transport = (struct transport){.start = fake_start,
                                         .take_finished = fake_take_finished,
                                         .cancel = fake_cancel,
                                         .context = fake};
}

size_t fake_transport_up_count(const struct fake_transport *fake) {
    size_t count = 0;
    for (size_t i = 0; i < FAKE_SLOTS_MAX; i++) {
        count += fake->slots[i].is_up ? 1 : 0;
    }
    return count;
}

static void answer(struct fake_slot *slot, int32_t status, const char *retry_after) {
    static const char body[] = "{\"errors\":[{\"detail\":\"no, jane@shop.example\"}]}";
    /* The request must have stayed as it was until now. */
    assert(event_of(slot->payload, IDENT_BYTES - 1) == slot->event);
    slot->is_up = false;
    slot->is_finished = true;
    slot->answer = (struct transport_answer){
        .code = status == 0 ? TRANSPORT_RESET : TRANSPORT_OK,
        .http_status = status,
        .content_type = "application/json",
        .retry_after = retry_after,
        .body = body,
        .body_bytes = status >= 300 ? sizeof body - 1 : 0,
        .error = "",
    };
}

void fake_transport_answer_all(struct fake_transport *fake, int32_t status) {
    for (size_t i = 0; i < FAKE_SLOTS_MAX; i++) {
        if (fake->slots[i].is_up) {
            answer(&fake->slots[i], status, "");
        }
    }
}

void fake_transport_answer_one(struct fake_transport *fake, int32_t status,
                               const char *retry_after) {
    for (size_t i = 0; i < FAKE_SLOTS_MAX; i++) {
        if (fake->slots[i].is_up) {
            answer(&fake->slots[i], status, retry_after);
            return;
        }
    }
    abort(); /* nothing is in flight */
}

void fake_transport_answer_event(struct fake_transport *fake, size_t event, int32_t status) {
    for (size_t i = 0; i < FAKE_SLOTS_MAX; i++) {
        if (fake->slots[i].is_up && fake->slots[i].event == event) {
            answer(&fake->slots[i], status, "");
            return;
        }
    }
    abort(); /* that event is not in flight */
}
