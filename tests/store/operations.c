#include "tests/store/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/failing.h"

enum { EVENTS = RIG_EVENTS, NOW_MS = FIXTURE_NOW_MS + 5000, LEASE_MS = 1000 };

/* ---- What there is to work on ----------------------------------------------------------------- */

struct rig rig;

/* Events in every state, a flagged preorder with its payments, journaled attempts. */
int rig_setup(void **state) {
    struct err err = {0};
    (void)fixture_setup(state);
    rig = (struct rig){.fixture = *state};
    fixture_store_samples(rig.fixture, EVENTS, rig.event_ids);
    const char *id = fixture_text(rig.fixture, "SELECT preorder_id FROM outbox WHERE id = '%s'",
                                  rig.event_ids[0].text);
    assert_true(ident_parse(id, &rig.preorder_id));
    struct payment_event payment = fixture_payment(&rig.preorder_id, "1", "1", PAYMENT_PAID);
    payment.amount_subtotal = 1;
    assert_int_equal(fixture_apply(rig.fixture, &payment, FIXTURE_NOW_MS).result, PAYMENT_FLAGGED);
    struct claim claim = fixture_claim_one(rig.fixture, FIXTURE_NOW_MS + 100);
    struct settlement settlement = fixture_settlement(&claim, OUTCOME_RETRY, FIXTURE_NOW_MS + 100);
    settlement.next_attempt_at_ms = NOW_MS;
    settlement.response_body = "{}";
    settlement.response_body_bytes = 2;
    (void)fixture_settle(rig.fixture, &settlement, FIXTURE_NOW_MS + 100);
    struct sample sample;
    sample_make(rig.fixture, &sample);
    sample_use_key(&sample, "the key of all trials", 1);
    sample.create.reply_is_page = true;
    (void)snprintf(rig.last_number, sizeof rig.last_number, "%s", sample.preorder.number);
    ASSERT_OK(store_create_preorders(rig.fixture->store, &sample.create, 1, &err));
    fixture_run(rig.fixture,
                "UPDATE outbox SET status = 'cancelled', next_attempt_at = NULL, metric = 'Apart'"
                " WHERE id = '%s'",
                sample.event.id.text);
    ASSERT_OK(store_checkpoint(rig.fixture->store, 0, &err));
    return 0;
}

int rig_teardown(void **state) {
    store_close(rig.store);
    rig.store = NULL;
    return fixture_teardown(state);
}

void rig_reset(void) {
    /* At once: each look past the store opens the database anew. */
    fixture_run(
        rig.fixture,
        "BEGIN;"
        "UPDATE outbox SET status = 'pending', next_attempt_at = %d, sent_at = NULL, single_only = "
        "0,"
        " claimed_by = NULL, claimed_at = NULL, claim_expires_at = NULL WHERE metric <> 'Apart';"
        "DELETE FROM workers WHERE name <> 'a';"
        "DELETE FROM idempotency_keys WHERE key <> 'the key of all trials';"
        "DELETE FROM outbox WHERE preorder_id IN (SELECT id FROM preorders WHERE number > '%s');"
        "DELETE FROM preorders WHERE number > '%s';"
        "DELETE FROM rate_flights;"
        "DELETE FROM rate_slots;"
        "UPDATE account SET not_before = 0, pause_reason = NULL, paused_at = NULL,"
        " probe_event_id = NULL, probe_token = 0;"
        "COMMIT",
        FIXTURE_NOW_MS, rig.last_number, rig.last_number);
}

static void all_dead(void) {
    rig_reset();
    fixture_run(
        rig.fixture,
        "UPDATE outbox SET status = 'dead', next_attempt_at = NULL WHERE metric <> 'Apart'");
}

/* In the hands of somebody who is gone, their lease long over. */
static void all_abandoned(void) {
    rig_reset();
    fixture_run(rig.fixture,
                "UPDATE outbox SET claimed_by = 'ghost', claimed_at = 1, claim_expires_at = 2,"
                " next_attempt_at = 2, token = token + 1, attempts = attempts + 1"
                " WHERE metric <> 'Apart'");
}

/* A worker of this host in the register whose lock nobody holds, with all events in hand, one a probe. */
static void a_neighbour_died(void) {
    all_abandoned();
    fixture_run(rig.fixture,
                "UPDATE outbox SET claim_expires_at = %d, next_attempt_at = %d"
                " WHERE metric <> 'Apart'",
                NOW_MS + LEASE_MS, NOW_MS + LEASE_MS);
    fixture_run(rig.fixture, "UPDATE account SET (probe_event_id, probe_token) ="
                             " (SELECT id, token FROM outbox WHERE claimed_by = 'ghost')");
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO workers (name, host_id, slot, pid, listen, started_at,"
                " seen_at) VALUES ('ghost', 'here', 7, 1, '', 1, 1)");
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO rate_flights (worker, kind, count, until_at)"
                " VALUES ('ghost', 'event', 3, %d)",
                NOW_MS + LEASE_MS);
}

/* And others are in the register, too. */
static void all_abandoned_beside_strangers(void) {
    all_abandoned();
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO workers (name, host_id, slot, pid, listen, started_at,"
                " seen_at) VALUES ('stranger', 'elsewhere', 8, 1, '', 1, 1)");
}

/* Nobody heard for long of two on another host that have nothing in hand. */
static void a_stranger_died(void) {
    rig_reset();
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO workers (name, host_id, slot, pid, listen, started_at,"
                " seen_at) VALUES ('stranger', 'elsewhere', 8, 1, '', 1, 1),"
                " ('stranger 2', 'elsewhere', 9, 1, '', 1, 1)");
}

/* A repair that finds it so works it off. */
static void all_dead_before_a_long_log(void) {
    all_dead();
    fixture_run(rig.fixture, "UPDATE preorders SET properties = hex(zeroblob(500000))");
}

static void nobody_has_it_open(void) {
    struct err err = {0};
    if (rig.fixture->store != NULL) {
        ASSERT_OK(store_checkpoint(rig.fixture->store, 0, &err));
    }
    rig_reset();
    store_close(rig.fixture->store);
    rig.fixture->store = NULL;
}

static void all_far_ahead(void) {
    rig_reset();
    fixture_run(rig.fixture, "UPDATE outbox SET next_attempt_at = next_attempt_at * 1000");
}

/* ---- The operations --------------------------------------------------------------------------- */

/* A failed assertion jumps: what comes after it must not fail, too. */
static void check(bool is_right) {
    bool was_armed = failing_pause();
    assert_true(is_right);
    failing_resume(was_armed);
}

static enum err_code do_check_writable(struct err *err) {
    return store_check_writable(rig.store, err);
}

static enum err_code do_checkpoint(struct err *err) {
    return store_checkpoint(rig.store, 0, err);
}

static enum err_code enter_register(struct err *err) {
    struct worker_entry entry = {
        .name = "a", .host_id = "here", .listen = "", .pid = 1, .now_ms = NOW_MS};
    return store_register_worker(rig.store, &entry, err);
}

static enum err_code do_register(struct err *err) {
    enum err_code code = enter_register(err);
    (void)failing_pause();
    struct err ignored = {0};
    if (code == ERR_OK) {
        code = store_unregister_worker(rig.store, NOW_MS, &ignored);
    }
    return code;
}

static enum err_code do_unregister(struct err *err) {
    return store_unregister_worker(rig.store, NOW_MS, err);
}

static enum err_code do_tend(struct err *err) {
    struct tend_report report;
    return store_tend_workers(rig.store, NOW_MS, LEASE_MS, &report, err);
}

static enum err_code do_bring_back(struct err *err) {
    int64_t count = 0;
    return store_bring_back(rig.store, NOW_MS, LEASE_MS, LEASE_MS, &count, err);
}

static enum err_code do_list_workers(struct err *err) {
    struct worker_list list;
    enum err_code code = store_list_workers(rig.store, &list, err);
    check(code == ERR_OK || list.worker_count == 0);
    worker_list_release(&list);
    return code;
}

static enum err_code do_claim(struct err *err) {
    struct claim_request request = fixture_claim_request(NOW_MS, EVENTS);
    struct claim_batch batch = {0};
    struct settle_report report;
    request.backfill_before_ms = NOW_MS;
    enum err_code code = store_settle_and_claim(rig.store, NULL, 0, &report, &request, &batch, err);
    check(code == ERR_OK ? batch.claim_count == EVENTS : batch.claim_count == 0);
    claim_batch_release(&batch);
    return code;
}

/* A verdict of each kind, the last two with tokens of claims that are over. */
static void make_settlements(struct settlement settlements[EVENTS]) {
    static const enum outcome outcomes[EVENTS] = {OUTCOME_UNSENT, OUTCOME_THROTTLED, OUTCOME_PAUSED,
                                                  OUTCOME_DEAD,   OUTCOME_SENT,      OUTCOME_RETRY};
    for (size_t i = 0; i < EVENTS; i++) {
        int64_t token = fixture_number(rig.fixture, "SELECT token FROM outbox WHERE id = '%s'",
                                       rig.event_ids[i].text);
        struct claim claim = {.event_id = rig.event_ids[i], .token = i < 4 ? token : token - 1};
        settlements[i] = fixture_settlement(&claim, outcomes[i], NOW_MS);
        settlements[i].finished_at_ms = NOW_MS - (int64_t)i * 2000;
        settlements[i].next_attempt_at_ms = NOW_MS + 1;
        settlements[i].account_not_before_ms = NOW_MS + 1;
        settlements[i].pause_reason = "401";
        settlements[i].is_refused = outcomes[i] == OUTCOME_DEAD;
        settlements[i].rate_remaining_count = 5;
        settlements[i].rate_reset_s = 5;
    }
}

static enum err_code do_settle(struct err *err) {
    bool was_armed = failing_pause();
    struct settlement settlements[EVENTS];
    struct claim_request request = fixture_claim_request(NOW_MS, 0);
    struct claim_batch batch = {0};
    struct settle_report report;
    make_settlements(settlements);
    failing_resume(was_armed);
    enum err_code code =
        store_settle_and_claim(rig.store, settlements, EVENTS, &report, &request, &batch, err);
    claim_batch_release(&batch);
    return code;
}

static struct job_request job_request(size_t count_max) {
    struct job_request request = {.claim = fixture_claim_request(NOW_MS, count_max),
                                  .wants_start = true};
    request.claim.limits = (struct rate_limits){.burst_count = 10, .steady_count = 150};
    return request;
}

static enum err_code do_claim_members(struct err *err) {
    struct job_request request = job_request(EVENTS);
    struct claim_batch batch = {0};
    struct job_reply reply;
    enum err_code code =
        store_settle_and_claim_members(rig.store, NULL, 0, &request, &reply, &batch, err);
    check(code == ERR_OK ? batch.claim_count == EVENTS : batch.claim_count == 0);
    claim_batch_release(&batch);
    return code;
}

static enum err_code do_settle_members(struct err *err) {
    bool was_armed = failing_pause();
    struct settlement settlements[EVENTS];
    struct job_request request = job_request(2);
    struct claim_batch batch = {0};
    struct job_reply reply;
    make_settlements(settlements);
    settlements[0].outcome = OUTCOME_RETRY;
    settlements[0].is_kept = true;
    request.answered = &settlements[3];
    failing_resume(was_armed);
    enum err_code code = store_settle_and_claim_members(rig.store, settlements, EVENTS, &request,
                                                        &reply, &batch, err);
    claim_batch_release(&batch);
    return code;
}

static enum err_code do_count_due(struct err *err) {
    int64_t count = 0;
    return store_count_due(rig.store, NOW_MS, EVENTS, &count, err);
}

static enum err_code do_listen(struct err *err) {
    int fd = -1;
    enum err_code code = store_listen(rig.store, &fd, err);
    check(code != ERR_OK || fd >= 0);
    (void)failing_pause();
    store_close(rig.store); /* a handle listens once */
    rig.store = NULL;
    return code;
}

static enum err_code do_wake(struct err *err) {
    (void)err;
    store_wake(rig.store); /* never fails */
    (void)failing_pause();
    store_close(rig.store); /* the next one looks anew who listens */
    rig.store = NULL;
    return ERR_OK;
}

static enum err_code do_find(struct err *err) {
    struct preorder_view preorder;
    struct event_list events;
    enum err_code code =
        store_find_preorder(rig.store, &rig.preorder_id, NOW_MS, &preorder, &events, err);
    check(code == ERR_OK ? events.event_count == 1 : events.event_count == 0);
    event_list_release(&events);
    return code;
}

static enum err_code do_list_flagged(struct err *err) {
    struct preorder_list list;
    enum err_code code = store_list_flagged(rig.store, 0, &list, err);
    check(list.preorder_count == (code == ERR_OK ? 1 : 0));
    preorder_list_release(&list);
    return code;
}

static enum err_code do_search(struct err *err) {
    struct preorder_list list;
    enum err_code code =
        store_search_preorders(rig.store, SEARCH_ID, rig.event_ids[0].text, &list, err);
    check(list.preorder_count == (code == ERR_OK ? 1 : 0));
    preorder_list_release(&list);
    return code;
}

static enum err_code list_events(const struct event_filter *filter, size_t expected_count,
                                 struct err *err) {
    struct event_list list;
    enum err_code code = store_list_events(rig.store, filter, NOW_MS, &list, err);
    check(list.event_count == (code == ERR_OK ? expected_count : 0));
    event_list_release(&list);
    return code;
}

static enum err_code do_list_events(struct err *err) {
    struct event_filter filter = {.status = "dead"};
    return list_events(&filter, EVENTS, err);
}

static enum err_code do_list_named_events(struct err *err) {
    struct event_filter filter = {.ids = rig.event_ids, .id_count = 2};
    return list_events(&filter, 2, err);
}

static enum err_code do_list_attempts(struct err *err) {
    struct attempt_list list;
    enum err_code code = store_list_attempts(rig.store, &rig.event_ids[0], &list, err);
    check(code == ERR_OK ? list.attempt_count >= 1 : list.attempt_count == 0);
    attempt_list_release(&list);
    return code;
}

static enum err_code do_list_payments(struct err *err) {
    struct payment_list list;
    enum err_code code = store_list_payments(rig.store, &rig.preorder_id, &list, err);
    check(code == ERR_OK ? list.payment_count >= 1 : list.payment_count == 0);
    payment_list_release(&list);
    return code;
}

static enum err_code do_payload(struct err *err) {
    char *payload = NULL;
    size_t payload_bytes = 0;
    enum err_code code =
        store_event_payload(rig.store, &rig.event_ids[0], &payload, &payload_bytes, err);
    check((code == ERR_OK) == (payload != NULL));
    free(payload);
    return code;
}

static enum err_code do_read_status(struct err *err) {
    struct store_status status;
    return store_read_status(rig.store, NOW_MS, &status, err);
}

static enum err_code do_read_backlog(struct err *err) {
    struct store_status status;
    return store_read_backlog(rig.store, NOW_MS, &status, err);
}

static enum err_code do_audit(struct err *err) {
    struct store_audit audit;
    return store_audit(rig.store, &audit, err);
}

static const struct account_order order = {.actor = "a person", .reason = "", .now_ms = NOW_MS};

static enum err_code do_pause(struct err *err) {
    bool is_changed = false;
    return store_pause_account(rig.store, &order, &is_changed, err);
}

static void an_account_that_is_paused(void) {
    bool is_changed = false;
    struct err err = {0};
    rig_reset();
    ASSERT_OK(store_pause_account(rig.fixture->store, &order, &is_changed, &err));
}

static void an_account_that_goes(void) {
    bool is_changed = false;
    struct err err = {0};
    rig_reset();
    ASSERT_OK(store_resume_account(rig.fixture->store, &order, &is_changed, &err));
}

static enum err_code do_resume(struct err *err) {
    bool is_changed = false;
    return store_resume_account(rig.store, &order, &is_changed, err);
}

static struct repair repair(bool is_dry) {
    return (struct repair){.actor = "a person", .reason = "", .now_ms = NOW_MS, .dry_run = is_dry};
}

static enum err_code do_retry(struct err *err) {
    struct repair all = repair(false);
    int64_t count = 0;
    return store_retry_events(rig.store, &all, &count, err);
}

static enum err_code do_retry_dry(struct err *err) {
    struct repair all = repair(true);
    int64_t count = 0;
    return store_retry_events(rig.store, &all, &count, err);
}

static enum err_code do_cancel(struct err *err) {
    struct repair all = repair(false);
    int64_t count = 0;
    return store_cancel_events(rig.store, &all, &count, err);
}

static enum err_code do_open(struct err *err) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    enum err_code code = store_open(rig.fixture->url, &options, &store, err);
    check((code == ERR_OK) == (store != NULL));
    store_close(store);
    return code;
}

/* The first process to open it works the log off. */
static enum err_code do_open_first(struct err *err) {
    bool was_armed = failing_pause();
    store_close(rig.store);
    rig.store = NULL;
    rig_reset(); /* so that there is a log */
    failing_resume(was_armed);
    return do_open(err);
}

/* Of three creates one breaks a rule of the schema: it alone is refused. */
static enum err_code do_create(struct err *err) {
    bool was_armed = failing_pause();
    struct sample samples[3];
    struct create creates[3];
    for (size_t i = 0; i < 3; i++) {
        sample_make(rig.fixture, &samples[i]);
        sample_use_key(&samples[i], samples[i].preorder.id.text, 1);
        creates[i] = samples[i].create;
    }
    samples[1].preorder.currency[1] = '\0';
    failing_resume(was_armed);
    enum err_code code = store_create_preorders(rig.store, creates, 3, err);
    check(code != ERR_OK || creates[1].result == CREATE_REFUSED);
    check(code != ERR_OK || creates[2].result == CREATE_STORED);
    return code;
}

/* A create whose key was used before. */
static enum err_code do_replay(struct err *err) {
    bool was_armed = failing_pause();
    struct sample sample;
    sample_make(rig.fixture, &sample);
    sample_use_key(&sample, "the key of all trials", 1);
    sample.create.reply_is_page = true;
    failing_resume(was_armed);
    enum err_code code = store_create_preorders(rig.store, &sample.create, 1, err);
    check(code != ERR_OK || sample.create.result == CREATE_REPLAYED);
    check((code == ERR_OK) == (sample.create.replay != NULL));
    free(sample.create.replay);
    free(sample.create.replay_payment_url);
    return code;
}

static enum err_code do_migrate(struct err *err) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store_migration migration;
    char url[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(url, sizeof url, "%s-new", rig.fixture->url);
    return store_migrate(url, &options, false, &migration, err);
}

static enum err_code do_migrate_again(struct err *err) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store_migration migration;
    return store_migrate(rig.fixture->url, &options, false, &migration, err);
}

static void no_new_database(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-gate"};
    char path[FIXTURE_PATH_BYTES + 32];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s-new%s", rig.fixture->path, suffixes[i]);
        (void)unlink(path);
    }
}

void rig_open(bool is_registered) {
    struct err err = {0};
    if (rig.store == NULL) {
        rig.store = fixture_open(rig.fixture, STORE_BACKGROUND);
        if (is_registered) {
            fixture_run(rig.fixture, "DELETE FROM workers WHERE name = 'a'");
            ASSERT_OK(enter_register(&err));
        }
    }
}

const struct operation operations[] = {
    {"check_writable", rig_reset, do_check_writable, false},
    {"checkpoint", rig_reset, do_checkpoint, false},
    {"register", rig_reset, do_register, false},
    {"unregister", rig_reset, do_unregister, true},
    {"tend", a_neighbour_died, do_tend, true},
    {"tend a stranger", a_stranger_died, do_tend, true},
    {"bring_back", all_far_ahead, do_bring_back, false},
    {"list_workers", a_neighbour_died, do_list_workers, false},
    {"claim", rig_reset, do_claim, false},
    {"claim what was abandoned", all_abandoned_beside_strangers, do_claim, true},
    {"settle", all_abandoned, do_settle, false},
    {"claim members", rig_reset, do_claim_members, false},
    {"settle members", all_abandoned, do_settle_members, false},
    {"count_due", rig_reset, do_count_due, false},
    {"listen", rig_reset, do_listen, false},
    {"wake", rig_reset, do_wake, false},
    {"create", rig_reset, do_create, false},
    {"create with a used key", rig_reset, do_replay, false},
    {"find", rig_reset, do_find, false},
    {"list_flagged", rig_reset, do_list_flagged, false},
    {"search", rig_reset, do_search, false},
    {"list_events", all_dead, do_list_events, false},
    {"list named events", rig_reset, do_list_named_events, false},
    {"list_attempts", rig_reset, do_list_attempts, false},
    {"list_payments", rig_reset, do_list_payments, false},
    {"payload", rig_reset, do_payload, false},
    {"read_status", rig_reset, do_read_status, false},
    {"read_backlog", rig_reset, do_read_backlog, false},
    {"audit", rig_reset, do_audit, false},
    {"pause", an_account_that_goes, do_pause, false},
    {"resume", an_account_that_is_paused, do_resume, false},
    {"retry", all_dead, do_retry, false},
    {"retry before a long log", all_dead_before_a_long_log, do_retry, false, 997, 211},
    {"retry, only counted", all_dead, do_retry_dry, false},
    {"cancel", all_abandoned, do_cancel, false},
    {"open", rig_reset, do_open, false, 997},
    {"open as the first", nobody_has_it_open, do_open_first, false, 997},
    {"migrate what is there", rig_reset, do_migrate_again, false},
    {"migrate", no_new_database, do_migrate, false, 997},
};
const size_t operation_count = sizeof operations / sizeof operations[0];
