#include "api/intake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/created.h"

void intake_init(struct intake *intake) {
    *intake = (struct intake){.last_next = &intake->first};
}

void intake_release(struct intake *intake) {
    for (struct intake_item *item = intake_pop(intake); item != NULL; item = intake_pop(intake)) {
        intake_item_free(item);
    }
}

void intake_push(struct intake *intake, struct intake_item *item) {
    assert(item->next == NULL);
    *intake->last_next = item;
    intake->last_next = &item->next;
    intake->count++;
}

struct intake_item *intake_pop(struct intake *intake) {
    struct intake_item *item = intake->first;
    if (item == NULL) {
        return NULL;
    }
    intake->first = item->next;
    if (intake->first == NULL) {
        intake->last_next = &intake->first;
    }
    intake->count--;
    item->next = NULL;
    return item;
}

void intake_item_free(struct intake_item *item) {
    if (item == NULL) {
        return;
    }
    preorder_release(&item->preorder);
    event_release(&item->event);
    free(item->reply);
    free(item);
}

static char *render_reply(const struct intake_item *item, size_t *length_out) {
    return item->is_page ? created_render_page(&item->preorder, length_out)
                         : preorder_render_reply(&item->preorder, length_out);
}

enum err_code intake_item_render(struct intake_item *item, const char *metric_prefix,
                                 const char *traceparent, const struct random *random,
                                 struct err *err) {
    struct event event;
    enum err_code code =
        event_render(EVENT_STARTED, &item->preorder, item->preorder.amount, metric_prefix,
                     item->preorder.created_at_ms, random, &event, err);
    size_t reply_bytes = 0;
    char *reply = code == ERR_OK ? render_reply(item, &reply_bytes) : NULL;
    if (code == ERR_OK && reply == NULL) {
        code = err_set(err, ERR_FATAL, "out of memory");
    }
    if (code != ERR_OK) {
        event_release(&event);
        return code;
    }
    (void)snprintf(event.request_id, sizeof event.request_id, "%s", item->request->id);
    (void)snprintf(event.traceparent, sizeof event.traceparent, "%s", traceparent);
    event_release(&item->event);
    free(item->reply);
    item->event = event;
    item->reply = reply;
    item->reply_bytes = reply_bytes;
    return ERR_OK;
}
