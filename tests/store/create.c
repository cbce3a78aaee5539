/* store_create_preorders: both rows or neither, one by one, keys and replays, and what busy means. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"
#include "tests/store/shim.h"

static void create_all(struct fixture *fixture, struct create *creates, size_t count) {
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, creates, count, &err));
}

static enum create_result create_one(struct fixture *fixture, struct sample *sample) {
    create_all(fixture, &sample->create, 1);
    return sample->create.result;
}

static void assert_counts(struct fixture *fixture, const char *counts) {
    assert_string_equal(fixture_text(fixture, "SELECT (SELECT count(*) FROM preorders),"
                                              " (SELECT count(*) FROM outbox),"
                                              " (SELECT count(*) FROM idempotency_keys)"),
                        counts);
}

static void assert_replayed(struct create *create, const struct sample *original) {
    assert_int_equal(create->result, CREATE_REPLAYED);
    assert_string_equal(create->replay_id.text, original->preorder.id.text);
    assert_int_equal(create->replay_bytes, original->create.reply_bytes);
    assert_memory_equal(create->replay, original->reply, create->replay_bytes);
    assert_int_equal(create->replay_payment_url != NULL, original->create.reply_is_page);
    free(create->replay);
    create->replay = NULL;
}

/* ---- Rows ------------------------------------------------------------------------------------- */

static void stores_the_preorder_as_it_was_given(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    assert_int_equal(create_one(fixture, &sample), CREATE_STORED);
    char expected[4096];
    (void)snprintf(
        expected, sizeof expected,
        "%s|%s|%s|price_scarf|Scarf \"Søster\" 🧣|red|da-DK|web|4999|USD|%s|initiated||%s|"
        "request-0|1000000|1000000",
        sample.preorder.id.text, sample.preorder.number, sample.preorder.email, sample.properties,
        sample.preorder.payment_url);
    assert_string_equal(fixture_text(fixture, "SELECT * FROM preorders"), expected);
}

static void stores_the_event_due_now_and_byte_for_byte(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    assert_int_equal(create_one(fixture, &sample), CREATE_STORED);
    char expected[1024];
    (void)snprintf(expected, sizeof expected,
                   "%s|%s|1|Preorder Started|pending|0|0||1000000||||||%s|request-0|%s|1000000|",
                   sample.event.id.text, sample.preorder.id.text, sample.payload,
                   sample.event.traceparent);
    assert_string_equal(
        fixture_text(fixture, "SELECT id, preorder_id, sequence, metric, status, attempts, token,"
                              " first_attempt_at, next_attempt_at, claimed_by, claimed_at,"
                              " claim_expires_at, last_http_status, last_error, payload,"
                              " request_id, traceparent, created_at, sent_at FROM outbox"),
        expected);
}

static void what_is_empty_is_null(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    sample.event.request_id[0] = '\0';
    sample.event.traceparent[0] = '\0';
    assert_int_equal(create_one(fixture, &sample), CREATE_STORED);
    assert_string_equal(fixture_text(fixture, "SELECT request_id IS NULL, traceparent IS NULL,"
                                              " (SELECT request_id IS NULL FROM preorders)"
                                              " FROM outbox"),
                        "1|1|1");
}

static void the_largest_payload_comes_back_whole(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    char *payload = malloc(EVENT_PAYLOAD_BYTES_MAX);
    assert_non_null(payload);
    memset(payload, 'x', EVENT_PAYLOAD_BYTES_MAX);
    payload[0] = '{';
    payload[EVENT_PAYLOAD_BYTES_MAX - 1] = '}'; /* and no NUL behind it */
    sample.event.payload = payload;
    sample.event.payload_bytes = EVENT_PAYLOAD_BYTES_MAX;
    assert_int_equal(create_one(fixture, &sample), CREATE_STORED);

    struct claim_request request = fixture_claim_request(FIXTURE_NOW_MS, 1);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 1);
    assert_int_equal(batch.claims[0].payload_bytes, EVENT_PAYLOAD_BYTES_MAX);
    assert_memory_equal(batch.claims[0].payload, payload, EVENT_PAYLOAD_BYTES_MAX);
    claim_batch_release(&batch);
    free(payload);
}

static void what_was_acknowledged_is_there_after_reopening(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 200, NULL);
    fixture_reopen(fixture);
    assert_counts(fixture, "200|200|0");
    fixture_assert_sound(fixture);
}

/* ---- One bad row ------------------------------------------------------------------------------ */

enum { BATCH = 5, BAD = 2 };

/* Five with keys, the middle one yet to be spoiled. */
static void make_batch(struct fixture *fixture, struct sample samples[BATCH]) {
    for (int i = 0; i < BATCH; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key-%d", i);
        sample_make(fixture, &samples[i]);
        sample_use_key(&samples[i], key, 1);
    }
}

static void assert_only_the_bad_one_is_out(struct fixture *fixture, struct sample samples[BATCH],
                                           enum create_result expected) {
    struct create creates[BATCH];
    for (int i = 0; i < BATCH; i++) {
        creates[i] = samples[i].create;
    }
    int64_t before = fixture_number(fixture, "SELECT count(*) FROM preorders");
    create_all(fixture, creates, BATCH);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(creates[i].result, i == BAD ? expected : CREATE_STORED);
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders"), before + BATCH - 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), before + BATCH - 1);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM idempotency_keys WHERE key = 'key-2'"), 0);
    fixture_assert_sound(fixture);
}

static void a_currency_of_two_letters_is_refused_and_its_neighbours_stored(void **state) {
    struct fixture *fixture = *state;
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    samples[BAD].preorder.currency[2] = '\0';
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_REFUSED);
}

static void a_negative_amount_is_refused_and_its_neighbours_stored(void **state) {
    struct fixture *fixture = *state;
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    samples[BAD].preorder.amount = -1;
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_REFUSED);
}

static void an_event_id_used_before_takes_its_preorder_with_it(void **state) {
    struct fixture *fixture = *state;
    struct ident used;
    fixture_store_samples(fixture, 1, &used);
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    samples[BAD].event.id = used;
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_REFUSED);
}

static void a_preorder_id_used_before_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    samples[BAD].preorder.id = samples[0].preorder.id;
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_REFUSED);
}

static void a_number_taken_is_said_so_and_its_neighbours_stored(void **state) {
    struct fixture *fixture = *state;
    struct sample earlier;
    sample_make(fixture, &earlier);
    assert_int_equal(create_one(fixture, &earlier), CREATE_STORED);
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    memcpy(samples[BAD].preorder.number, earlier.preorder.number, PREORDER_NUMBER_BYTES);
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_NUMBER_TAKEN);

    (void)snprintf(samples[BAD].preorder.number, PREORDER_NUMBER_BYTES, "PRE-ANOTHER");
    assert_int_equal(create_one(fixture, &samples[BAD]), CREATE_STORED);
}

static void a_number_taken_within_the_batch_goes_to_the_first(void **state) {
    struct fixture *fixture = *state;
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    memcpy(samples[BAD].preorder.number, samples[0].preorder.number, PREORDER_NUMBER_BYTES);
    assert_only_the_bad_one_is_out(fixture, samples, CREATE_NUMBER_TAKEN);
}

/* The batch begins anew: what its other rows were told before the bad one came must still be so. */
static void beside_a_bad_row_replays_and_reused_keys_are_still_told(void **state) {
    struct fixture *fixture = *state;
    struct sample earlier;
    sample_make(fixture, &earlier);
    sample_use_key(&earlier, "key-0", 1);
    earlier.create.reply_is_page = true;
    assert_int_equal(create_one(fixture, &earlier), CREATE_STORED);
    struct sample samples[BATCH];
    make_batch(fixture, samples);
    sample_use_key(&samples[1], "key-0", 2);
    samples[BAD].preorder.currency[2] = '\0';
    struct create creates[BATCH];
    for (int i = 0; i < BATCH; i++) {
        creates[i] = samples[i].create;
    }
    create_all(fixture, creates, BATCH);
    assert_replayed(&creates[0], &earlier);
    assert_string_equal(creates[0].replay_payment_url, earlier.preorder.payment_url);
    free(creates[0].replay_payment_url);
    assert_int_equal(creates[1].result, CREATE_KEY_REUSED);
    assert_int_equal(creates[BAD].result, CREATE_REFUSED);
    assert_int_equal(creates[3].result, CREATE_STORED);
    assert_int_equal(creates[4].result, CREATE_STORED);
    assert_counts(fixture, "3|3|3");
    fixture_assert_sound(fixture);
}

static void a_batch_of_only_bad_rows_stores_nothing(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    sample.preorder.currency[0] = '\0';
    assert_int_equal(create_one(fixture, &sample), CREATE_REFUSED);
    assert_counts(fixture, "0|0|0");
    fixture_store_samples(fixture, 1, NULL); /* the store goes on */
}

/* ---- Keys ------------------------------------------------------------------------------------- */

static void a_key_used_again_replays_the_same_bytes(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample again;
    sample_make(fixture, &first);
    sample_use_key(&first, "key", 1);
    sample_make(fixture, &again);
    sample_use_key(&again, "key", 1);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    create_all(fixture, &again.create, 1);
    assert_replayed(&again.create, &first);
    assert_counts(fixture, "1|1|1");
}

/* A page sent the browser somewhere: that is part of the reply. */
static void a_page_is_replayed_with_its_payment_url(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample again;
    sample_make(fixture, &first);
    sample_use_key(&first, "key", 1);
    first.create.reply_is_page = true;
    sample_make(fixture, &again);
    sample_use_key(&again, "key", 1); /* and no page this time: the first one counts */
    assert_string_not_equal(first.preorder.payment_url, again.preorder.payment_url);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    fixture_reopen(fixture);
    create_all(fixture, &again.create, 1);
    assert_replayed(&again.create, &first);
    assert_string_equal(again.create.replay_payment_url, first.preorder.payment_url);
    free(again.create.replay_payment_url);
}

static void replays_outlive_the_process(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample again;
    sample_make(fixture, &first);
    sample_use_key(&first, "key", 1);
    sample_make(fixture, &again);
    sample_use_key(&again, "key", 1);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    fixture_reopen(fixture);
    create_all(fixture, &again.create, 1);
    assert_replayed(&again.create, &first);
}

static void a_key_twice_in_one_batch_stores_one_and_replays_one(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample again;
    sample_make(fixture, &first);
    sample_use_key(&first, "key", 1);
    sample_make(fixture, &again);
    sample_use_key(&again, "key", 1);
    struct create creates[] = {first.create, again.create};
    create_all(fixture, creates, 2);
    assert_int_equal(creates[0].result, CREATE_STORED);
    assert_replayed(&creates[1], &first);
    assert_counts(fixture, "1|1|1");
}

static void a_key_with_another_request_is_refused_and_nothing_written(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample other;
    sample_make(fixture, &first);
    sample_use_key(&first, "key", 1);
    sample_make(fixture, &other);
    sample_use_key(&other, "key", 2);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    assert_int_equal(create_one(fixture, &other), CREATE_KEY_REUSED);
    assert_null(other.create.replay);
    assert_counts(fixture, "1|1|1");
}

static void a_key_of_255_characters_is_kept_whole(void **state) {
    struct fixture *fixture = *state;
    char key[IDEMPOTENCY_KEY_CHARS_MAX + 1] = {0};
    memset(key, 'k', IDEMPOTENCY_KEY_CHARS_MAX);
    struct sample first;
    struct sample other;
    sample_make(fixture, &first);
    sample_use_key(&first, key, 1);
    sample_make(fixture, &other);
    key[IDEMPOTENCY_KEY_CHARS_MAX - 1] = 'l';
    sample_use_key(&other, key, 2);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    assert_int_equal(create_one(fixture, &other), CREATE_STORED);
    assert_counts(fixture, "2|2|2");
}

static void a_key_whose_row_was_refused_is_not_remembered(void **state) {
    struct fixture *fixture = *state;
    struct sample bad;
    struct sample good;
    sample_make(fixture, &bad);
    sample_use_key(&bad, "key", 1);
    bad.preorder.currency[2] = '\0';
    sample_make(fixture, &good);
    sample_use_key(&good, "key", 2);
    struct create creates[] = {bad.create, good.create};
    create_all(fixture, creates, 2);
    assert_int_equal(creates[0].result, CREATE_REFUSED);
    assert_int_equal(creates[1].result, CREATE_STORED);
    assert_counts(fixture, "1|1|1");
}

static void without_a_key_the_same_request_is_another_preorder(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    assert_counts(fixture, "2|2|0");
}

static void a_retry_after_a_number_was_taken_uses_the_key_once(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample second;
    sample_make(fixture, &first);
    sample_make(fixture, &second);
    sample_use_key(&second, "key", 1);
    memcpy(second.preorder.number, first.preorder.number, PREORDER_NUMBER_BYTES);
    assert_int_equal(create_one(fixture, &first), CREATE_STORED);
    assert_int_equal(create_one(fixture, &second), CREATE_NUMBER_TAKEN);
    (void)snprintf(second.preorder.number, PREORDER_NUMBER_BYTES, "PRE-ANOTHER");
    second.create.result = CREATE_PENDING;
    assert_int_equal(create_one(fixture, &second), CREATE_STORED);
    assert_counts(fixture, "2|2|1");
}

/* ---- Busy and killed -------------------------------------------------------------------------- */

static void while_another_sits_in_the_gate_it_is_busy_in_time_and_names_it(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = fixture_options(STORE_CHECKOUT, 300);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct sample sample;
    sample_make(fixture, &sample);
    int64_t start_ms = clock_mono_ms(clock_system());
    ASSERT_CODE(ERR_BUSY, store_create_preorders(store, &sample.create, 1, &err));
    assert_in_range(clock_mono_ms(clock_system()) - start_ms, 300, 900);
    assert_non_null(strstr(err.text, holder.pid_text));
    ASSERT_CODE(ERR_BUSY, store_check_writable(store, &err));
    assert_non_null(strstr(err.text, holder.pid_text));
    assert_counts(fixture, "0|0|0");

    fixture_release_gate(&holder);
    ASSERT_OK(store_check_writable(store, &err));
    sample.create.result = CREATE_PENDING;
    ASSERT_OK(store_create_preorders(store, &sample.create, 1, &err));
    assert_counts(fixture, "1|1|0");
    store_close(store);
}

static void reading_does_not_wait_for_the_gate(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    struct store_status status;
    struct err err = {0};
    int64_t start_ms = clock_mono_ms(clock_system());
    ASSERT_OK(store_read_status(fixture->store, FIXTURE_NOW_MS, &status, &err));
    assert_true(clock_mono_ms(clock_system()) - start_ms < FIXTURE_TIMEOUT_MS / 2);
    assert_int_equal(status.preorder_count, 1);
    fixture_release_gate(&holder);
}

struct doomed {
    struct fixture *fixture;
    int calls_left;
};

static int die_before_a_call_that_writes(void *context, enum shim_call call, const char *path) {
    (void)path;
    struct doomed *doomed = context;
    if ((call == SHIM_WRITE || call == SHIM_SYNC) && --doomed->calls_left < 0) {
        (void)raise(SIGKILL);
    }
    return SQLITE_OK;
}

/* Returns 0 once the batch was acknowledged. */
static int create_doomed(void *context) {
    enum { DOOMED_BATCH = 3 };
    struct doomed *doomed = context;
    struct doomed counting = {.calls_left = 1 << 30};
    static struct shim shim;
    shim = (struct shim){.before = die_before_a_call_that_writes, .context = &counting};
    shim_install(&shim);
    struct store_options options = fixture_options(STORE_CHECKOUT, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct err err = {0};
    struct sample samples[DOOMED_BATCH];
    struct create creates[DOOMED_BATCH];
    if (store_open(doomed->fixture->url, &options, &store, &err) != ERR_OK) {
        return 1;
    }
    for (int i = 0; i < DOOMED_BATCH; i++) {
        sample_make(doomed->fixture, &samples[i]);
        sample_use_key(&samples[i], samples[i].preorder.id.text, 1);
        creates[i] = samples[i].create;
    }
    shim.context = doomed;
    return store_create_preorders(store, creates, DOOMED_BATCH, &err) == ERR_OK ? 0 : 2;
}

static void killed_before_any_write_a_batch_is_there_whole_or_not_at_all(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    int status = -1;
    int kill_count = 0;
    for (int calls = 0; status != 0; calls++) {
        assert_true(calls < 1000);
        int64_t before = fixture_number(fixture, "SELECT count(*) FROM preorders");
        fixture->series++;
        fixture->random = random_seeded(&fixture->seeded, (uint64_t)calls);
        struct doomed doomed = {.fixture = fixture, .calls_left = calls};
        status = fixture_join(fixture_spawn(create_doomed, &doomed));
        assert_true(status == 0 || status == 128 + SIGKILL);
        kill_count += status == 0 ? 0 : 1;
        fixture_reopen(fixture);
        int64_t added = fixture_number(fixture, "SELECT count(*) FROM preorders") - before;
        assert_true(added == 3 || (added == 0 && status != 0));
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox"), before + added);
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM idempotency_keys"),
                         before + added);
        fixture_assert_sound(fixture);
        store_close(fixture->store);
        fixture->store = NULL;
    }
    assert_true(kill_count > 5);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(stores_the_preorder_as_it_was_given),
        EACH(stores_the_event_due_now_and_byte_for_byte),
        EACH(what_is_empty_is_null),
        EACH(the_largest_payload_comes_back_whole),
        EACH(what_was_acknowledged_is_there_after_reopening),
        EACH(a_currency_of_two_letters_is_refused_and_its_neighbours_stored),
        EACH(a_negative_amount_is_refused_and_its_neighbours_stored),
        EACH(an_event_id_used_before_takes_its_preorder_with_it),
        EACH(a_preorder_id_used_before_is_refused),
        EACH(a_number_taken_is_said_so_and_its_neighbours_stored),
        EACH(a_number_taken_within_the_batch_goes_to_the_first),
        EACH(beside_a_bad_row_replays_and_reused_keys_are_still_told),
        EACH(a_batch_of_only_bad_rows_stores_nothing),
        EACH(a_key_used_again_replays_the_same_bytes),
        EACH(a_page_is_replayed_with_its_payment_url),
        EACH(replays_outlive_the_process),
        EACH(a_key_twice_in_one_batch_stores_one_and_replays_one),
        EACH(a_key_with_another_request_is_refused_and_nothing_written),
        EACH(a_key_of_255_characters_is_kept_whole),
        EACH(a_key_whose_row_was_refused_is_not_remembered),
        EACH(without_a_key_the_same_request_is_another_preorder),
        EACH(a_retry_after_a_number_was_taken_uses_the_key_once),
        EACH(while_another_sits_in_the_gate_it_is_busy_in_time_and_names_it),
        EACH(reading_does_not_wait_for_the_gate),
        EACH(killed_before_any_write_a_batch_is_there_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
