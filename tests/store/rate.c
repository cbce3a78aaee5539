/* The allowance, shared by all workers through the database. */
#include <string.h>

#include "common/store/sqlite/account.h"
#include "common/store/sqlite/transaction.h"
#include "tests/store/fixture.h"

enum { EVENTS = 40, DUE_MS = FIXTURE_NOW_MS + EVENTS };

/* 24 - 24 / 6 = 20 in a second, 30 in a minute. */
static const struct rate_limits few = {.burst_count = 24, .steady_count = 1800};
static const struct rate_limits few_a_minute = {.burst_count = 1000, .steady_count = 30};

struct step {
    const char *worker; /* NULL: worker-a */
    int64_t now_ms;
    size_t count_max, held_count;
    struct rate_limits limits;
    const struct settlement *settlements;
    size_t settlement_count;
};

struct stepped {
    size_t count;
    enum account_reason reason;
    int64_t next_due_at_ms;
    struct claim claims[EVENTS]; /* without payloads */
};

static struct stepped step_with(struct store *store, const struct step *step) {
    struct claim_request request = fixture_claim_request(step->now_ms, step->count_max);
    request.worker = step->worker == NULL ? "worker-a" : step->worker;
    request.held_count = step->held_count;
    request.limits = step->limits;
    request.lease_ms = 60000;
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(store, step->settlements, step->settlement_count, &report,
                                     &request, &batch, &err));
    struct stepped stepped = {
        .count = batch.claim_count, .reason = batch.reason, .next_due_at_ms = batch.next_due_at_ms};
    for (size_t i = 0; i < batch.claim_count; i++) {
        stepped.claims[i] = batch.claims[i];
        stepped.claims[i].payload = NULL;
    }
    claim_batch_release(&batch);
    return stepped;
}

/* Settles all of them as sent, and claims what it can. */
static struct stepped settle_all(struct store *store, const struct stepped *before,
                                 struct step step) {
    struct settlement settlements[EVENTS];
    for (size_t i = 0; i < before->count; i++) {
        settlements[i] = fixture_settlement(&before->claims[i], OUTCOME_SENT, step.now_ms);
    }
    step.settlements = settlements;
    step.settlement_count = before->count;
    return step_with(store, &step);
}

static void two_workers_share_one_allowance(void **state) {
    struct fixture *fixture = *state;
    struct store *other = fixture_open(fixture, STORE_BACKGROUND);
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = 15, .limits = few};
    struct stepped mine = step_with(fixture->store, &step);
    assert_int_equal(mine.count, 15);
    assert_int_equal(mine.reason, ACCOUNT_REASON_NONE);
    step.worker = "worker-b";
    struct stepped others = step_with(other, &step);
    assert_int_equal(others.count, 5);
    assert_int_equal(others.reason, ACCOUNT_REASON_RATE);
    store_close(other);
}

static void a_request_counts_until_a_second_after_its_answer(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few};
    struct stepped first = step_with(fixture->store, &step);
    assert_int_equal(first.count, 20);
    /* On the wire for three seconds: not a single one more, whoever asks. */
    step.now_ms = DUE_MS + 3000;
    step.worker = "worker-b";
    assert_int_equal(step_with(fixture->store, &step).count, 0);
    step.worker = "worker-a";
    struct stepped next = settle_all(fixture->store, &first, step);
    assert_int_equal(next.count, 0);
    assert_in_range(next.next_due_at_ms, step.now_ms + 1000,
                    step.now_ms + 1000 + RATE_BURST_SLOT_MS);
    step.now_ms = next.next_due_at_ms - 1;
    assert_int_equal(step_with(fixture->store, &step).count, 0);
    step.now_ms = next.next_due_at_ms;
    assert_int_equal(step_with(fixture->store, &step).count, 20);
}

static void the_minute_counts_as_the_second_does(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few_a_minute};
    struct stepped first = step_with(fixture->store, &step);
    assert_int_equal(first.count, 30);
    step.now_ms = DUE_MS + 10;
    struct stepped next = settle_all(fixture->store, &first, step);
    assert_int_equal(next.count, 0);
    assert_int_equal(next.reason, ACCOUNT_REASON_RATE);
    assert_in_range(next.next_due_at_ms, DUE_MS + 60000, DUE_MS + 61000);
    step.now_ms = next.next_due_at_ms;
    assert_int_equal(step_with(fixture->store, &step).count, EVENTS - 30);
    /* What is too old to count is not kept. */
    first = step_with(fixture->store, &step);
    assert_int_equal(
        fixture_number(fixture, "SELECT sum(count) FROM rate_slots WHERE span = 60000"), 30);
}

static void what_was_never_sent_counts_no_more(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few};
    struct stepped first = step_with(fixture->store, &step);
    struct settlement settlements[EVENTS];
    for (size_t i = 0; i < first.count; i++) {
        settlements[i] = fixture_settlement(&first.claims[i], OUTCOME_UNSENT, DUE_MS);
        settlements[i].is_burnt = false;
    }
    step.settlements = settlements;
    step.settlement_count = first.count;
    assert_int_equal(step_with(fixture->store, &step).count, 20);
}

static void a_worker_says_itself_what_it_has_on_the_wire(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = 10, .limits = few};
    (void)step_with(fixture->store, &step);
    /* The answer of that transaction was lost: the worker knows of none of them. */
    struct stepped next = step_with(fixture->store, &step);
    assert_int_equal(next.count, 10);
    assert_int_equal(fixture_number(fixture, "SELECT count FROM rate_flights"), 10);
}

static void what_the_dead_had_on_the_wire_counts_from_their_burial(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few};
    (void)step_with(fixture->store, &step);
    struct err err = {0};
    struct sqlite_store *self = sqlite_of(fixture->store);
    ASSERT_OK(sqlite_begin(self, &err));
    ASSERT_OK(account_bury_worker(self, "worker-a", DUE_MS + 5000, &err));
    ASSERT_OK(sqlite_commit(self, &err));
    step.worker = "worker-b";
    step.now_ms = DUE_MS + 5900;
    assert_int_equal(step_with(fixture->store, &step).count, 0);
    step.now_ms = DUE_MS + 6100;
    assert_int_equal(step_with(fixture->store, &step).count, 20);
}

static void a_host_that_vanished_holds_its_share_only_for_its_lease(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few};
    assert_int_equal(step_with(fixture->store, &step).count, 20);
    step.worker = "worker-b";
    step.now_ms = DUE_MS + 60000 + 999;
    assert_int_equal(step_with(fixture->store, &step).count, 0);
    step.now_ms = DUE_MS + 60000 + 1000;
    assert_int_equal(step_with(fixture->store, &step).count, 20);
}

static void what_klaviyo_says_is_left_holds_for_every_worker(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    const struct rate_limits many = {.burst_count = 1000, .steady_count = 10000};
    struct step step = {.now_ms = DUE_MS, .count_max = 1, .limits = many};
    struct stepped first = step_with(fixture->store, &step);
    struct settlement settlement = fixture_settlement(&first.claims[0], OUTCOME_SENT, DUE_MS + 10);
    settlement.rate_remaining_count = 3;
    settlement.rate_reset_s = 20;
    step = (struct step){
        .now_ms = DUE_MS + 10, .limits = many, .settlements = &settlement, .settlement_count = 1};
    (void)step_with(fixture->store, &step);
    step = (struct step){
        .worker = "worker-b", .now_ms = DUE_MS + 20, .count_max = EVENTS, .limits = many};
    struct stepped next = step_with(fixture->store, &step);
    assert_int_equal(next.count, 3);
    step.worker = "worker-c";
    assert_int_equal(step_with(fixture->store, &step).count, 0);
    step.now_ms = DUE_MS + 10 + 20000;
    assert_int_equal(step_with(fixture->store, &step).count, EVENTS - 4);
}

static void a_clock_set_back_does_not_stop_delivery_for_long(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS + 3600000, .count_max = EVENTS, .limits = few};
    struct stepped first = step_with(fixture->store, &step);
    (void)settle_all(fixture->store, &first, step);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = %d WHERE status = 'pending'", DUE_MS);
    step.now_ms = DUE_MS;
    assert_int_equal(step_with(fixture->store, &step).count, 20);
}

/* Else a cap of the time that is over came back to hold delivery when that time came again. */
static void a_clock_set_back_leaves_the_answers_believed(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct step step = {.now_ms = DUE_MS + 3600000, .count_max = 1, .limits = few};
    for (int i = 0; i < 2; i++) { /* an answer by the old time, then one by the new */
        struct stepped first = step_with(fixture->store, &step);
        assert_int_equal(first.count, 1);
        struct settlement settlement =
            fixture_settlement(&first.claims[0], OUTCOME_SENT, step.now_ms);
        settlement.rate_remaining_count = 7;
        settlement.rate_reset_s = 60;
        struct step settles = {.now_ms = step.now_ms,
                               .limits = few,
                               .settlements = &settlement,
                               .settlement_count = 1};
        (void)step_with(fixture->store, &settles);
        assert_int_equal(fixture_number(fixture, "SELECT reset_at FROM rates WHERE kind = 'event'"),
                         step.now_ms + 60000);
        step.now_ms = DUE_MS;
    }
    step.count_max = EVENTS;
    assert_int_equal(step_with(fixture->store, &step).count, 7);
}

static void the_status_says_how_much_is_used_and_of_what(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct err err = {0};
    struct store_status status;
    ASSERT_OK(store_read_backlog(fixture->store, DUE_MS, &status, &err));
    assert_int_equal(status.rate_limits.burst_count, 0);
    assert_int_equal(status.account_reason, ACCOUNT_REASON_NONE);
    struct step step = {.now_ms = DUE_MS, .count_max = EVENTS, .limits = few};
    assert_int_equal(step_with(fixture->store, &step).count, 20);
    ASSERT_OK(store_read_backlog(fixture->store, DUE_MS, &status, &err));
    assert_int_equal(status.rate_limits.burst_count, few.burst_count);
    assert_int_equal(status.in_flight_count, 20);
    assert_int_equal(status.rate_used_burst, 20);
    assert_int_equal(status.rate_used_steady, 20);
    assert_int_equal(status.account_reason, ACCOUNT_REASON_RATE);
    assert_true(status.account_reason_until_ms > DUE_MS);
}

static void a_new_allowance_is_remembered(void **state) {
    struct fixture *fixture = *state;
    struct store_status status;
    struct err err = {0};
    fixture_store_samples(fixture, 3, NULL);
    static const struct rate_limits limits[] = {{24, 1800}, {24, 1700}, {23, 1700}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct step step = {.now_ms = DUE_MS, .count_max = 1, .limits = limits[i]};
        assert_int_equal(step_with(fixture->store, &step).count, 1);
        ASSERT_OK(store_read_backlog(fixture->store, DUE_MS, &status, &err));
        assert_int_equal(status.rate_limits.burst_count, limits[i].burst_count);
        assert_int_equal(status.rate_limits.steady_count, limits[i].steady_count);
    }
}

/* Answers of more different times than one step has slots for: none is lost. */
static void answers_of_many_times_all_count(void **state) {
    enum { MANY = ACCOUNT_SLOTS_MAX + 10 };
    struct fixture *fixture = *state;
    int64_t now_ms = DUE_MS + 60000;
    struct settlement settlements[MANY];
    struct claim claim = {.token = 1};
    fixture_store_samples(fixture, 1, &claim.event_id);
    for (int i = 0; i < MANY; i++) {
        settlements[i] = fixture_settlement(&claim, OUTCOME_RETRY, FIXTURE_NOW_MS);
        settlements[i].finished_at_ms = now_ms - (int64_t)i * RATE_STEADY_SLOT_MS / 2;
    }
    struct step step = {.now_ms = now_ms,
                        .limits = few_a_minute,
                        .settlements = settlements,
                        .settlement_count = MANY};
    (void)step_with(fixture->store, &step);
    assert_int_equal(fixture_number(fixture, "SELECT sum(count) FROM rate_slots WHERE span = %d",
                                    RATE_STEADY_MS),
                     MANY);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(two_workers_share_one_allowance),
        EACH(a_request_counts_until_a_second_after_its_answer),
        EACH(the_minute_counts_as_the_second_does),
        EACH(what_was_never_sent_counts_no_more),
        EACH(a_worker_says_itself_what_it_has_on_the_wire),
        EACH(what_the_dead_had_on_the_wire_counts_from_their_burial),
        EACH(a_host_that_vanished_holds_its_share_only_for_its_lease),
        EACH(what_klaviyo_says_is_left_holds_for_every_worker),
        EACH(a_clock_set_back_does_not_stop_delivery_for_long),
        EACH(a_clock_set_back_leaves_the_answers_believed),
        EACH(the_status_says_how_much_is_used_and_of_what),
        EACH(a_new_allowance_is_remembered),
        EACH(answers_of_many_times_all_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
