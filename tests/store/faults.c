/*
 * Out of memory and a broken disk, at every single call: the first is failed, then the second, and
 * so on until a run meets none (opening: every 29th), each once alone and once with everything that
 * follows. Whatever happens: no crash, no half batch; "busy" means that nothing was written, and
 * what was acknowledged is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"
#include "tests/store/shim.h"

enum { BATCH = 3, POINTS_MAX = 20000 };

/* ---- The faults ------------------------------------------------------------------------------- */

struct fault {
    bool is_armed;
    bool is_lasting; /* and everything after it fails, too */
    int calls_left;
    bool has_struck;
    int error; /* SQLITE_FULL or SQLITE_IOERR_FSYNC: only calls that can meet it; 0: any call */
};
static struct fault memory_fault;
static struct fault disk_fault;
static sqlite3_mem_methods real_memory;

static bool strikes(struct fault *fault) {
    if (!fault->is_armed || (fault->has_struck && !fault->is_lasting)) {
        return false;
    }
    fault->has_struck = fault->has_struck || fault->calls_left-- == 0;
    return fault->has_struck;
}

static void *memory_take(int byte_count) {
    return strikes(&memory_fault) ? NULL : real_memory.xMalloc(byte_count);
}

static void *memory_resize(void *memory, int byte_count) {
    return strikes(&memory_fault) ? NULL : real_memory.xRealloc(memory, byte_count);
}

static int error_of(enum shim_call call) {
    return disk_fault.error != 0 ? disk_fault.error : shim_error(call);
}

static int before_call(void *context, enum shim_call call, const char *path) {
    (void)context;
    (void)path;
    bool is_meant = disk_fault.error == SQLITE_FULL          ? call == SHIM_WRITE
                    : disk_fault.error == SQLITE_IOERR_FSYNC ? call == SHIM_SYNC
                                                             : call != SHIM_UNFETCH;
    return is_meant && strikes(&disk_fault) ? error_of(call) : SQLITE_OK;
}

static const struct shim shim = {.before = before_call};

static int install_faults(void **state) {
    (void)fixture_spare_disk(state);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory), SQLITE_OK);
    sqlite3_mem_methods methods = real_memory;
    methods.xMalloc = memory_take;
    methods.xRealloc = memory_resize;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    /* Otherwise small pieces never reach the allocator. */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    shim_install(&shim);
    return 0;
}

/* ---- The operations --------------------------------------------------------------------------- */

struct trial {
    struct fixture *fixture;
    struct store *store; /* opened before the fault, unless opening is what is tried */
    enum err_code code;
    struct err err;
};

static void try_create(struct trial *trial) {
    struct sample samples[BATCH];
    struct create creates[BATCH];
    for (int i = 0; i < BATCH; i++) {
        sample_make(trial->fixture, &samples[i]);
        sample_use_key(&samples[i], samples[i].preorder.id.text, 1);
        creates[i] = samples[i].create;
    }
    trial->code = store_create_preorders(trial->store, creates, BATCH, &trial->err);
    if (trial->code == ERR_OK) {
        for (int i = 0; i < BATCH; i++) {
            assert_int_equal(creates[i].result, CREATE_STORED);
        }
    }
}

/* A second batch with the same keys: replays, which copy what they found. */
static void try_replay(struct trial *trial) {
    struct sample sample;
    sample_make(trial->fixture, &sample);
    sample_use_key(&sample, "the key of all trials", 1);
    trial->code = store_create_preorders(trial->store, &sample.create, 1, &trial->err);
    if (trial->code == ERR_OK) {
        assert_int_equal(sample.create.result, CREATE_REPLAYED);
        assert_int_equal(sample.create.replay_bytes, sample.create.reply_bytes);
    }
    free(sample.create.replay);
}

static void try_settle_and_claim(struct trial *trial) {
    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS + 1000, BATCH);
    struct claim_batch batch = {0};
    struct settlement settlements[BATCH];
    struct settle_report report;
    bool was_armed[] = {memory_fault.is_armed, disk_fault.is_armed};
    memory_fault.is_armed = disk_fault.is_armed = false;
    ASSERT_CODE(ERR_OK, store_settle_and_claim(trial->store, NULL, 0, &report, &request, &batch,
                                               &trial->err));
    assert_int_equal(batch.claim_count, BATCH);
    for (int i = 0; i < BATCH; i++) {
        settlements[i] = fixture_settlement(&batch.claims[i], i == 0 ? OUTCOME_SENT : OUTCOME_RETRY,
                                            FIXTURE_NOW_MS);
        settlements[i].next_attempt_at_ms = FIXTURE_NOW_MS + 3600000;
        settlements[i].response_body = "{}";
        settlements[i].response_body_bytes = 2;
    }
    memory_fault.is_armed = was_armed[0];
    disk_fault.is_armed = was_armed[1];
    trial->code = store_settle_and_claim(trial->store, settlements, BATCH, &report, &request,
                                         &batch, &trial->err);
    claim_batch_release(&batch);
}

/* Without faults: the ids of the newest preorders, one to a line of `ids`. */
static void find_preorders(struct trial *trial, struct ident ids[BATCH]) {
    bool was_armed[] = {memory_fault.is_armed, disk_fault.is_armed};
    memory_fault.is_armed = disk_fault.is_armed = false;
    for (int i = 0; i < BATCH; i++) {
        const char *id = fixture_text(
            trial->fixture, "SELECT id FROM preorders ORDER BY rowid DESC LIMIT 1 OFFSET %d", i);
        assert_true(ident_parse(id, &ids[i]));
    }
    memory_fault.is_armed = was_armed[0];
    disk_fault.is_armed = was_armed[1];
}

/* Two that complete, and one that is flagged. */
static void try_apply(struct trial *trial) {
    struct ident ids[BATCH];
    struct payment_event events[BATCH];
    struct payment_apply applies[BATCH] = {0};
    find_preorders(trial, ids);
    for (int i = 0; i < BATCH; i++) {
        events[i] = fixture_payment(&ids[i], ids[i].text, ids[i].text, PAYMENT_PAID);
        applies[i].event = &events[i];
    }
    events[BATCH - 1].amount_subtotal = 1;
    struct payment_terms terms = fixture_terms(trial->fixture, FIXTURE_NOW_MS + 1000);
    trial->code = store_apply_payments(trial->store, &terms, applies, BATCH, &trial->err);
    for (int i = 0; i < BATCH; i++) {
        enum payment_result expected = i < BATCH - 1 ? PAYMENT_APPLIED : PAYMENT_FLAGGED;
        assert_int_equal(applies[i].result, trial->code == ERR_OK ? expected : PAYMENT_UNDECIDED);
    }
}

static void try_accept(struct trial *trial) {
    struct ident ids[BATCH];
    bool was_armed[] = {memory_fault.is_armed, disk_fault.is_armed};
    find_preorders(trial, ids);
    memory_fault.is_armed = disk_fault.is_armed = false;
    struct payment_event event = fixture_payment(&ids[0], ids[0].text, "a", PAYMENT_PAID);
    event.amount_subtotal = 1;
    assert_int_equal(fixture_apply(trial->fixture, &event, FIXTURE_NOW_MS).result, PAYMENT_FLAGGED);
    memory_fault.is_armed = was_armed[0];
    disk_fault.is_armed = was_armed[1];
    struct acceptance acceptance = {.preorder_id = ids[0],
                                    .terms = fixture_terms(trial->fixture, FIXTURE_NOW_MS + 1000),
                                    .actor = "a person",
                                    .reason = "the bank said so"};
    struct acceptance_report report;
    trial->code = store_accept_payment(trial->store, &acceptance, &report, &trial->err);
    assert_true(trial->code != ERR_OK || report.has_event);
}

static void try_checkpoint(struct trial *trial) {
    trial->code = store_checkpoint(trial->store, 0, &trial->err);
}

static void try_open(struct trial *trial) {
    store_close(trial->store);
    trial->store = NULL;
    struct store_options options = fixture_options(STORE_CHECKOUT, FIXTURE_TIMEOUT_MS);
    trial->code = store_open(trial->fixture->url, &options, &trial->store, &trial->err);
    assert_true((trial->code == ERR_OK) == (trial->store != NULL));
}

/* ---- The loop --------------------------------------------------------------------------------- */

struct counts {
    int64_t preorders, events, keys, sent, judged, claimed, payments, completed, flagged, accepted;
};
enum { COUNTS = sizeof(struct counts) / sizeof(int64_t) };

static struct counts count(struct fixture *fixture) {
    const char *text = fixture_text(fixture, "SELECT (SELECT count(*) FROM preorders), count(*),"
                                             " (SELECT count(*) FROM idempotency_keys),"
                                             " count(*) FILTER (WHERE status = 'sent'),"
                                             " (SELECT count(*) FROM outbox_attempts),"
                                             " count(claimed_by),"
                                             " (SELECT count(*) FROM payment_events),"
                                             " (SELECT count(*) FROM preorders"
                                             "  WHERE status = 'completed'),"
                                             " (SELECT count(flag) FROM preorders),"
                                             " (SELECT count(*) FROM audit_log) FROM outbox");
    int64_t numbers[COUNTS];
    for (int i = 0; i < COUNTS; i++) {
        char *end = NULL;
        numbers[i] = strtoll(text, &end, 10);
        assert_true(*end == (i < COUNTS - 1 ? '|' : '\0'));
        text = end + 1;
    }
    struct counts counts;
    memcpy(&counts, numbers, sizeof counts);
    return counts;
}

typedef void try_function(struct trial *trial);
typedef void check_function(const struct trial *trial, const struct counts *before,
                            const struct counts *after);

static void check_create(const struct trial *trial, const struct counts *before,
                         const struct counts *after) {
    int64_t added = after->preorders - before->preorders;
    assert_true(added == 0 || added == BATCH);
    assert_int_equal(after->events - before->events, added);
    assert_int_equal(after->keys - before->keys, added);
    if (trial->code == ERR_OK) {
        assert_int_equal(added, BATCH);
    }
    if (trial->code == ERR_BUSY) {
        assert_int_equal(added, 0);
    }
}

static void check_apply(const struct trial *trial, const struct counts *before,
                        const struct counts *after) {
    int64_t added = after->payments - before->payments;
    assert_true(added == 0 || added == BATCH);
    int64_t completed = added == 0 ? 0 : BATCH - 1;
    assert_int_equal(after->events - before->events, completed);
    assert_int_equal(after->completed - before->completed, completed);
    assert_int_equal(after->flagged - before->flagged, added / BATCH);
    if (trial->code == ERR_OK) {
        assert_int_equal(added, BATCH);
    }
    if (trial->code == ERR_BUSY) {
        assert_int_equal(added, 0);
    }
}

static void check_accept(const struct trial *trial, const struct counts *before,
                         const struct counts *after) {
    int64_t accepted = after->accepted - before->accepted;
    assert_true(accepted == 0 || accepted == 1);
    assert_int_equal(after->completed - before->completed, accepted);
    assert_int_equal(after->events - before->events, accepted);
    assert_int_equal(after->flagged - before->flagged, 1 - accepted);
    if (trial->code == ERR_OK) {
        assert_int_equal(accepted, 1);
    }
    if (trial->code == ERR_BUSY) {
        assert_int_equal(accepted, 0);
    }
}

static void check_nothing_new(const struct trial *trial, const struct counts *before,
                              const struct counts *after) {
    (void)trial;
    assert_memory_equal(before, after, sizeof *before);
}

/* All three verdicts or none of them. */
static void check_settle(const struct trial *trial, const struct counts *before,
                         const struct counts *after) {
    int64_t judged = after->judged - before->judged;
    assert_true(judged == 0 || judged == BATCH);
    assert_int_equal(after->sent - before->sent, judged / BATCH);
    /* Claimed: the three that were not judged, or the three that were claimed with the verdicts. */
    assert_int_equal(after->claimed - before->claimed, BATCH);
    if (trial->code == ERR_OK) {
        assert_int_equal(judged, BATCH);
    }
    if (trial->code == ERR_BUSY) {
        assert_int_equal(judged, 0);
    }
}

/* All but the key of all trials: what is counted and searched twice in each trial stays small. */
static void forget_earlier_trials(struct fixture *fixture) {
    static const char OTHERS[] =
        "(SELECT id FROM preorders WHERE id NOT IN (SELECT preorder_id FROM idempotency_keys"
        " WHERE key = 'the key of all trials'))";
    fixture_run(fixture,
                "BEGIN;"
                "DELETE FROM outbox_attempts;"
                "DELETE FROM outbox WHERE preorder_id IN %s;"
                "DELETE FROM payment_events WHERE preorder_id IN %s;"
                "DELETE FROM idempotency_keys WHERE key <> 'the key of all trials';"
                "DELETE FROM preorders WHERE id IN %s;"
                "COMMIT",
                OTHERS, OTHERS, OTHERS);
}

/* One run with `fault` armed at its call number `point`. False: it did not strike. */
static bool run_trial(struct fixture *fixture, struct fault *fault, int point, try_function *try_it,
                      check_function *check) {
    forget_earlier_trials(fixture);
    fixture_store_samples(fixture, (size_t)2 * BATCH,
                          NULL); /* a log to work off, events to claim */
    struct counts before = count(fixture);
    struct trial trial = {.fixture = fixture, .store = fixture->store};
    *fault = (struct fault){.is_armed = true,
                            .is_lasting = fault->is_lasting,
                            .calls_left = point,
                            .error = fault->error};
    try_it(&trial);
    fault->is_armed = false;
    bool has_struck = fault->has_struck;
    if (trial.code != ERR_OK) {
        assert_true(has_struck);
        assert_true(trial.err.text[0] != '\0');
        assert_true(trial.code == ERR_BUSY || trial.code == ERR_UNKNOWN || trial.code == ERR_FATAL);
    }
    store_close(trial.store);

    fixture->store = fixture_open(fixture, STORE_CHECKOUT); /* the next process recovers it */
    struct counts after = count(fixture);
    check(&trial, &before, &after);
    return has_struck;
}

static void run_points(struct fixture *fixture, struct fault *fault, int stride,
                       try_function *try_it, check_function *check) {
    int point_count = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        fault->is_lasting = lasting == 1;
        for (int point = 0; run_trial(fixture, fault, point, try_it, check); point += stride) {
            assert_true(point < POINTS_MAX);
            point_count++;
        }
    }
    fixture_assert_sound(fixture);
    print_message("# %d points\n", point_count);
    assert_true(point_count > 0);
    *fault = (struct fault){0};
}

static void run_all_points(struct fixture *fixture, struct fault *fault, try_function *try_it,
                           check_function *check) {
    run_points(fixture, fault, 1, try_it, check);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void without_memory_a_create_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &memory_fault, try_create, check_create);
}

static void without_memory_a_payment_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &memory_fault, try_apply, check_apply);
}

static void without_memory_an_acceptance_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &memory_fault, try_accept, check_accept);
}

static void without_memory_a_step_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &memory_fault, try_settle_and_claim, check_settle);
}

static void without_memory_a_checkpoint_loses_nothing(void **state) {
    run_all_points(*state, &memory_fault, try_checkpoint, check_nothing_new);
}

static void without_memory_opening_fails_or_works(void **state) {
    /* Preparing every statement takes 6,000 pieces of memory, much alike. */
    run_points(*state, &memory_fault, 29, try_open, check_nothing_new);
}

static void store_the_key_of_all_trials(struct fixture *fixture) {
    struct sample sample;
    sample_make(fixture, &sample);
    sample_use_key(&sample, "the key of all trials", 1);
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, &sample.create, 1, &err));
    assert_int_equal(sample.create.result, CREATE_STORED);
}

static void without_memory_a_replay_writes_nothing(void **state) {
    store_the_key_of_all_trials(*state);
    run_all_points(*state, &memory_fault, try_replay, check_nothing_new);
}

static void on_a_broken_disk_a_create_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &disk_fault, try_create, check_create);
}

static void on_a_broken_disk_a_payment_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &disk_fault, try_apply, check_apply);
}

static void on_a_broken_disk_an_acceptance_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &disk_fault, try_accept, check_accept);
}

static void on_a_broken_disk_a_step_is_whole_or_not_at_all(void **state) {
    run_all_points(*state, &disk_fault, try_settle_and_claim, check_settle);
}

static void on_a_broken_disk_a_checkpoint_loses_nothing(void **state) {
    run_all_points(*state, &disk_fault, try_checkpoint, check_nothing_new);
}

static void on_a_broken_disk_opening_fails_or_works(void **state) {
    run_all_points(*state, &disk_fault, try_open, check_nothing_new);
}

static void on_a_full_disk_busy_means_that_nothing_was_written(void **state) {
    disk_fault.error = SQLITE_FULL;
    run_all_points(*state, &disk_fault, try_create, check_create);
}

static void a_failed_sync_is_fatal(void **state) {
    struct fixture *fixture = *state;
    disk_fault = (struct fault){.is_armed = true, .is_lasting = true, .error = SQLITE_IOERR_FSYNC};
    struct trial trial = {.fixture = fixture, .store = fixture->store};
    try_create(&trial);
    disk_fault = (struct fault){0};
    assert_string_equal(err_name(trial.code), err_name(ERR_FATAL));
}

static void a_store_that_failed_once_for_want_of_memory_can_be_used_or_says_so(void **state) {
    struct fixture *fixture = *state;
    memory_fault = (struct fault){.is_armed = true, .calls_left = 5};
    struct trial trial = {.fixture = fixture, .store = fixture->store};
    try_create(&trial);
    memory_fault = (struct fault){0};
    assert_int_not_equal(trial.code, ERR_OK);
    fixture_store_samples(fixture, 1, NULL); /* the gate was left, the transaction ended */
    fixture_assert_sound(fixture);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(without_memory_a_create_is_whole_or_not_at_all),
        EACH(without_memory_a_payment_is_whole_or_not_at_all),
        EACH(without_memory_an_acceptance_is_whole_or_not_at_all),
        EACH(without_memory_a_step_is_whole_or_not_at_all),
        EACH(without_memory_a_checkpoint_loses_nothing),
        EACH(without_memory_opening_fails_or_works),
        EACH(without_memory_a_replay_writes_nothing),
        EACH(on_a_broken_disk_a_create_is_whole_or_not_at_all),
        EACH(on_a_broken_disk_a_payment_is_whole_or_not_at_all),
        EACH(on_a_broken_disk_an_acceptance_is_whole_or_not_at_all),
        EACH(on_a_broken_disk_a_step_is_whole_or_not_at_all),
        EACH(on_a_broken_disk_a_checkpoint_loses_nothing),
        EACH(on_a_broken_disk_opening_fails_or_works),
        EACH(on_a_full_disk_busy_means_that_nothing_was_written),
        EACH(a_failed_sync_is_fatal),
        EACH(a_store_that_failed_once_for_want_of_memory_can_be_used_or_says_so),
    };
    return cmocka_run_group_tests(tests, install_faults, NULL);
}
