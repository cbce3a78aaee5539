/*
 * The register of workers: who is in it, and what becomes of the claims of those that died. Closing
 * a store without unregistering is dying: the kernel drops the lock in the same way.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/domain/holder.h"
#include "tests/store/fixture.h"

enum { LEASE_MS = 1000, NOW_MS = FIXTURE_NOW_MS + 100 };

static struct store *join(struct fixture *fixture, const char *name, const char *host_id) {
    struct store *store = fixture_open(fixture, STORE_BACKGROUND);
    struct worker_entry entry = {
        .name = name, .host_id = host_id, .listen = "127.0.0.1:1", .pid = 42, .now_ms = NOW_MS};
    struct err err = {0};
    ASSERT_OK(store_register_worker(store, &entry, &err));
    return store;
}

static void leave(struct store *store) {
    struct err err = {0};
    ASSERT_OK(store_unregister_worker(store, NOW_MS, &err));
    store_close(store);
}

static struct tend_report tend(struct store *store, int64_t now_ms) {
    struct tend_report report;
    struct err err = {0};
    ASSERT_OK(store_tend_workers(store, now_ms, LEASE_MS, &report, &err));
    return report;
}

static struct claim_batch claim(struct store *store, const char *name, int64_t now_ms,
                                size_t count_max) {
    struct claim_request request = fixture_claim_request(now_ms, count_max);
    request.worker = name;
    request.lease_ms = LEASE_MS;
    struct claim_batch batch = {0};
    struct settle_report settled;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(store, NULL, 0, &settled, &request, &batch, &err));
    return batch;
}

/* How many of the due events it got; it keeps nothing of them. */
static size_t claim_count(struct store *store, const char *name, int64_t now_ms, size_t count_max) {
    struct claim_batch batch = claim(store, name, now_ms, count_max);
    size_t count = batch.claim_count;
    claim_batch_release(&batch);
    return count;
}

static size_t stale_count(struct store *store, const struct claim *of, enum outcome outcome,
                          int64_t now_ms) {
    struct settlement settlement = fixture_settlement(of, outcome, now_ms);
    struct claim_request request = fixture_claim_request(now_ms, 0);
    struct claim_batch batch = {0};
    struct settle_report settled = {0};
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(store, &settlement, 1, &settled, &request, &batch, &err));
    claim_batch_release(&batch);
    return settled.stale_count;
}

/* ---- The register ----------------------------------------------------------------------------- */

static void a_worker_is_in_the_register_until_it_leaves(void **state) {
    struct fixture *fixture = *state;
    struct store *store = join(fixture, "a", "east");
    struct worker_list list;
    struct err err = {0};
    ASSERT_OK(store_list_workers(fixture->store, &list, &err));
    assert_int_equal(list.worker_count, 1);
    assert_string_equal(list.workers[0].name, "a");
    assert_string_equal(list.workers[0].host_id, "east");
    assert_string_equal(list.workers[0].listen, "127.0.0.1:1");
    assert_int_equal(list.workers[0].pid, 42);
    assert_int_equal(list.workers[0].started_at_ms, NOW_MS);
    assert_int_equal(list.workers[0].seen_at_ms, NOW_MS);
    assert_int_equal(list.workers[0].in_flight_count, 0);
    assert_true(list.workers[0].is_alive);
    worker_list_release(&list);
    leave(store);
    ASSERT_OK(store_list_workers(fixture->store, &list, &err));
    assert_int_equal(list.worker_count, 0);
    worker_list_release(&list);
}

static void a_dead_worker_is_shown_as_dead(void **state) {
    struct fixture *fixture = *state;
    struct store *first = join(fixture, "a", "east");
    struct store *second = join(fixture, "b", "east");
    store_close(first);
    struct worker_list list;
    struct err err = {0};
    ASSERT_OK(store_list_workers(second, &list, &err));
    assert_int_equal(list.worker_count, 2);
    assert_false(list.workers[0].is_alive);
    assert_true(list.workers[1].is_alive);
    worker_list_release(&list);
    leave(second);
}

static void many_workers_have_slots_of_their_own(void **state) {
    enum { MANY = 20 };
    struct fixture *fixture = *state;
    struct store *stores[MANY];
    for (size_t i = 0; i < MANY; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%zu", i);
        stores[i] = join(fixture, name, "east");
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(DISTINCT slot) FROM workers"), MANY);
    assert_int_equal(tend(stores[0], NOW_MS).neighbour_count, MANY - 1);
    for (size_t i = 0; i < MANY; i++) {
        leave(stores[i]);
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM workers"), 0);
}

static void there_is_an_end_to_the_register(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture,
                "INSERT INTO workers (name, host_id, slot, pid, listen, started_at, seen_at)"
                " WITH RECURSIVE slots (slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots"
                "  WHERE slot < 1023)"
                " SELECT 'w' || slot, 'east', slot, 1, '', 1, 1 FROM slots");
    struct store *store = fixture_open(fixture, STORE_BACKGROUND);
    struct worker_entry entry = {
        .name = "late", .host_id = "east", .listen = "", .pid = 42, .now_ms = NOW_MS};
    struct err err = {0};
    ASSERT_CODE(ERR_CONFLICT, store_register_worker(store, &entry, &err));
    assert_non_null(strstr(err.text, "1024 workers already"));
    store_close(store);
}

/* As after a restore: the rows are there and the file of the locks is not. */
static void without_the_file_of_the_locks_all_are_dead(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture,
                "INSERT INTO workers (name, host_id, slot, pid, listen, started_at, seen_at)"
                " VALUES ('a', 'east', 0, 1, '', 1, 1)");
    struct worker_list list;
    struct err err = {0};
    ASSERT_OK(store_list_workers(fixture->store, &list, &err));
    assert_int_equal(list.worker_count, 1);
    assert_false(list.workers[0].is_alive);
    worker_list_release(&list);
}

static void a_look_at_the_living_writes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct store *first = join(fixture, "a", "east");
    struct store *second = join(fixture, "b", "east");
    int64_t log_bytes = fixture_file_bytes(fixture, "-wal");
    struct fixture_holder holder = fixture_hold_gate(fixture); /* and needs no gate */
    for (int64_t i = 0; i < HOLDER_SEEN_EVERY_MS / 100; i++) {
        struct tend_report report = tend(first, NOW_MS + i * 100);
        assert_int_equal(report.neighbour_count, 1);
        assert_string_equal(report.dead_name, "");
    }
    fixture_release_gate(&holder);
    assert_int_equal(fixture_file_bytes(fixture, "-wal"), log_bytes);
    leave(first);
    leave(second);
}

static void it_says_that_it_lives(void **state) {
    struct fixture *fixture = *state;
    struct store *store = join(fixture, "a", "east");
    (void)tend(store, NOW_MS + HOLDER_SEEN_EVERY_MS);
    assert_int_equal(fixture_number(fixture, "SELECT seen_at FROM workers"),
                     NOW_MS + HOLDER_SEEN_EVERY_MS);
    leave(store);
}

static void a_removed_file_ends_a_worker(void **state) {
    struct fixture *fixture = *state;
    struct store *store = join(fixture, "a", "east");
    char path[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s-workers", fixture->path);
    assert_int_equal(unlink(path), 0);
    struct tend_report report;
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, store_tend_workers(store, NOW_MS, LEASE_MS, &report, &err));
    assert_non_null(strstr(err.text, "was removed while in use"));
    store_close(store);
}

/* ---- Death ------------------------------------------------------------------------------------ */

static void what_a_dead_worker_had_in_hand_is_due_at_once(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    struct store *victim = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    assert_int_equal(claim_count(victim, "a", NOW_MS, 3), 3);
    assert_int_equal(claim_count(neighbour, "b", NOW_MS, 3), 0);
    store_close(victim);
    struct tend_report report = tend(neighbour, NOW_MS + 1);
    assert_string_equal(report.dead_name, "a");
    assert_int_equal(report.due_count, 3);
    assert_false(report.is_more);
    struct claim_batch batch = claim(neighbour, "b", NOW_MS + 1, 10);
    assert_int_equal(batch.claim_count, 3);
    assert_int_equal(batch.rescued_count, 3);
    assert_int_equal(batch.claims[0].attempts, 2);
    claim_batch_release(&batch);
    assert_string_equal(
        fixture_text(fixture, "SELECT count(*), min(worker), max(outcome) FROM outbox_attempts"),
        "3|a|unknown");
    assert_string_equal(fixture_text(fixture, "SELECT group_concat(name) FROM workers"), "b");
    leave(neighbour);
}

static void a_successor_alone_finds_its_predecessor(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct store *victim = join(fixture, "a", "east");
    assert_int_equal(claim_count(victim, "a", NOW_MS, 2), 2);
    store_close(victim);
    struct store *successor = join(fixture, "b", "east");
    assert_int_equal(tend(successor, NOW_MS).due_count, 2);
    assert_int_equal(claim_count(successor, "b", NOW_MS, 2), 2);
    leave(successor);
}

static void several_dead_are_struck_off_one_by_one(void **state) {
    struct fixture *fixture = *state;
    store_close(join(fixture, "a", "east"));
    store_close(join(fixture, "b", "east"));
    struct store *store = join(fixture, "c", "east");
    assert_true(tend(store, NOW_MS).is_more);
    struct tend_report report = tend(store, NOW_MS);
    assert_false(report.is_more);
    assert_string_equal(report.dead_name, "b");
    assert_string_equal(tend(store, NOW_MS).dead_name, "");
    leave(store);
}

static void a_full_hand_is_freed_in_batches(void **state) {
    enum { MANY = 1100 };
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, MANY, NULL);
    struct store *victim = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    assert_int_equal(claim_count(victim, "a", NOW_MS + MANY, MANY), MANY);
    store_close(victim);
    int64_t due_count = 0;
    struct tend_report report = {.is_more = true};
    for (int calls = 0; report.is_more; calls++) {
        assert_true(calls < 4);
        report = tend(neighbour, NOW_MS + MANY);
        due_count += report.due_count;
    }
    assert_int_equal(due_count, MANY);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM workers"), 1);
    leave(neighbour);
}

static void one_that_leaves_with_events_in_hand_lets_go_of_them(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct store *first = join(fixture, "a", "east");
    struct store *second = join(fixture, "b", "east");
    assert_int_equal(claim_count(first, "a", NOW_MS, 2), 2);
    leave(first);
    assert_int_equal(claim_count(second, "b", NOW_MS, 2), 2);
    leave(second);
}

/* Else nobody would try for as long as its lease, which may be a day. */
static void a_probe_ends_with_its_worker(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    fixture_run(fixture, "UPDATE account SET paused_at = 1, pause_reason = 'the key is wrong'");
    struct store *victim = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    struct claim_batch batch = claim(victim, "a", NOW_MS, 3);
    assert_true(batch.is_probe);
    claim_batch_release(&batch);
    fixture_run(fixture, "UPDATE account SET probe_at = %d", NOW_MS); /* a short interval */
    (void)tend(neighbour, NOW_MS);
    assert_int_equal(claim_count(neighbour, "b", NOW_MS, 3), 0);
    store_close(victim);
    assert_string_equal(tend(neighbour, NOW_MS + 1).dead_name, "a");
    batch = claim(neighbour, "b", NOW_MS + 1, 3);
    assert_int_equal(batch.claim_count, 1);
    assert_true(batch.is_probe);
    claim_batch_release(&batch);
    leave(neighbour);
}

static void anothers_probe_outlives_a_worker(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct store *victim = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    assert_int_equal(claim_count(victim, "a", NOW_MS, 1), 1);
    fixture_run(fixture, "UPDATE account SET paused_at = 1, pause_reason = 'the key is wrong'");
    struct claim_batch batch = claim(neighbour, "b", NOW_MS, 1);
    assert_true(batch.is_probe);
    fixture_run(fixture, "UPDATE account SET probe_at = %d", NOW_MS);
    store_close(victim);
    assert_string_equal(tend(neighbour, NOW_MS + 1).dead_name, "a");
    assert_int_equal(claim_count(neighbour, "b", NOW_MS + 1, 2), 0);
    assert_string_equal(fixture_text(fixture, "SELECT probe_event_id FROM account"),
                        batch.claims[0].event_id.text);
    claim_batch_release(&batch);
    leave(neighbour);
    assert_string_equal(fixture_text(fixture, "SELECT probe_event_id FROM account"), "");
}

/* ---- Life ------------------------------------------------------------------------------------- */

static void a_living_neighbour_is_never_robbed(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 3, NULL);
    struct store *slow = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    struct claim_batch held = claim(slow, "a", NOW_MS, 1);
    assert_int_equal(held.claim_count, 1);
    int64_t now_ms = NOW_MS;
    for (int lease = 0; lease < 10; lease++) {
        now_ms += LEASE_MS;
        (void)tend(neighbour, now_ms);
        assert_int_equal(claim_count(neighbour, "b", now_ms, 10), lease == 0 ? 2 : 0);
        assert_int_equal(fixture_number(fixture, "SELECT claim_expires_at FROM outbox "
                                                 "WHERE claimed_by = 'a'"),
                         now_ms + LEASE_MS);
    }
    assert_int_equal(stale_count(slow, &held.claims[0], OUTCOME_SENT, now_ms), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM outbox_attempts "
                                             "WHERE outcome = 'unknown'"),
                     0);
    claim_batch_release(&held);
    leave(slow);
    leave(neighbour);
}

static void a_lapsed_claim_of_the_living_is_not_in_the_way(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct store *slow = join(fixture, "a", "east");
    struct store *neighbour = join(fixture, "b", "east");
    assert_int_equal(claim_count(slow, "a", NOW_MS, 1), 1);
    fixture_run(fixture, "UPDATE outbox SET next_attempt_at = %d WHERE claimed_by IS NULL",
                NOW_MS + LEASE_MS + 1);
    struct claim_batch batch = claim(neighbour, "b", NOW_MS + LEASE_MS + 1, 1);
    assert_int_equal(batch.claim_count, 1);
    assert_int_equal(batch.rescued_count, 0);
    claim_batch_release(&batch);
    leave(slow);
    leave(neighbour);
}

static void a_worker_does_not_rob_itself(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct store *store = join(fixture, "a", "east");
    assert_int_equal(claim_count(store, "a", NOW_MS, 1), 1);
    assert_int_equal(claim_count(store, "a", NOW_MS + LEASE_MS, 1), 0);
    leave(store);
}

static void of_another_host_only_the_lease_counts(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 2, NULL);
    struct store *dead = join(fixture, "a", "east");
    struct store *stopped = join(fixture, "b", "east");
    struct store *other = join(fixture, "c", "west");
    assert_int_equal(claim_count(dead, "a", NOW_MS, 1), 1);
    struct claim_batch held = claim(stopped, "b", NOW_MS, 1);
    store_close(dead);
    struct tend_report report = tend(other, NOW_MS + LEASE_MS - 1);
    assert_int_equal(report.neighbour_count, 0);
    assert_string_equal(report.dead_name, "");
    assert_int_equal(claim_count(other, "c", NOW_MS + LEASE_MS - 1, 2), 0);
    assert_int_equal(claim_count(other, "c", NOW_MS + LEASE_MS, 2), 2);
    assert_int_equal(stale_count(stopped, &held.claims[0], OUTCOME_RETRY, NOW_MS + LEASE_MS), 1);
    claim_batch_release(&held);
    leave(stopped);
    leave(other);
}

static void a_host_that_was_not_seen_for_long_is_struck_off_when_it_holds_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct store *lost = join(fixture, "a", "east");
    struct store *other = join(fixture, "b", "west");
    assert_int_equal(claim_count(lost, "a", NOW_MS, 1), 1);
    int64_t late_ms = NOW_MS + LEASE_MS + HOLDER_UNSEEN_MS;
    assert_string_equal(tend(other, late_ms).dead_name, ""); /* it holds something */
    assert_int_equal(claim_count(other, "b", late_ms, 1), 1);
    assert_string_equal(tend(other, late_ms - 1).dead_name, "");
    assert_string_equal(tend(other, late_ms).dead_name, "a");
    leave(other);
    store_close(lost);
}

static void one_that_was_struck_off_and_lives_enters_itself_anew(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    struct store *stopped = join(fixture, "a", "east");
    struct store *other = join(fixture, "b", "west");
    int64_t late_ms = NOW_MS + LEASE_MS + HOLDER_UNSEEN_MS;
    assert_string_equal(tend(other, late_ms).dead_name, "a");
    struct store *newcomer = join(fixture, "c", "east"); /* does not get its slot */
    (void)tend(stopped, late_ms);
    assert_int_equal(fixture_number(fixture, "SELECT count(DISTINCT slot) FROM workers"), 3);
    assert_int_equal(claim_count(stopped, "a", late_ms, 1), 1);
    assert_int_equal(claim_count(newcomer, "c", late_ms + LEASE_MS, 1), 0); /* it is known again */
    leave(stopped);
    leave(newcomer);
    leave(other);
}

static void what_nobody_in_the_register_holds_is_taken_by_lease(void **state) {
    struct fixture *fixture = *state;
    fixture_store_samples(fixture, 1, NULL);
    assert_int_equal(claim_count(fixture->store, "nobody", NOW_MS, 1), 1);
    struct store *store = join(fixture, "a", "east");
    (void)tend(store, NOW_MS + LEASE_MS - 1);
    assert_int_equal(claim_count(store, "a", NOW_MS + LEASE_MS - 1, 1), 0);
    assert_int_equal(claim_count(store, "a", NOW_MS + LEASE_MS, 1), 1);
    leave(store);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_worker_is_in_the_register_until_it_leaves),
        EACH(a_dead_worker_is_shown_as_dead),
        EACH(many_workers_have_slots_of_their_own),
        EACH(there_is_an_end_to_the_register),
        EACH(without_the_file_of_the_locks_all_are_dead),
        EACH(a_look_at_the_living_writes_nothing),
        EACH(it_says_that_it_lives),
        EACH(a_removed_file_ends_a_worker),
        EACH(what_a_dead_worker_had_in_hand_is_due_at_once),
        EACH(a_successor_alone_finds_its_predecessor),
        EACH(several_dead_are_struck_off_one_by_one),
        EACH(a_full_hand_is_freed_in_batches),
        EACH(one_that_leaves_with_events_in_hand_lets_go_of_them),
        EACH(a_probe_ends_with_its_worker),
        EACH(anothers_probe_outlives_a_worker),
        EACH(a_living_neighbour_is_never_robbed),
        EACH(a_lapsed_claim_of_the_living_is_not_in_the_way),
        EACH(a_worker_does_not_rob_itself),
        EACH(of_another_host_only_the_lease_counts),
        EACH(a_host_that_was_not_seen_for_long_is_struck_off_when_it_holds_nothing),
        EACH(one_that_was_struck_off_and_lives_enters_itself_anew),
        EACH(what_nobody_in_the_register_holds_is_taken_by_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
