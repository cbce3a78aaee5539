/*
 * Every operation of the store with every call failing in turn, once alone and once with all that
 * follow: our allocations, SQLite's, the disk under SQLite, and the system calls of our own. Whatever
 * happens: no crash, a code that the header promises with a sentence to it, "busy" means that nothing was
 * written, and the database stays whole. faults.c looks closer at the operations that carry the promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/failing.h"
#include "tests/store/fixture.h"

enum {
    EVENTS = 6,
    NOW_MS = FIXTURE_NOW_MS + 5000,
    LEASE_MS = 1000,
    POINTS_MAX = 100000,
    SQLITE_STRIDE = 11,
};

/* ---- What there is to work on ----------------------------------------------------------------- */

struct rig {
    struct fixture *fixture;
    struct store *store; /* in front of it everything fails; NULL: the next trial opens one */
    struct ident event_ids[EVENTS];
    struct ident preorder_id; /* of the first event: flagged, with a payment and a key */
};

static struct rig rig;

/* Events in every state, a flagged preorder with its payments, journaled attempts. */
static int rig_setup(void **state) {
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
    ASSERT_OK(store_checkpoint(rig.fixture->store, 0, &err));
    return 0;
}

static int rig_teardown(void **state) {
    store_close(rig.store);
    rig.store = NULL;
    return fixture_teardown(state);
}

static void all_due(void) {
    fixture_run(rig.fixture,
                "UPDATE outbox SET status = 'pending', next_attempt_at = %d, sent_at = NULL, "
                "single_only = 0,"
                " claimed_by = NULL, claimed_at = NULL, claim_expires_at = NULL",
                FIXTURE_NOW_MS);
    fixture_run(rig.fixture, "DELETE FROM workers WHERE name <> 'a'");
    fixture_run(rig.fixture, "DELETE FROM rate_flights");
    fixture_run(rig.fixture, "DELETE FROM rate_slots");
    fixture_run(rig.fixture,
                "UPDATE account SET not_before = 0, pause_reason = NULL, paused_at = NULL");
}

static void all_dead(void) {
    all_due();
    fixture_run(rig.fixture, "UPDATE outbox SET status = 'dead', next_attempt_at = NULL");
}

/* In the hands of somebody who is gone, their lease long over. */
static void all_abandoned(void) {
    all_due();
    fixture_run(rig.fixture,
                "UPDATE outbox SET claimed_by = 'ghost', claimed_at = 1, claim_expires_at = 2,"
                " next_attempt_at = 2, token = token + 1, attempts = attempts + 1");
}

/* A worker of this host in the register whose lock nobody holds, with all events in hand. */
static void a_neighbour_died(void) {
    all_abandoned();
    fixture_run(rig.fixture, "UPDATE outbox SET claim_expires_at = %d, next_attempt_at = %d",
                NOW_MS + LEASE_MS, NOW_MS + LEASE_MS);
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO workers (name, host_id, slot, pid, listen, started_at,"
                " seen_at) VALUES ('ghost', 'here', 7, 1, '', 1, 1)");
    fixture_run(rig.fixture,
                "INSERT OR REPLACE INTO rate_flights (worker, kind, count, until_at)"
                " VALUES ('ghost', 'event', 3, %d)",
                NOW_MS + LEASE_MS);
}

static void all_far_ahead(void) {
    all_due();
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
        settlements[i].next_attempt_at_ms = NOW_MS + 1;
        settlements[i].account_not_before_ms = NOW_MS + 1;
        settlements[i].pause_reason = "401";
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
    all_due();
    ASSERT_OK(store_pause_account(rig.fixture->store, &order, &is_changed, &err));
}

static void an_account_that_goes(void) {
    bool is_changed = false;
    struct err err = {0};
    all_due();
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

static enum err_code do_migrate(struct err *err) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store_migration migration;
    char url[FIXTURE_PATH_BYTES + 32];
    (void)snprintf(url, sizeof url, "%s-new", rig.fixture->url);
    return store_migrate(url, &options, false, &migration, err);
}

static void no_new_database(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-gate"};
    char path[FIXTURE_PATH_BYTES + 32];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s-new%s", rig.fixture->path, suffixes[i]);
        (void)unlink(path);
    }
}

static const struct operation {
    const char *name;
    void (*prepare)(void);
    enum err_code (*run)(struct err *err);
    bool is_registered; /* by a worker in the register */
    int sqlite_stride; /* SQLite's pieces of memory are many and much alike; 0: a few are left out */
} operations[] = {
    {"check_writable", all_due, do_check_writable, false},
    {"checkpoint", all_due, do_checkpoint, false},
    {"register", all_due, do_register, false},
    {"unregister", all_due, do_unregister, true},
    {"tend", a_neighbour_died, do_tend, true},
    {"bring_back", all_far_ahead, do_bring_back, false},
    {"list_workers", a_neighbour_died, do_list_workers, false},
    {"claim", all_due, do_claim, false},
    {"claim what was abandoned", all_abandoned, do_claim, true},
    {"settle", all_abandoned, do_settle, false},
    {"claim members", all_due, do_claim_members, false},
    {"settle members", all_abandoned, do_settle_members, false},
    {"count_due", all_due, do_count_due, false},
    {"listen", all_due, do_listen, false},
    {"wake", all_due, do_wake, false},
    {"find", all_due, do_find, false},
    {"list_flagged", all_due, do_list_flagged, false},
    {"search", all_due, do_search, false},
    {"list_events", all_dead, do_list_events, false},
    {"list named events", all_due, do_list_named_events, false},
    {"list_attempts", all_due, do_list_attempts, false},
    {"list_payments", all_due, do_list_payments, false},
    {"payload", all_due, do_payload, false},
    {"read_status", all_due, do_read_status, false},
    {"read_backlog", all_due, do_read_backlog, false},
    {"audit", all_due, do_audit, false},
    {"pause", an_account_that_goes, do_pause, false},
    {"resume", an_account_that_is_paused, do_resume, false},
    {"retry", all_dead, do_retry, false},
    {"retry, only counted", all_dead, do_retry_dry, false},
    {"cancel", all_abandoned, do_cancel, false},
    {"open", all_due, do_open, false, 997},
    {"migrate", no_new_database, do_migrate, false, 997},
};

/* ---- The loop --------------------------------------------------------------------------------- */

/* What the database holds, as one text. */
static void look(char text[1024]) {
    (void)snprintf(
        text, 1024, "%s",
        fixture_text(rig.fixture,
                     "SELECT count(*), sum(token), sum(attempts), total(next_attempt_at),"
                     " count(claimed_by), total(claim_expires_at), group_concat(status),"
                     " (SELECT count(*) FROM outbox_attempts),"
                     " (SELECT count(*) FROM audit_log),"
                     " (SELECT group_concat(name) FROM workers),"
                     " (SELECT total(count) FROM rate_flights),"
                     " (SELECT not_before || ' ' || paused_by_person FROM account),"
                     " (SELECT group_concat(status) FROM preorders) FROM outbox"));
}

static void open_store(const struct operation *operation) {
    struct err err = {0};
    if (rig.store == NULL) {
        rig.store = fixture_open(rig.fixture, STORE_BACKGROUND);
        if (operation->is_registered) {
            fixture_run(rig.fixture, "DELETE FROM workers WHERE name = 'a'");
            ASSERT_OK(enter_register(&err));
        }
    }
}

/* One run with the call number `point` failing. False: it was not reached. */
static bool run_trial(const struct operation *operation, enum failing_kind kind, int point,
                      bool is_lasting) {
    char before[1024];
    char after[1024];
    struct err err = {0};
    operation->prepare();
    open_store(operation);
    look(before);
    failing_arm(kind, point, is_lasting);
    enum err_code code = operation->run(&err);
    bool has_struck = failing_disarm();
    if (code == ERR_OK) {
        return has_struck;
    }
    assert_true(has_struck);
    assert_true(code == ERR_BUSY || code == ERR_UNKNOWN || code == ERR_FATAL);
    assert_string_not_equal(err.text, "");
    if (code == ERR_BUSY) {
        look(after);
        assert_string_equal(after, before);
    }
    store_close(rig.store); /* as every program does that cannot trust it any more */
    rig.store = NULL;
    return true;
}

static void fail_each(enum failing_kind kind) {
    int point_count = 0;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        int sqlite_stride =
            operations[i].sqlite_stride > 0 ? operations[i].sqlite_stride : SQLITE_STRIDE;
        int stride = kind == FAILING_SQLITE_MEMORY ? sqlite_stride : 1;
        for (int lasting = 0; lasting < 2; lasting++) {
            for (int point = 0; run_trial(&operations[i], kind, point, lasting == 1);
                 point += stride) {
                assert_true(point < POINTS_MAX);
                point_count++;
            }
        }
        store_close(rig.store);
        rig.store = NULL;
        all_due();
        fixture_assert_sound(rig.fixture);
    }
    print_message("# %d points\n", point_count);
    assert_true(point_count > 0);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void without_memory_of_ours_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_OUR_MEMORY);
}

static void without_memory_of_sqlites_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_SQLITE_MEMORY);
}

static void on_a_broken_disk_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_DISK);
}

static void when_the_kernel_refuses_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_OUR_CALL);
}

static int install(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) == 0) { /* thousands of commits, and nothing hangs on the disk */
        assert_int_equal(setenv("TMPDIR", "/dev/shm", 1), 0);
    }
    failing_install();
    return 0;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(without_memory_of_ours_each_operation_says_so),
        EACH(without_memory_of_sqlites_each_operation_says_so),
        EACH(on_a_broken_disk_each_operation_says_so),
        EACH(when_the_kernel_refuses_each_operation_says_so),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
