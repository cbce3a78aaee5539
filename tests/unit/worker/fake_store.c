#include "tests/unit/worker/fake_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_store *fake_of(struct store *store) {
    return (struct fake_store *)store;
}

static struct fake_event *find(struct fake_store *fake, const struct ident *id) {
    for (size_t i = 0; i < fake->event_count; i++) {
        if (strcmp(fake->events[i].id.text, id->text) == 0) {
            return &fake->events[i];
        }
    }
    abort(); /* an event nobody added */
}

static void write_line(struct fake_store *fake, size_t event, int64_t token, enum outcome outcome,
                       bool is_burnt) {
    for (size_t i = 0; i < fake->line_count; i++) {
        if (fake->lines[i].event == event && fake->lines[i].token == token) {
            fake->lines[i].outcome = outcome;
            fake->lines[i].is_burnt = is_burnt;
            return;
        }
    }
    assert(fake->line_count < FAKE_LINES_MAX);
    fake->lines[fake->line_count++] = (struct fake_line){event, token, outcome, is_burnt};
}

static void finish(struct fake_event *event, bool is_sent) {
    event->is_sent = is_sent;
    event->is_dead = !is_sent;
    event->due_at_ms = INT64_MAX;
}

static void settle_account(struct fake_store *fake, const struct settlement *settlement) {
    if (settlement->account_not_before_ms > fake->account_not_before_ms) {
        fake->account_not_before_ms = settlement->account_not_before_ms;
    }
    if (settlement->outcome == OUTCOME_PAUSED) {
        assert(settlement->pause_reason != NULL && settlement->pause_reason[0] != '\0');
        fake->is_paused = true;
    } else if (settlement->outcome == OUTCOME_SENT && fake->is_paused) {
        fake->is_paused = false;
        fake->account_not_before_ms = 0;
    }
}

static void settle(struct fake_store *fake, const struct settlement *settlement,
                   struct settle_report *report) {
    struct fake_event *event = find(fake, &settlement->event_id);
    bool is_ours = event->token == settlement->token && event->is_claimed;
    if (settlement->outcome != OUTCOME_UNSENT) {
        write_line(fake, (size_t)(event - fake->events), settlement->token, settlement->outcome,
                   settlement->is_burnt);
        settle_account(fake, settlement);
    }
    if (!is_ours) {
        report->stale_count++;
        if (settlement->outcome == OUTCOME_SENT && !event->is_sent) {
            finish(event, true);
            event->is_claimed = false;
        }
        return;
    }
    event->is_claimed = false;
    event->due_at_ms = settlement->next_attempt_at_ms;
    snprintf(event->error, sizeof event->error, "%s", settlement->error);
    if (settlement->outcome == OUTCOME_SENT) {
        fake->refused_count = 0;
    } else if (settlement->outcome == OUTCOME_DEAD && settlement->is_refused) {
        fake->refused_count++;
    }
    if (settlement->outcome == OUTCOME_SENT || settlement->outcome == OUTCOME_DEAD) {
        finish(event, settlement->outcome == OUTCOME_SENT);
    } else if (!settlement->is_burnt) {
        event->attempts--;
    }
    if (settlement->is_burnt && event->first_attempt_at_ms == 0) {
        event->first_attempt_at_ms = settlement->started_at_ms;
    }
}

static void claim(struct fake_store *fake, struct fake_event *event,
                  const struct claim_request *request, struct claim_batch *batch) {
    if (event->is_claimed) {
        write_line(fake, (size_t)(event - fake->events), event->token, OUTCOME_UNKNOWN, true);
        batch->rescued_count++;
    }
    event->is_claimed = true;
    event->token++;
    event->attempts++;
    event->due_at_ms = request->now_ms + request->lease_ms;
    snprintf(event->holder, sizeof event->holder, "%s", request->worker);
    struct claim *made = &batch->claims[batch->claim_count++];
    *made = (struct claim){.event_id = event->id,
                           .token = event->token,
                           .attempts = event->attempts,
                           .metric = "Preorder Started",
                           .payload = strdup(event->id.text),
                           .payload_bytes = strlen(event->id.text),
                           .request_id = "req",
                           .created_at_ms = 1,
                           .first_attempt_at_ms = event->first_attempt_at_ms};
    snprintf(made->traceparent, sizeof made->traceparent, "%s", event->traceparent);
}

static struct fake_event *earliest_due(struct fake_store *fake) {
    struct fake_event *earliest = &fake->events[0];
    for (size_t i = 1; i < fake->event_count; i++) {
        if (fake->events[i].due_at_ms < earliest->due_at_ms) {
            earliest = &fake->events[i];
        }
    }
    return earliest;
}

static void claim_due(struct fake_store *fake, const struct claim_request *request,
                      struct claim_batch *batch) {
    size_t count_max = request->count_max;
    if (batch->claim_capacity < count_max) {
        free(batch->claims);
        batch->claims = calloc(count_max, sizeof *batch->claims);
        batch->claim_capacity = count_max;
    }
    if (fake->account_not_before_ms > request->now_ms) {
        batch->next_due_at_ms = fake->account_not_before_ms;
        return;
    }
    if (fake->is_paused && count_max > 0) {
        count_max = 1;
        batch->is_probe = true;
        batch->reason = ACCOUNT_REASON_PAUSED;
        fake->account_not_before_ms = request->now_ms + request->probe_interval_ms;
    }
    while (fake->event_count > 0 && !fake->withholds && batch->claim_count < count_max &&
           earliest_due(fake)->due_at_ms <= request->now_ms) {
        claim(fake, earliest_due(fake), request, batch);
    }
    batch->next_due_at_ms = fake->event_count > 0 ? earliest_due(fake)->due_at_ms : INT64_MAX;
}

static enum err_code fake_settle_and_claim(struct store *store,
                                           const struct settlement *settlements,
                                           size_t settlement_count,
                                           struct settle_report *report_out,
                                           const struct claim_request *request,
                                           struct claim_batch *batch, struct err *err) {
    struct fake_store *fake = fake_of(store);
    fake->call_count++;
    if (settlement_count > fake->settlements_max) {
        fake->settlements_max = settlement_count;
    }
    if (request->count_max > fake->claims_max) {
        fake->claims_max = request->count_max;
    }
    if (fake->on_call != NULL) {
        fake->on_call(fake, fake->on_call_context);
    }
    bool fails = fake->failures_left > 0;
    if (fails) {
        fake->failures_left--;
    }
    if (!fails || fake->next_code == ERR_UNKNOWN) {
        for (size_t i = 0; i < settlement_count; i++) {
            settle(fake, &settlements[i], report_out);
        }
    }
    if (fails) {
        return err_set(err, fake->next_code, "told to fail");
    }
    claim_due(fake, request, batch);
    batch->refused_count = fake->refused_count;
    return ERR_OK;
}

static enum err_code fake_tend_workers(struct store *store, int64_t now_ms, int64_t lease_ms,
                                       struct tend_report *report_out, struct err *err) {
    (void)lease_ms;
    struct fake_store *fake = fake_of(store);
    fake->tend_count++;
    if (fake->tend_code != ERR_OK) {
        return err_set(err, fake->tend_code, "told to fail");
    }
    report_out->neighbour_count = fake->neighbour_count;
    if (fake->dying != NULL) {
        snprintf(report_out->dead_name, sizeof report_out->dead_name, "%s", fake->dying);
        report_out->due_count = (int64_t)fake_store_bury_holder(fake, fake->dying, now_ms);
        fake->dying = NULL;
    }
    return ERR_OK;
}

static enum err_code fake_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                                     int64_t wait_max_ms, int64_t *count_out, struct err *err) {
    (void)lease_ms;
    struct fake_store *fake = fake_of(store);
    if (fake->bring_back_code != ERR_OK) {
        return err_set(err, fake->bring_back_code, "told to fail");
    }
    for (size_t i = 0; i < fake->event_count; i++) {
        struct fake_event *event = &fake->events[i];
        bool is_ahead = event->due_at_ms != INT64_MAX && event->due_at_ms > now_ms + wait_max_ms;
        event->due_at_ms = is_ahead ? now_ms : event->due_at_ms;
        *count_out += is_ahead ? 1 : 0;
    }
    return ERR_OK;
}

/* There is never a backlog. */
static enum err_code fake_count_due(struct store *store, int64_t now_ms, int64_t limit,
                                    int64_t *count_out, struct err *err) {
    (void)now_ms;
    (void)limit;
    struct fake_store *fake = fake_of(store);
    *count_out = 0;
    return fake->count_code == ERR_OK ? ERR_OK : err_set(err, fake->count_code, "told to fail");
}

static enum err_code fake_checkpoint(struct store *store, int32_t pages_min, struct err *err) {
    struct fake_store *fake = fake_of(store);
    if (fake->checkpoint_code != ERR_OK) {
        return err_set(err, fake->checkpoint_code, "told to fail");
    }
    if (fake->wal_pages >= pages_min) {
        fake->wal_pages = 0;
        fake->checkpoint_count++;
    }
    return ERR_OK;
}

static void fake_wake(struct store *store) {
    (void)store; /* nobody listens */
}

static int32_t fake_wal_pages(const struct store *store) {
    return ((const struct fake_store *)store)->wal_pages;
}

void fake_store_init(struct fake_store *fake) {
    static const struct store_ops ops = {
        .name = "fake",
        .settle_and_claim = fake_settle_and_claim,
        .tend_workers = fake_tend_workers,
        .bring_back = fake_bring_back,
        .count_due = fake_count_due,
        .wake = fake_wake,
        .checkpoint = fake_checkpoint,
        .wal_pages = fake_wal_pages,
    };
    memset(fake, 0, sizeof *fake);
    fake->base.ops = &ops;
}

size_t fake_store_add(struct fake_store *fake, int64_t now_ms) {
    size_t index = fake->event_count++;
    assert(index < FAKE_EVENTS_MAX);
    struct fake_event *event = &fake->events[index];
    event->due_at_ms = now_ms;
    snprintf(event->id.text, sizeof event->id.text, "01900000-0000-7000-8000-%012zu", index);
    return index;
}

size_t fake_store_bury_holder(struct fake_store *fake, const char *holder, int64_t now_ms) {
    size_t count = 0;
    for (size_t i = 0; i < fake->event_count; i++) {
        struct fake_event *event = &fake->events[i];
        if (event->is_claimed && strcmp(event->holder, holder) == 0) {
            event->due_at_ms = now_ms;
            count++;
        }
    }
    return count;
}

size_t fake_store_count_sent(const struct fake_store *fake) {
    size_t count = 0;
    for (size_t i = 0; i < fake->event_count; i++) {
        count += fake->events[i].is_sent ? 1 : 0;
    }
    return count;
}

size_t fake_store_count_claimed(const struct fake_store *fake) {
    size_t count = 0;
    for (size_t i = 0; i < fake->event_count; i++) {
        count += fake->events[i].is_claimed ? 1 : 0;
    }
    return count;
}

size_t fake_store_count_lines(const struct fake_store *fake, enum outcome outcome) {
    size_t count = 0;
    for (size_t i = 0; i < fake->line_count; i++) {
        count += fake->lines[i].outcome == outcome ? 1 : 0;
    }
    return count;
}
