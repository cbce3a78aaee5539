#include "common/store/sqlite/account.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/store/sqlite/statement.h"

static const char *const kind_names[RATE_KINDS] = {[RATE_EVENTS] = "event", [RATE_JOBS] = "job"};

/* ---- The row of the account ------------------------------------------------------------------- */

enum { FAILING_BYTES = ACCOUNT_FAILURES_MAX * IDENT_BYTES };

static void join_failing(const struct account *account, char text[FAILING_BYTES]) {
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < account->failing_count; i++) {
        int written = snprintf(text + length, FAILING_BYTES - length, "%s%s", i == 0 ? "" : " ",
                               account->failing[i].text);
        assert(written > 0 && (size_t)written < FAILING_BYTES - length);
        length += (size_t)written;
    }
}

static void split_failing(const char *text, struct account *account) {
    account->failing_count = 0;
    while (text[0] != '\0' && account->failing_count < ACCOUNT_FAILURES_MAX) {
        size_t length = strcspn(text, " ");
        struct ident *id = &account->failing[account->failing_count++];
        snprintf(id->text, sizeof id->text, "%.*s", (int)length, text);
        text += length;
        text += text[0] == ' ';
    }
}

enum err_code account_load(struct sqlite_store *self, struct account *account_out,
                           struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_ACCOUNT_LOAD);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* the schema inserts it */
    struct account account = {
        .not_before_ms = sqlite3_column_int64(statement, 0),
        .last_sent_at_ms = sqlite3_column_int64(statement, 1),
        .paused_at_ms = sqlite3_column_int64(statement, 2),
        .is_paused_by_person = sqlite3_column_int(statement, 4) != 0,
        .opened_at_ms = sqlite3_column_int64(statement, 5),
        .breaker_pause_ms = sqlite3_column_int64(statement, 6),
        .probe_at_ms = sqlite3_column_int64(statement, 8),
        .probe_token = sqlite3_column_int64(statement, 10),
        .probe_until_ms = sqlite3_column_int64(statement, 11),
        .held_ms = sqlite3_column_int64(statement, 12),
        .held_since_ms = sqlite3_column_int64(statement, 13),
        .concurrency_max = sqlite3_column_int64(statement, 14),
        .concurrency_broke_count = sqlite3_column_int64(statement, 15),
        .concurrency_grown_at_ms = sqlite3_column_int64(statement, 16),
        .concurrency_bound_at_ms = sqlite3_column_int64(statement, 17),
        .refused_count = sqlite3_column_int64(statement, 18),
    };
    char failing[FAILING_BYTES];
    sqlite_column_copy(statement, 3, account.pause_reason, sizeof account.pause_reason);
    sqlite_column_copy(statement, 7, failing, sizeof failing);
    sqlite_column_copy(statement, 9, account.probe_event_id.text,
                       sizeof account.probe_event_id.text);
    split_failing(failing, &account);
    (void)sqlite3_reset(statement);
    *account_out = account;
    return ERR_OK;
}

enum err_code account_store(struct sqlite_store *self, const struct account *account,
                            struct err *err) {
    char failing[FAILING_BYTES];
    join_failing(account, failing);
    sqlite3_stmt *statement = sqlite_use(self, SQL_ACCOUNT_STORE);
    sqlite_bind_integer(statement, ":not_before", account->not_before_ms);
    sqlite_bind_integer_or_null(statement, ":last_sent_at", account->last_sent_at_ms);
    sqlite_bind_integer_or_null(statement, ":paused_at", account->paused_at_ms);
    if (account->paused_at_ms > 0) {
        sqlite_bind_text(statement, ":pause_reason", account->pause_reason);
    }
    sqlite_bind_integer(statement, ":paused_by_person", account->is_paused_by_person ? 1 : 0);
    sqlite_bind_integer_or_null(statement, ":opened_at", account->opened_at_ms);
    sqlite_bind_integer(statement, ":breaker_pause", account->breaker_pause_ms);
    sqlite_bind_text_or_null(statement, ":failing", failing);
    sqlite_bind_integer(statement, ":probe_at", account->probe_at_ms);
    sqlite_bind_text_or_null(statement, ":probe_event_id", account->probe_event_id.text);
    sqlite_bind_integer(statement, ":probe_token", account->probe_token);
    sqlite_bind_integer(statement, ":probe_until", account->probe_until_ms);
    sqlite_bind_integer(statement, ":held", account->held_ms);
    sqlite_bind_integer_or_null(statement, ":held_since", account->held_since_ms);
    sqlite_bind_integer(statement, ":concurrency_max", account->concurrency_max);
    sqlite_bind_integer(statement, ":concurrency_broke", account->concurrency_broke_count);
    sqlite_bind_integer(statement, ":concurrency_grown_at", account->concurrency_grown_at_ms);
    sqlite_bind_integer(statement, ":concurrency_bound_at", account->concurrency_bound_at_ms);
    sqlite_bind_integer(statement, ":refused", account->refused_count);
    return sqlite_run(self, statement, err);
}

/* ---- The allowance and its use ---------------------------------------------------------------- */

static CHECKED enum err_code load_rate(struct sqlite_store *self, enum rate_kind kind,
                                       struct rate_limits *limits_out, struct rate_cap *cap_out,
                                       struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_LOAD);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* the schema inserts it */
    *limits_out = (struct rate_limits){.burst_count = sqlite3_column_int64(statement, 0),
                                       .steady_count = sqlite3_column_int64(statement, 1)};
    *cap_out = (struct rate_cap){
        .reset_at_ms = sqlite3_column_int64(statement, 2),
        .remaining_count = sqlite3_column_int64(statement, 3),
        .remaining_at_ms = sqlite3_column_int64(statement, 4),
        .unsure_count = sqlite3_column_int64(statement, 5),
        .sent_count = sqlite3_column_int64(statement, 6),
        .first_count = sqlite3_column_int64(statement, 7),
        .first_at_ms = sqlite3_column_int64(statement, 8),
        .own_count = sqlite3_column_int64(statement, 9),
        .foreign_count = sqlite3_column_int64(statement, 10),
    };
    (void)sqlite3_reset(statement);
    return ERR_OK;
}

static CHECKED enum err_code store_rate(struct sqlite_store *self, enum rate_kind kind,
                                        const struct rate_limits *limits,
                                        const struct rate_cap *cap, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_STORE);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_integer(statement, ":burst", limits->burst_count);
    sqlite_bind_integer(statement, ":steady", limits->steady_count);
    sqlite_bind_integer(statement, ":reset_at", cap->reset_at_ms);
    sqlite_bind_integer(statement, ":remaining", cap->remaining_count);
    sqlite_bind_integer(statement, ":remaining_at", cap->remaining_at_ms);
    sqlite_bind_integer(statement, ":unsure", cap->unsure_count);
    sqlite_bind_integer(statement, ":sent", cap->sent_count);
    sqlite_bind_integer(statement, ":first", cap->first_count);
    sqlite_bind_integer(statement, ":first_at", cap->first_at_ms);
    sqlite_bind_integer(statement, ":own", cap->own_count);
    sqlite_bind_integer(statement, ":foreign_count", cap->foreign_count);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code load_window(struct sqlite_store *self, enum rate_kind kind,
                                         int64_t span_ms, int64_t now_ms,
                                         struct rate_window *window_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_SLOTS_SUM);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_integer(statement, ":span", span_ms);
    sqlite_bind_integer(statement, ":now", now_ms);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* an aggregate always gives one */
    *window_out = (struct rate_window){.used_count = sqlite3_column_int64(statement, 0),
                                       .oldest_at_ms = sqlite3_column_int64(statement, 1)};
    (void)sqlite3_reset(statement);
    return ERR_OK;
}

static CHECKED enum err_code add_flights(struct sqlite_store *self, enum rate_kind kind,
                                         const char *worker, int64_t now_ms, struct rate_use *use,
                                         int64_t *own_count_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_FLIGHTS_SUM);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_text(statement, ":worker", worker);
    sqlite_bind_integer(statement, ":now", now_ms);
    sqlite_bind_integer(statement, ":burst_span", RATE_BURST_MS);
    sqlite_bind_integer(statement, ":steady_span", RATE_STEADY_MS);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    assert(has_row); /* an aggregate always gives one */
    int64_t own_count = sqlite3_column_int64(statement, 3);
    use->in_flight_count = sqlite3_column_int64(statement, 0) + own_count;
    use->burst.used_count += sqlite3_column_int64(statement, 1) + own_count;
    use->steady.used_count += sqlite3_column_int64(statement, 2) + own_count;
    (void)sqlite3_reset(statement);
    *own_count_out = own_count;
    return ERR_OK;
}

static CHECKED enum err_code load_use(struct sqlite_store *self, enum rate_kind kind,
                                      const char *worker, int64_t now_ms, struct rate_use *use_out,
                                      int64_t *own_count_out, struct err *err) {
    enum err_code code = load_window(self, kind, RATE_BURST_MS, now_ms, &use_out->burst, err);
    if (code == ERR_OK) {
        code = load_window(self, kind, RATE_STEADY_MS, now_ms, &use_out->steady, err);
    }
    if (code == ERR_OK) {
        code = add_flights(self, kind, worker, now_ms, use_out, own_count_out, err);
    }
    return code;
}

/* ---- Slots ------------------------------------------------------------------------------------ */

static struct account_slot *find_slot(struct account_slots *slots, int64_t at_ms) {
    for (size_t i = 0; i < slots->slot_count; i++) {
        if (slots->slots[i].at_ms == at_ms) {
            return &slots->slots[i];
        }
    }
    if (slots->slot_count < ACCOUNT_SLOTS_MAX) {
        struct account_slot *slot = &slots->slots[slots->slot_count++];
        *slot = (struct account_slot){.at_ms = at_ms};
        return slot;
    }
    /* Too many different times for one transaction: the last slot takes them, later than they were. */
    struct account_slot *last = &slots->slots[ACCOUNT_SLOTS_MAX - 1];
    last->at_ms = at_ms > last->at_ms ? at_ms : last->at_ms;
    return last;
}

static void count_answer(struct account_slots *slots, int64_t at_ms, struct rate_window *window) {
    find_slot(slots, at_ms)->count++;
    window->used_count++;
    if (window->oldest_at_ms == 0 || at_ms < window->oldest_at_ms) {
        window->oldest_at_ms = at_ms;
    }
}

static CHECKED enum err_code write_slot(struct sqlite_store *self, enum rate_kind kind,
                                        int64_t span_ms, const struct account_slot *slot,
                                        struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_SLOT_ADD);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_integer(statement, ":span", span_ms);
    sqlite_bind_integer(statement, ":slot_at", slot->at_ms);
    sqlite_bind_integer(statement, ":count", slot->count);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code write_slots(struct sqlite_store *self, enum rate_kind kind,
                                         int64_t span_ms, const struct account_slots *slots,
                                         int64_t now_ms, struct err *err) {
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < slots->slot_count && code == ERR_OK; i++) {
        code = write_slot(self, kind, span_ms, &slots->slots[i], err);
    }
    if (code != ERR_OK || slots->slot_count == 0) {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_RATE_SLOTS_CLEAN);
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_integer(statement, ":span", span_ms);
    sqlite_bind_integer(statement, ":now", now_ms);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code set_flights(struct sqlite_store *self, enum rate_kind kind,
                                         const struct claim_request *request, int64_t count,
                                         struct err *err) {
    sqlite3_stmt *statement = NULL;
    if (count > 0) {
        statement = sqlite_use(self, SQL_RATE_FLIGHTS_SET);
        sqlite_bind_integer(statement, ":count", count);
        sqlite_bind_integer(statement, ":until_at", request->now_ms + request->lease_ms);
    } else {
        statement = sqlite_use(self, SQL_RATE_FLIGHTS_DROP);
        sqlite_bind_integer(statement, ":now", request->now_ms);
        sqlite_bind_integer(statement, ":span", RATE_STEADY_MS);
    }
    sqlite_bind_text(statement, ":kind", kind_names[kind]);
    sqlite_bind_text(statement, ":worker", request->worker);
    return sqlite_run(self, statement, err);
}

/* Nobody waits for the probe of a worker that is gone until its lease ends. */
static CHECKED enum err_code end_probe(struct sqlite_store *self, const char *worker,
                                       struct err *err) {
    struct account account;
    enum err_code code = account_load(self, &account, err);
    if (code != ERR_OK || account.probe_event_id.text[0] == '\0') {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_WORKER_HAS_CLAIM);
    sqlite_bind_text(statement, ":id", account.probe_event_id.text);
    sqlite_bind_integer(statement, ":token", account.probe_token);
    sqlite_bind_text(statement, ":name", worker);
    bool has_row = false;
    code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* EXISTS always gives one */
    bool is_its = code == ERR_OK && sqlite3_column_int(statement, 0) != 0;
    (void)sqlite3_reset(statement);
    if (!is_its) {
        return code;
    }
    const struct ident event_id = account.probe_event_id;
    account_note_vanished(&account, &event_id, account.probe_token);
    return account_store(self, &account, err);
}

enum err_code account_bury_worker(struct sqlite_store *self, const char *worker, int64_t now_ms,
                                  struct err *err) {
    const struct claim_request nobody = {.worker = worker, .now_ms = now_ms};
    enum err_code code = end_probe(self, worker, err);
    for (int kind = 0; kind < RATE_KINDS && code == ERR_OK; kind++) {
        struct rate_use use = {0};
        struct account_slot slot = {0};
        code = add_flights(self, (enum rate_kind)kind, worker, now_ms, &use, &slot.count, err);
        if (code != ERR_OK || slot.count == 0) {
            continue;
        }
        slot.at_ms = rate_slot_at(now_ms, RATE_BURST_SLOT_MS);
        code = write_slot(self, (enum rate_kind)kind, RATE_BURST_MS, &slot, err);
        slot.at_ms = rate_slot_at(now_ms, RATE_STEADY_SLOT_MS);
        if (code == ERR_OK) {
            code = write_slot(self, (enum rate_kind)kind, RATE_STEADY_MS, &slot, err);
        }
        if (code == ERR_OK) {
            code = set_flights(self, (enum rate_kind)kind, &nobody, 0, err);
        }
    }
    return code;
}

/* ---- One transaction's view ------------------------------------------------------------------- */

/* What Klaviyo can take at once is one number for all kinds; asked for only when it matters. */
static CHECKED enum err_code load_other_kind(struct sqlite_store *self,
                                             const struct claim_request *request,
                                             struct account_desk *desk, struct err *err) {
    if (desk->account.concurrency_max == 0) {
        return ERR_OK;
    }
    struct rate_use use = {0};
    int64_t own_count = 0;
    enum rate_kind other = desk->kind == RATE_EVENTS ? RATE_JOBS : RATE_EVENTS;
    enum err_code code =
        add_flights(self, other, request->worker, request->now_ms, &use, &own_count, err);
    desk->other_in_flight_count = use.in_flight_count;
    return code;
}

enum err_code account_desk_open(struct sqlite_store *self, enum rate_kind kind,
                                const struct claim_request *request, struct account_desk *desk,
                                struct err *err) {
    memset(desk, 0, sizeof *desk);
    desk->kind = kind;
    desk->limits = request->limits;
    desk->leaves_job_place = kind == RATE_EVENTS && request->leaves_job_place;
    struct rate_limits stored = {0};
    enum err_code code = account_load(self, &desk->account, err);
    if (code == ERR_OK) {
        code = load_rate(self, desk->kind, &stored, &desk->use.cap, err);
    }
    desk->is_rate_changed = stored.burst_count != desk->limits.burst_count ||
                            stored.steady_count != desk->limits.steady_count;
    if (code == ERR_OK) {
        code = load_use(self, desk->kind, request->worker, request->now_ms, &desk->use,
                        &desk->own_count, err);
    }
    if (code == ERR_OK) {
        code = load_other_kind(self, request, desk, err);
    }
    desk->use_before = desk->use;
    desk->use_before.in_flight_count += desk->other_in_flight_count;
    desk->moment = (struct account_moment){
        .now_ms = request->now_ms,
        .lease_ms = request->lease_ms,
        .probe_interval_ms = request->probe_interval_ms,
        .dice = request->dice,
        .limits = &desk->limits,
        .use = &desk->use_before,
    };
    if (code == ERR_OK) {
        desk->is_account_changed = account_set_back(&desk->account, &desk->moment);
        desk->is_rate_changed |= rate_cap_set_back(&desk->use.cap, request->now_ms);
    }
    return code;
}

static enum account_verdict verdict_of(const struct settlement *settlement) {
    switch (settlement->outcome) {
    case OUTCOME_SENT:
        return ACCOUNT_SENT;
    case OUTCOME_THROTTLED:
        return ACCOUNT_THROTTLES;
    case OUTCOME_PAUSED:
        return ACCOUNT_PAUSES;
    case OUTCOME_RETRY:
    case OUTCOME_DEAD:
        if (settlement->is_failure) {
            return ACCOUNT_FAILED;
        }
        return settlement->http_status != 0 ? ACCOUNT_ANSWERED : ACCOUNT_SILENT;
    case OUTCOME_UNKNOWN:
    case OUTCOME_UNSENT:
        break;
    }
    return ACCOUNT_UNSENT;
}

void account_desk_note(struct account_desk *desk, const struct settlement *settlement) {
    struct account_news news = {
        .verdict = verdict_of(settlement),
        .event_id = &settlement->event_id,
        .token = settlement->token,
        .started_at_ms = settlement->started_at_ms,
        .finished_at_ms = settlement->finished_at_ms,
        .not_before_ms = settlement->account_not_before_ms,
        .pause_reason = settlement->pause_reason,
    };
    account_note(&desk->account, &news, &desk->moment);
    desk->is_account_changed = true;
    if (settlement->outcome == OUTCOME_UNSENT) {
        return;
    }
    struct rate_hint hint = {.answered_at_ms = settlement->finished_at_ms,
                             .remaining_count = settlement->rate_remaining_count,
                             .reset_s = settlement->rate_reset_s};
    rate_cap_note(&desk->use.cap, &hint);
    desk->is_rate_changed = desk->is_rate_changed || hint.reset_s > 0;
    int64_t at_ms = settlement->finished_at_ms;
    count_answer(&desk->burst_slots, rate_slot_at(at_ms, RATE_BURST_SLOT_MS), &desk->use.burst);
    count_answer(&desk->steady_slots, rate_slot_at(at_ms, RATE_STEADY_SLOT_MS), &desk->use.steady);
}

void account_desk_count(struct account_desk *desk, const struct settlement *settlement) {
    bool is_changed = false;
    if (settlement->outcome == OUTCOME_SENT) {
        is_changed = account_count_sent(&desk->account);
    } else if (settlement->outcome == OUTCOME_DEAD && settlement->is_refused) {
        is_changed = account_count_refused(&desk->account);
    }
    desk->is_account_changed = desk->is_account_changed || is_changed;
}

void account_desk_settle(struct account_desk *desk, int64_t held_count) {
    int64_t fewer_count = desk->own_count - held_count;
    desk->use.in_flight_count -= fewer_count;
    desk->use.burst.used_count -= fewer_count;
    desk->use.steady.used_count -= fewer_count;
    rate_cap_settle(&desk->use.cap, desk->use.in_flight_count);
}

struct account_allowance account_desk_allow(const struct account_desk *desk, size_t wanted_count) {
    struct rate_use use = desk->use;
    bool is_place_left = desk->leaves_job_place && desk->other_in_flight_count == 0;
    use.in_flight_count += desk->other_in_flight_count + (is_place_left ? 1 : 0);
    return account_allow(&desk->account, &use, &desk->moment, (int64_t)wanted_count);
}

void account_desk_start(struct account_desk *desk, int64_t request_count) {
    desk->use.in_flight_count += request_count;
    desk->use.burst.used_count += request_count;
    desk->use.steady.used_count += request_count;
    if (request_count > 0 && desk->use.cap.reset_at_ms > desk->moment.now_ms) {
        desk->use.cap.sent_count += request_count;
        desk->is_rate_changed = true;
    }
}

void account_desk_claim(struct account_desk *desk, const struct claim_batch *batch) {
    int64_t claim_count = (int64_t)batch->claim_count;
    account_desk_start(desk, claim_count);
    if (batch->is_probe) {
        assert(claim_count == 1);
        account_note_probe(&desk->account, &batch->claims[0].event_id, batch->claims[0].token,
                           &desk->moment);
        desk->is_account_changed = true;
    }
}

void account_desk_vanish(struct account_desk *desk, const struct ident *event_id, int64_t token) {
    account_note_vanished(&desk->account, event_id, token);
    desk->is_account_changed = true;
}

enum err_code account_desk_close(struct sqlite_store *self, struct account_desk *desk,
                                 const struct claim_request *request, int64_t held_count,
                                 struct err *err) {
    enum err_code code = ERR_OK;
    if (desk->is_account_changed) {
        code = account_store(self, &desk->account, err);
    }
    if (code == ERR_OK && desk->is_rate_changed) {
        code = store_rate(self, desk->kind, &desk->limits, &desk->use.cap, err);
    }
    if (code == ERR_OK) {
        code =
            write_slots(self, desk->kind, RATE_BURST_MS, &desk->burst_slots, request->now_ms, err);
    }
    if (code == ERR_OK) {
        code = write_slots(self, desk->kind, RATE_STEADY_MS, &desk->steady_slots, request->now_ms,
                           err);
    }
    if (code == ERR_OK && (held_count > 0 || desk->own_count > 0)) {
        code = set_flights(self, desk->kind, request, held_count, err);
    }
    return code;
}

/* ---- For people ------------------------------------------------------------------------------- */

static void tell(const struct account *account, const struct account_moment *moment,
                 struct store_status *status) {
    struct account_allowance allowance = account_allow(account, moment->use, moment, 1);
    if (account->paused_at_ms > 0 && account->probe_at_ms > status->account_not_before_ms) {
        status->account_not_before_ms = account->probe_at_ms;
    }
    status->account_is_paused_by_person = account->is_paused_by_person;
    status->breaker_opened_at_ms = account->opened_at_ms;
    status->account_reason = allowance.reason;
    status->account_reason_until_ms = allowance.not_before_ms;
    status->in_flight_count = moment->use->in_flight_count;
    status->concurrency_max = account->concurrency_max;
    status->rate_used_burst = moment->use->burst.used_count;
    status->rate_used_steady = moment->use->steady.used_count;
}

enum err_code account_fill_status(struct sqlite_store *self, int64_t now_ms,
                                  struct store_status *status, struct err *err) {
    struct account account;
    struct rate_use use = {0};
    int64_t own_count = 0;
    enum err_code code = account_load(self, &account, err);
    if (code == ERR_OK) {
        code = load_rate(self, RATE_EVENTS, &status->rate_limits, &use.cap, err);
    }
    if (code == ERR_OK) {
        code = load_use(self, RATE_EVENTS, "", now_ms, &use, &own_count, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const struct rate_limits unknown = {.burst_count = INT64_MAX, .steady_count = INT64_MAX};
    bool is_known = status->rate_limits.burst_count > 0;
    const struct account_moment moment = {
        .now_ms = now_ms, .limits = is_known ? &status->rate_limits : &unknown, .use = &use};
    tell(&account, &moment, status);
    return ERR_OK;
}
