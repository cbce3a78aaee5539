/* The breaker, a person's pause, and who goes first: what all workers see through the database. */
#include <inttypes.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { EVENTS = 16, DUE_MS = FIXTURE_NOW_MS + EVENTS, FAILURES = ACCOUNT_FAILURES_MAX };

struct claimed {
    size_t count;
    bool is_probe;
    enum account_reason reason;
    int64_t next_due_at_ms;
    struct claim claims[EVENTS]; /* without payloads */
};

static struct claimed claim_by(struct store *store, const char *worker, int64_t now_ms,
                               size_t count_max) {
    struct claim_request request = fixture_claim_request(now_ms, count_max);
    request.worker = worker;
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(store, NULL, 0, &report, &request, &batch, &err));
    struct claimed claimed = {.count = batch.claim_count,
                              .is_probe = batch.is_probe,
                              .reason = batch.reason,
                              .next_due_at_ms = batch.next_due_at_ms};
    for (size_t i = 0; i < batch.claim_count; i++) {
        claimed.claims[i] = batch.claims[i];
        claimed.claims[i].payload = NULL;
    }
    claim_batch_release(&batch);
    return claimed;
}

static struct settlement failure(const struct claim *claim, int64_t now_ms) {
    struct settlement settlement = fixture_settlement(claim, OUTCOME_RETRY, now_ms);
    settlement.next_attempt_at_ms = now_ms + 3600000;
    settlement.is_failure = true;
    return settlement;
}

/* FAILURES of EVENTS fail at DUE_MS: half in each of two workers. */
static void open_breaker(struct fixture *fixture) {
    struct store *other = fixture_open(fixture, STORE_BACKGROUND);
    struct store *mine = fixture->store;
    fixture_store_samples(fixture, EVENTS, NULL);
    struct claimed claimed = claim_by(mine, "worker-a", DUE_MS, FAILURES);
    assert_int_equal(claimed.count, FAILURES);
    for (size_t i = 0; i < FAILURES; i++) {
        fixture->store = i % 2 == 0 ? mine : other;
        struct settlement settlement = failure(&claimed.claims[i], DUE_MS);
        (void)fixture_settle(fixture, &settlement, DUE_MS);
    }
    fixture->store = mine;
    store_close(other);
}

static int64_t probe_at(struct fixture *fixture) {
    return fixture_number(fixture, "SELECT probe_at FROM account");
}

static void failures_in_all_workers_open_it_for_all(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    assert_int_equal(fixture_number(fixture, "SELECT opened_at FROM account"), DUE_MS);
    struct claimed claimed = claim_by(fixture->store, "worker-b", DUE_MS + 1, EVENTS);
    assert_int_equal(claimed.count, 0);
    assert_int_equal(claimed.reason, ACCOUNT_REASON_BREAKER);
    assert_int_equal(claimed.next_due_at_ms, probe_at(fixture));
    struct store_status status;
    struct err err = {0};
    ASSERT_OK(store_read_backlog(fixture->store, DUE_MS + 1, &status, &err));
    assert_int_equal(status.breaker_opened_at_ms, DUE_MS);
    assert_int_equal(status.account_reason, ACCOUNT_REASON_BREAKER);
    assert_int_equal(status.account_reason_until_ms, probe_at(fixture));
}

static void one_probe_goes_out_whoever_asks(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    struct store *other = fixture_open(fixture, STORE_BACKGROUND);
    int64_t now_ms = probe_at(fixture);
    struct claimed claimed = claim_by(fixture->store, "worker-a", now_ms, EVENTS);
    assert_int_equal(claimed.count, 1);
    assert_true(claimed.is_probe);
    for (int64_t ms = 0; ms < 1000; ms += 100) { /* its lease */
        assert_int_equal(claim_by(other, "worker-b", now_ms + ms, EVENTS).count, 0);
    }
    store_close(other);
}

/* A verdict that comes late, when the probe's time has come and nothing is due. */
static void a_probe_that_finds_no_event_is_left_to_the_next_to_ask(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    int64_t now_ms = probe_at(fixture);
    struct claim probe = claim_by(fixture->store, "worker-a", now_ms, EVENTS).claims[0];
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = %" PRId64 " WHERE claimed_by IS NULL",
                now_ms + 3600000);
    struct settlement settlement = failure(&probe, now_ms + 10);
    (void)fixture_settle(fixture, &settlement, now_ms + 10);
    now_ms = probe_at(fixture);
    struct claim_request request = fixture_claim_request(now_ms, EVENTS);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, &settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(report.stale_count, 1); /* settled twice: nothing but a reason to ask */
    assert_int_equal(batch.claim_count, 0);
    assert_false(batch.is_probe);
    claim_batch_release(&batch);

    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = %" PRId64 " WHERE id = '%s'", now_ms,
                probe.event_id.text);
    struct claimed claimed = claim_by(fixture->store, "worker-b", now_ms, EVENTS);
    assert_int_equal(claimed.count, 1);
    assert_true(claimed.is_probe);
}

static void a_failed_probe_burns_nothing_and_begins_no_age(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    int64_t now_ms = probe_at(fixture);
    struct claimed claimed = claim_by(fixture->store, "worker-a", now_ms, EVENTS);
    struct settlement settlement = failure(&claimed.claims[0], now_ms + 10);
    settlement.is_burnt = false;
    (void)fixture_settle(fixture, &settlement, now_ms + 10);
    assert_string_equal(fixture_text(fixture,
                                     "SELECT attempts, first_attempt_at, status FROM outbox"
                                     " WHERE id = '%s'",
                                     claimed.claims[0].event_id.text),
                        "0||pending");
    assert_in_range(probe_at(fixture), now_ms + 1000, now_ms + 2010);
    assert_int_equal(claim_by(fixture->store, "worker-a", now_ms + 900, EVENTS).count, 0);
}

/* As when this machine is short of memory: it was due again, and Klaviyo never heard of it. */
static void a_probe_that_our_own_end_broke_leaves_it_open(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    int64_t now_ms = probe_at(fixture);
    struct claimed claimed = claim_by(fixture->store, "worker-a", now_ms, EVENTS);
    struct settlement settlement = failure(&claimed.claims[0], now_ms + 10);
    settlement.is_failure = false;
    settlement.http_status = 0;
    (void)fixture_settle(fixture, &settlement, now_ms + 10);
    assert_int_equal(fixture_number(fixture, "SELECT opened_at FROM account"), DUE_MS);
    assert_true(probe_at(fixture) > now_ms + 10);
}

static void the_first_success_closes_it_and_two_go_out_at_once(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    int64_t now_ms = probe_at(fixture);
    struct claimed claimed = claim_by(fixture->store, "worker-a", now_ms, EVENTS);
    struct settlement settlement =
        fixture_settlement(&claimed.claims[0], OUTCOME_SENT, now_ms + 10);
    (void)fixture_settle(fixture, &settlement, now_ms + 10);
    assert_int_equal(fixture_number(fixture, "SELECT opened_at FROM account"), -1);
    claimed = claim_by(fixture->store, "worker-a", now_ms + 10, EVENTS);
    assert_int_equal(claimed.count, ACCOUNT_CONCURRENCY_MIN);
    assert_int_equal(claimed.reason, ACCOUNT_REASON_CONCURRENCY);
    assert_int_equal(claim_by(fixture->store, "worker-b", now_ms + 10, EVENTS).count, 0);
}

static void it_outlives_every_process(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    fixture_reopen(fixture);
    assert_int_equal(claim_by(fixture->store, "worker-c", probe_at(fixture) - 1, EVENTS).count, 0);
    assert_true(claim_by(fixture->store, "worker-c", probe_at(fixture), EVENTS).is_probe);
}

static void a_claim_says_how_long_its_age_stood_still(void **state) {
    struct fixture *fixture = *state;
    open_breaker(fixture);
    int64_t now_ms = DUE_MS + 100000;
    struct claimed claimed = claim_by(fixture->store, "worker-a", now_ms, 1);
    assert_int_equal(claimed.claims[0].held_ms, 0); /* a first attempt: no age yet */
    struct settlement settlement = fixture_settlement(&claimed.claims[0], OUTCOME_SENT, now_ms);
    (void)fixture_settle(fixture, &settlement, now_ms);
    fixture_run(fixture,
                "UPDATE outbox SET next_attempt_at = %d WHERE attempts > 0 AND"
                " status = 'pending'",
                DUE_MS);
    fixture_run(fixture, "UPDATE account SET concurrency_max = 0");
    claimed = claim_by(fixture->store, "worker-a", now_ms + 50000, EVENTS);
    size_t repeated_count = 0;
    for (size_t i = 0; i < claimed.count; i++) {
        bool is_repeated = claimed.claims[i].first_attempt_at_ms > 0;
        assert_int_equal(claimed.claims[i].held_ms, is_repeated ? 100000 : 0);
        repeated_count += is_repeated ? 1 : 0;
    }
    assert_int_equal(repeated_count, FAILURES);
}

/* ---- By hand ---------------------------------------------------------------------------------- */

static bool order(struct fixture *fixture,
                  enum err_code (*give)(struct store *, const struct account_order *, bool *,
                                        struct err *),
                  const char *reason, bool dry_run) {
    struct account_order order = {
        .actor = "ada", .reason = reason, .now_ms = DUE_MS, .dry_run = dry_run};
    bool changed = false;
    struct err err = {0};
    ASSERT_OK(give(fixture->store, &order, &changed, &err));
    return changed;
}

static void a_person_pauses_and_resumes_and_it_is_written_down(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, EVENTS, NULL);
    assert_true(order(fixture, store_pause_account, "stock-taking", true));
    assert_int_equal(claim_by(fixture->store, "worker-a", DUE_MS, 1).count, 1);
    assert_true(order(fixture, store_pause_account, "stock-taking", false));
    assert_false(order(fixture, store_pause_account, "stock-taking", false));
    struct claimed claimed = claim_by(fixture->store, "worker-a", DUE_MS + 3600000, EVENTS);
    assert_int_equal(claimed.count, 0);
    assert_int_equal(claimed.reason, ACCOUNT_REASON_PAUSED);
    assert_true(claimed.next_due_at_ms == INT64_MAX);
    struct store_status status;
    struct err err = {0};
    ASSERT_OK(store_read_backlog(fixture->store, DUE_MS, &status, &err));
    assert_true(status.account_is_paused_by_person);
    assert_string_equal(status.account_pause_reason, "stock-taking");
    assert_true(order(fixture, store_resume_account, "done", true));
    assert_true(order(fixture, store_resume_account, "done", false));
    assert_false(order(fixture, store_resume_account, "done", false));
    assert_int_equal(claim_by(fixture->store, "worker-a", DUE_MS, EVENTS).count, EVENTS - 1);
    assert_string_equal(
        fixture_text(fixture, "SELECT group_concat(at || ' ' || actor || ' ' || action || ' ' ||"
                              " target || ' ' || reason || ' ' || count, '; ') FROM audit_log"),
        "1000016 ada pause account stock-taking 1; 1000016 ada resume account done 1");
}

/* ---- Who goes first --------------------------------------------------------------------------- */

static size_t count_first(const struct claimed *claimed) {
    size_t count = 0;
    for (size_t i = 0; i < claimed->count; i++) {
        count += claimed->claims[i].attempts == 1 ? 1 : 0;
    }
    return count;
}

/* Of EVENTS the `repeated` earliest had an attempt before. */
static void make_repeated(struct fixture *fixture, int repeated) {
    fixture_store_samples(fixture, EVENTS, NULL);
    fixture_run(fixture,
                "UPDATE outbox SET attempts = 3 WHERE id IN"
                " (SELECT id FROM outbox ORDER BY next_attempt_at LIMIT %d)",
                repeated);
}

static void new_events_get_half_of_what_goes_out_beside_a_backlog_of_retries(void **state) {
    struct fixture *fixture = *state;
    make_repeated(fixture, EVENTS / 2);
    struct claimed claimed = claim_by(fixture->store, "worker-a", DUE_MS, 8);
    assert_int_equal(claimed.count, 8);
    assert_int_equal(count_first(&claimed), 4);
}

static void who_is_alone_gets_all(void **state) {
    struct fixture *fixture = *state;
    make_repeated(fixture, EVENTS - 2);
    struct claimed claimed = claim_by(fixture->store, "worker-a", DUE_MS, 10);
    assert_int_equal(claimed.count, 10);
    assert_int_equal(count_first(&claimed), 2);
    fixture_run(fixture, "UPDATE outbox SET attempts = 0 WHERE claimed_by IS NULL");
    claimed = claim_by(fixture->store, "worker-a", DUE_MS, 10);
    assert_int_equal(count_first(&claimed), EVENTS - 10);
}

static void one_at_a_time_takes_turns(void **state) {
    struct fixture *fixture = *state;
    make_repeated(fixture, EVENTS / 2);
    size_t first_count = 0;
    for (uint64_t dice = 0; dice < 8; dice++) {
        struct claim_request request = fixture_claim_request(DUE_MS, 1);
        request.dice = dice;
        struct claim_batch batch = {0};
        struct settle_report report;
        struct err err = {0};
        ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
        assert_int_equal(batch.claim_count, 1);
        first_count += batch.claims[0].attempts == 1 ? 1 : 0;
        claim_batch_release(&batch);
    }
    assert_int_equal(first_count, 4);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(failures_in_all_workers_open_it_for_all),
        EACH(one_probe_goes_out_whoever_asks),
        EACH(a_probe_that_finds_no_event_is_left_to_the_next_to_ask),
        EACH(a_failed_probe_burns_nothing_and_begins_no_age),
        EACH(a_probe_that_our_own_end_broke_leaves_it_open),
        EACH(the_first_success_closes_it_and_two_go_out_at_once),
        EACH(it_outlives_every_process),
        EACH(a_claim_says_how_long_its_age_stood_still),
        EACH(a_person_pauses_and_resumes_and_it_is_written_down),
        EACH(new_events_get_half_of_what_goes_out_beside_a_backlog_of_retries),
        EACH(who_is_alone_gets_all),
        EACH(one_at_a_time_takes_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
