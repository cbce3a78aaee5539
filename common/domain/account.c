#include "common/domain/account.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { SECONDS_A_MINUTE = 60 };

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

const char *account_reason_name(enum account_reason reason) {
    switch (reason) {
    case ACCOUNT_REASON_NONE:
        return "none";
    case ACCOUNT_REASON_THROTTLED:
        return "throttled";
    case ACCOUNT_REASON_PAUSED:
        return "paused";
    case ACCOUNT_REASON_BREAKER:
        return "breaker open";
    case ACCOUNT_REASON_RATE:
        return "rate limit";
    case ACCOUNT_REASON_CONCURRENCY:
        return "concurrency";
    }
    return "unknown";
}

/* ---- Held ------------------------------------------------------------------------------------- */

static bool is_open(const struct account *account) {
    return account->opened_at_ms > 0;
}

static bool is_paused(const struct account *account) {
    return account->paused_at_ms > 0;
}

/* After every change of pause or breaker. */
static void note_held(struct account *account, int64_t now_ms) {
    bool is_held = is_open(account) || is_paused(account);
    if (is_held && account->held_since_ms == 0) {
        account->held_since_ms = now_ms;
    } else if (!is_held && account->held_since_ms > 0) {
        account->held_ms = account_held_ms(account, now_ms);
        account->held_since_ms = 0;
    }
}

int64_t account_held_ms(const struct account *account, int64_t now_ms) {
    bool is_held = account->held_since_ms > 0 && now_ms > account->held_since_ms;
    return account->held_ms + (is_held ? now_ms - account->held_since_ms : 0);
}

/* ---- The probe -------------------------------------------------------------------------------- */

static bool is_probe(const struct account *account, const struct ident *event_id, int64_t token) {
    return account->probe_event_id.text[0] != '\0' && account->probe_token == token &&
           strcmp(account->probe_event_id.text, event_id->text) == 0;
}

static void end_probe(struct account *account) {
    account->probe_event_id.text[0] = '\0';
    account->probe_token = 0;
    account->probe_until_ms = 0;
}

static bool is_probing(const struct account *account, int64_t now_ms) {
    return account->probe_event_id.text[0] != '\0' && account->probe_until_ms > now_ms;
}

/* Half of the pause to all of it: workers and accounts do not march in step. */
static int64_t jittered(int64_t pause_ms, uint64_t dice) {
    int64_t half_ms = pause_ms / 2;
    return pause_ms - half_ms + (int64_t)(dice % (uint64_t)(half_ms + 1));
}

void account_note_probe(struct account *account, const struct ident *event_id, int64_t token,
                        const struct account_moment *moment) {
    account->probe_event_id = *event_id;
    account->probe_token = token;
    account->probe_until_ms = moment->now_ms + moment->lease_ms;
    int64_t pause_ms = is_paused(account) ? moment->probe_interval_ms : account->breaker_pause_ms;
    account->probe_at_ms = moment->now_ms + pause_ms;
}

void account_note_vanished(struct account *account, const struct ident *event_id, int64_t token) {
    if (is_probe(account, event_id, token)) {
        end_probe(account);
    }
}

/* ---- Requests at once ------------------------------------------------------------------------- */

static void shrink(struct account *account, const struct account_moment *moment) {
    int64_t in_flight_count = moment->use->in_flight_count;
    int64_t count = account->concurrency_max > 0
                        ? smaller(account->concurrency_max, in_flight_count)
                        : in_flight_count;
    if (moment->now_ms - account->last_sent_at_ms < ACCOUNT_ALIVE_MS) {
        account->concurrency_broke_count = in_flight_count;
    }
    account->concurrency_max = larger(count / 2, ACCOUNT_CONCURRENCY_MIN);
    account->concurrency_grown_at_ms = moment->now_ms;
}

/* True if more at once would deliver more for long: the last second went no faster than twice the
   pace that the minute's allowance can keep up. */
static bool is_slow(const struct account_moment *moment) {
    int64_t used_count = moment->use->burst.used_count;
    return used_count < 2 * moment->limits->steady_count / SECONDS_A_MINUTE;
}

/* How long the present limit has to hold before it grows by one. */
static int64_t growth_pace_ms(const struct account *account, const struct account_moment *moment) {
    int64_t broke_count = account->concurrency_broke_count;
    int64_t known_count = larger(broke_count / 2, ACCOUNT_CONCURRENCY_SAFE);
    if (broke_count > ACCOUNT_CONCURRENCY_SAFE && account->concurrency_max >= broke_count - 1) {
        return ACCOUNT_TRY_AGAIN_MS;
    }
    bool is_known = broke_count == 0 || account->concurrency_max < known_count;
    return is_known && is_slow(moment) ? ACCOUNT_GROW_MS : ACCOUNT_GROW_SLOWLY_MS;
}

/* True if the present limit has been reached for long enough to tell what it lets through: a second
   at least, since that is what is_slow looks at. */
static bool may_grow(struct account *account, const struct account_moment *moment) {
    int64_t now_ms = moment->now_ms;
    bool is_binding =
        account->concurrency_max > 0 && moment->use->in_flight_count >= account->concurrency_max;
    if (!is_binding) {
        account->concurrency_bound_at_ms = 0;
        return false;
    }
    if (account->concurrency_bound_at_ms == 0) {
        account->concurrency_bound_at_ms = now_ms;
    }
    int64_t since_ms = larger(account->concurrency_bound_at_ms, account->concurrency_grown_at_ms);
    return now_ms - account->concurrency_bound_at_ms >= RATE_BURST_MS &&
           now_ms - since_ms >= growth_pace_ms(account, moment);
}

static void grow(struct account *account, const struct account_moment *moment) {
    if (!may_grow(account, moment)) {
        return;
    }
    account->concurrency_max++;
    account->concurrency_grown_at_ms = moment->now_ms;
    if (account->concurrency_max > ACCOUNT_CONCURRENCY_MAX) {
        account->concurrency_max = 0;
        account->concurrency_broke_count = 0;
    }
}

/* ---- The breaker ------------------------------------------------------------------------------ */

static void open_breaker(struct account *account, const struct account_moment *moment) {
    account->opened_at_ms = moment->now_ms;
    account->breaker_pause_ms = smaller(ACCOUNT_BREAKER_MS_MIN, moment->probe_interval_ms);
    account->probe_at_ms = moment->now_ms + jittered(account->breaker_pause_ms, moment->dice);
    end_probe(account);
}

static void close_breaker(struct account *account, const struct account_moment *moment) {
    account->opened_at_ms = 0;
    account->breaker_pause_ms = 0;
    account->concurrency_max = ACCOUNT_CONCURRENCY_MIN;
    account->concurrency_grown_at_ms = moment->now_ms;
}

static void lengthen_pause(struct account *account, const struct account_moment *moment) {
    account->breaker_pause_ms = smaller(2 * account->breaker_pause_ms, moment->probe_interval_ms);
    account->probe_at_ms = moment->now_ms + jittered(account->breaker_pause_ms, moment->dice);
}

static bool is_in_streak(const struct account *account, const struct ident *event_id) {
    for (int32_t i = 0; i < account->failing_count; i++) {
        if (strcmp(account->failing[i].text, event_id->text) == 0) {
            return true;
        }
    }
    return false;
}

static void note_failure(struct account *account, const struct account_news *news, bool was_probe,
                         const struct account_moment *moment) {
    if (is_paused(account)) {
        return; /* the next probe is due an interval after this one went out */
    }
    if (is_open(account)) {
        if (was_probe) {
            lengthen_pause(account, moment);
        }
        return;
    }
    if (is_in_streak(account, news->event_id)) {
        return; /* one event that always fails must not stop the others */
    }
    assert(account->failing_count < ACCOUNT_FAILURES_MAX);
    account->failing[account->failing_count++] = *news->event_id;
    if (account->failing_count % ACCOUNT_FAILURES_TO_HALVE == 0) {
        shrink(account, moment);
    }
    if (account->failing_count == ACCOUNT_FAILURES_MAX) {
        open_breaker(account, moment);
    }
}

/* ---- A clock that was set back ---------------------------------------------------------------- */

/* What lies beyond `latest_ms` was written by another time: it is now. Not `latest_ms`, which moves on
   with every look and would never come. */
static bool bring_back(int64_t *at_ms, int64_t latest_ms, int64_t now_ms) {
    bool is_ahead = *at_ms > latest_ms;
    *at_ms = is_ahead ? now_ms : *at_ms;
    return is_ahead;
}

bool account_set_back(struct account *account, const struct account_moment *moment) {
    int64_t now_ms = moment->now_ms;
    bool is_changed = bring_back(&account->not_before_ms, now_ms + ACCOUNT_WAIT_MS_MAX, now_ms);
    int64_t pause_ms = larger(moment->probe_interval_ms, ACCOUNT_WAIT_MS_MAX);
    is_changed |= bring_back(&account->probe_at_ms, now_ms + pause_ms, now_ms);
    is_changed |= bring_back(&account->probe_until_ms, now_ms + moment->lease_ms, now_ms);
    is_changed |= bring_back(&account->last_sent_at_ms, now_ms, now_ms);
    is_changed |= bring_back(&account->paused_at_ms, now_ms, now_ms);
    is_changed |= bring_back(&account->opened_at_ms, now_ms, now_ms);
    is_changed |= bring_back(&account->held_since_ms, now_ms, now_ms);
    is_changed |= bring_back(&account->concurrency_grown_at_ms, now_ms, now_ms);
    is_changed |= bring_back(&account->concurrency_bound_at_ms, now_ms, now_ms);
    return is_changed;
}

/* ---- News ------------------------------------------------------------------------------------- */

static void end_pause(struct account *account) {
    account->paused_at_ms = 0;
    account->pause_reason[0] = '\0';
    account->is_paused_by_person = false;
}

static bool is_after_pause(const struct account *account, const struct account_news *news) {
    return is_paused(account) && !account->is_paused_by_person &&
           news->started_at_ms >= account->paused_at_ms;
}

/* Klaviyo took or judged an event: what began before that request was sent is over. */
static void note_alive(struct account *account, const struct account_news *news,
                       const struct account_moment *moment) {
    account->failing_count = 0;
    if (is_after_pause(account, news) && news->verdict != ACCOUNT_THROTTLES) {
        end_pause(account);
    }
    if (is_open(account) && news->started_at_ms >= account->opened_at_ms) {
        close_breaker(account, moment);
    } else if (news->verdict == ACCOUNT_SENT) {
        grow(account, moment);
    }
}

static void note_pause(struct account *account, const struct account_news *news,
                       const struct account_moment *moment) {
    if (account->is_paused_by_person) {
        return;
    }
    assert(news->pause_reason != NULL);
    snprintf(account->pause_reason, sizeof account->pause_reason, "%s", news->pause_reason);
    if (!is_paused(account)) {
        account->paused_at_ms = moment->now_ms;
        account->probe_at_ms = news->not_before_ms;
    }
}

void account_note(struct account *account, const struct account_news *news,
                  const struct account_moment *moment) {
    bool was_probe = is_probe(account, news->event_id, news->token);
    if (was_probe) {
        end_probe(account);
    }
    switch (news->verdict) {
    case ACCOUNT_SENT:
        account->last_sent_at_ms = larger(account->last_sent_at_ms, news->finished_at_ms);
        note_alive(account, news, moment);
        break;
    case ACCOUNT_ANSWERED:
        note_alive(account, news, moment);
        break;
    case ACCOUNT_THROTTLES:
        account->not_before_ms = larger(account->not_before_ms, news->not_before_ms);
        note_alive(account, news, moment);
        break;
    case ACCOUNT_FAILED:
        note_failure(account, news, was_probe, moment);
        break;
    case ACCOUNT_PAUSES:
        note_pause(account, news, moment);
        break;
    case ACCOUNT_SILENT:
        break; /* if it was the probe, the next one goes out in its time */
    case ACCOUNT_UNSENT:
        account->probe_at_ms = was_probe ? moment->now_ms : account->probe_at_ms;
        break;
    }
    note_held(account, moment->now_ms);
}

bool account_count_sent(struct account *account) {
    bool is_end = account->refused_count > 0;
    account->refused_count = 0;
    return is_end;
}

bool account_count_refused(struct account *account) {
    account->refused_count++;
    return true;
}

/* ---- Allowing --------------------------------------------------------------------------------- */

static struct account_allowance refuse(enum account_reason reason, int64_t not_before_ms) {
    return (struct account_allowance){.reason = reason, .not_before_ms = not_before_ms};
}

static struct account_allowance allow_probe(const struct account *account,
                                            const struct rate_use *use,
                                            const struct account_moment *moment,
                                            int64_t wanted_count) {
    enum account_reason reason =
        is_paused(account) ? ACCOUNT_REASON_PAUSED : ACCOUNT_REASON_BREAKER;
    if (account->is_paused_by_person) {
        return refuse(reason, INT64_MAX);
    }
    if (is_probing(account, moment->now_ms)) {
        return refuse(reason, account->probe_until_ms);
    }
    if (account->probe_at_ms > moment->now_ms) {
        return refuse(reason, account->probe_at_ms);
    }
    struct rate_room room = rate_room(moment->limits, use, moment->now_ms);
    if (room.count == 0) {
        return refuse(ACCOUNT_REASON_RATE, room.frees_at_ms);
    }
    return (struct account_allowance){
        .count_max = smaller(1, wanted_count), .is_probe = true, .reason = reason};
}

struct account_allowance account_allow(const struct account *account, const struct rate_use *use,
                                       const struct account_moment *moment, int64_t wanted_count) {
    if (account->not_before_ms > moment->now_ms) {
        return refuse(ACCOUNT_REASON_THROTTLED, account->not_before_ms);
    }
    if (is_paused(account) || is_open(account)) {
        return allow_probe(account, use, moment, wanted_count);
    }
    struct rate_room room = rate_room(moment->limits, use, moment->now_ms);
    if (room.count == 0) {
        return refuse(ACCOUNT_REASON_RATE, room.frees_at_ms);
    }
    int64_t at_once_count =
        account->concurrency_max > 0 ? account->concurrency_max - use->in_flight_count : INT64_MAX;
    if (at_once_count <= 0) {
        return refuse(ACCOUNT_REASON_CONCURRENCY, moment->now_ms + RATE_LOOK_MS);
    }
    struct account_allowance allowance = {.count_max = wanted_count};
    if (room.count < allowance.count_max) {
        allowance.count_max = room.count;
        allowance.reason = ACCOUNT_REASON_RATE;
    }
    if (at_once_count < allowance.count_max) {
        allowance.count_max = at_once_count;
        allowance.reason = ACCOUNT_REASON_CONCURRENCY;
    }
    return allowance;
}

/* ---- By hand ---------------------------------------------------------------------------------- */

bool account_pause(struct account *account, const char *reason, int64_t now_ms) {
    if (account->is_paused_by_person) {
        return false;
    }
    snprintf(account->pause_reason, sizeof account->pause_reason, "%s",
             reason[0] == '\0' ? "no reason given" : reason);
    account->paused_at_ms = now_ms;
    account->is_paused_by_person = true;
    note_held(account, now_ms);
    return true;
}

bool account_resume(struct account *account, int64_t now_ms) {
    if (!is_paused(account) && !is_open(account)) {
        return false;
    }
    end_pause(account);
    account->refused_count = 0;
    account->probe_at_ms = now_ms;
    note_held(account, now_ms);
    return true;
}
