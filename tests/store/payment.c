/* store_apply_payments: what Stripe says, in one transaction. */
#include <stdio.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { LATER_MS = FIXTURE_NOW_MS + 5000, ORDER_MAX = 6 };

static int64_t count_events(struct fixture *fixture) {
    return fixture_number(fixture, "SELECT count(*) FROM outbox");
}

/* The event that is due is out of the way. */
static void finish_one(struct fixture *fixture, enum outcome outcome, int64_t now_ms) {
    struct claim claim = fixture_claim_one(fixture, now_ms);
    struct settlement settlement = fixture_settlement(&claim, outcome, now_ms);
    fixture_settle(fixture, &settlement, now_ms);
}

/* ---- Applying --------------------------------------------------------------------------------- */

static void a_payment_completes_the_preorder_and_inserts_its_event(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    finish_one(fixture, OUTCOME_SENT, FIXTURE_NOW_MS + 1);
    struct payment_event event = fixture_payment(&id, "1", "a", PAYMENT_PAID);
    event.amount_total = 3999;
    (void)snprintf(event.traceparent, sizeof event.traceparent,
                   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    struct payment_apply apply = fixture_apply(fixture, &event, LATER_MS);

    assert_int_equal(apply.result, PAYMENT_APPLIED);
    assert_true(apply.has_event);
    assert_int_equal(apply.event_kind, EVENT_COMPLETED);
    assert_string_equal(fixture_text(fixture, "SELECT status, flag, updated_at FROM preorders"),
                        "completed||1005000");
    assert_string_equal(
        fixture_text(fixture,
                     "SELECT preorder_id = '%s', sequence, metric, status, attempts,"
                     " next_attempt_at, request_id, traceparent, created_at FROM outbox"
                     " WHERE id = '%s'",
                     id.text, apply.event_id.text),
        "1|2|Preorder Completed|pending|0|1005000|request-of-stripe|"
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01|1005000");
    assert_string_equal(
        fixture_text(fixture, "SELECT json_extract(payload, '$.data.attributes.value'),"
                              " json_extract(payload, '$.data.attributes.unique_id') = id,"
                              " json_extract(payload, '$.data.attributes.time'),"
                              " json_extract(payload, '$.data.attributes.properties.product'),"
                              " json_extract(payload, '$.data.attributes.properties.gift')"
                              " FROM outbox WHERE sequence = 2"),
        "39.99|1|1970-01-01T00:16:39.000Z|Scarf \"Søster\" 🧣|1");
    assert_string_equal(
        fixture_text(fixture,
                     "SELECT id, preorder_id = '%s', session_id, outcome, paid, flag,"
                     " amount_subtotal, amount_total, currency, event_kind, event_id = '%s',"
                     " created_at, received_at FROM payment_events",
                     id.text, apply.event_id.text),
        "evt_1|1|cs_a|applied|1||4999|3999|USD|completed|1|999000|1005000");
    fixture_assert_audit_agrees(fixture);
    fixture_assert_sound(fixture);
}

static void an_abandoned_cart_carries_consent_and_recovery(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event event = fixture_payment(&id, "1", "a", PAYMENT_SESSION_EXPIRED);
    (void)snprintf(event.promotions_consent, sizeof event.promotions_consent, "opt_in");
    (void)snprintf(event.recovery_url, sizeof event.recovery_url, "https://buy.stripe.com/r/1");
    struct payment_terms terms = fixture_terms(fixture, LATER_MS);
    terms.metric_prefix = "Test";
    struct payment_apply apply = {.event = &event};
    struct err err = {0};
    ASSERT_OK(store_apply_payments(fixture->store, &terms, &apply, 1, &err));
    assert_string_equal(fixture_preorder_status(fixture, &id), "cancelled");
    assert_string_equal(
        fixture_text(fixture,
                     "SELECT metric, json_extract(payload, '$.data.attributes.value'),"
                     " json_extract(payload, '$.data.attributes.properties.promotions_consent'),"
                     " json_extract(payload, '$.data.attributes.properties.recovery_url')"
                     " FROM outbox WHERE sequence = 2"),
        "Test Preorder Abandoned|49.99|opt_in|https://buy.stripe.com/r/1");
}

static void its_event_waits_behind_an_unfinished_one(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event expired = fixture_payment(&id, "1", "a", PAYMENT_SESSION_EXPIRED);
    struct payment_event paid = fixture_payment(&id, "2", "b", PAYMENT_PAID);
    fixture_apply(fixture, &expired, FIXTURE_NOW_MS);
    fixture_apply(fixture, &paid, FIXTURE_NOW_MS);
    static const char due[] =
        "SELECT group_concat(next_attempt_at IS NOT NULL, '') FROM"
        " (SELECT next_attempt_at FROM outbox WHERE status = 'pending' ORDER BY sequence)";
    assert_string_equal(fixture_text(fixture, "%s", due), "100");
    finish_one(fixture, OUTCOME_SENT, FIXTURE_NOW_MS + 2);
    assert_string_equal(fixture_text(fixture, "%s", due), "10");
    finish_one(fixture, OUTCOME_DEAD, FIXTURE_NOW_MS + 3);
    assert_string_equal(fixture_text(fixture, "%s", due), "1");
    finish_one(fixture, OUTCOME_SENT, FIXTURE_NOW_MS + 4);
    assert_string_equal(fixture_text(fixture, "SELECT group_concat(metric) FROM"
                                              " (SELECT metric FROM outbox ORDER BY sequence)"),
                        "Preorder Started,Preorder Abandoned,Preorder Completed");
    fixture_assert_audit_agrees(fixture);
}

static void its_event_is_due_once_the_earlier_ones_are_finished(void **state) {
    struct fixture *fixture = *state;
    static const char *const finished[] = {"sent', sent_at = '1", "dead", "cancelled"};
    for (size_t i = 0; i < 3; i++) {
        struct ident id = fixture_store_one(fixture);
        fixture_run(fixture,
                    "UPDATE outbox SET next_attempt_at = NULL, status = '%s'"
                    " WHERE preorder_id = '%s'",
                    finished[i], id.text);
        struct payment_event event = fixture_payment(&id, id.text, id.text, PAYMENT_PAID);
        struct payment_apply apply = fixture_apply(fixture, &event, LATER_MS);
        assert_int_equal(fixture_number(fixture,
                                        "SELECT next_attempt_at FROM outbox WHERE id = '%s'",
                                        apply.event_id.text),
                         LATER_MS);
    }
}

static void a_repeat_changes_nothing_however_late(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event event = fixture_payment(&id, "1", "a", PAYMENT_SESSION_EXPIRED);
    struct payment_apply twice[] = {{.event = &event}, {.event = &event}};
    struct payment_terms terms = fixture_terms(fixture, LATER_MS);
    struct err err = {0};
    ASSERT_OK(store_apply_payments(fixture->store, &terms, twice, 2, &err));
    assert_int_equal(twice[0].result, PAYMENT_APPLIED);
    assert_int_equal(twice[1].result, PAYMENT_REPEATED);
    assert_false(twice[1].has_event);
    fixture_reopen(fixture);
    assert_int_equal(fixture_apply(fixture, &event, LATER_MS + 1).result, PAYMENT_REPEATED);
    assert_int_equal(count_events(fixture), 2);
    assert_int_equal(fixture_number(fixture, "SELECT updated_at FROM preorders"), LATER_MS);
}

/* The id is Stripe's word for one thing that happened, whatever else the repeat says. */
static void an_id_is_applied_once_whatever_comes_with_it(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[] = {fixture_store_one(fixture), fixture_store_one(fixture)};
    struct payment_event event = fixture_payment(&ids[0], "1", "a", PAYMENT_SESSION_EXPIRED);
    struct payment_event other = fixture_payment(&ids[1], "1", "b", PAYMENT_PAID);
    fixture_apply(fixture, &event, LATER_MS);
    assert_int_equal(fixture_apply(fixture, &other, LATER_MS).result, PAYMENT_REPEATED);
    assert_string_equal(fixture_preorder_status(fixture, &ids[1]), "initiated");
}

static void what_changes_nothing_is_remembered_all_the_same(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event events[] = {fixture_payment(&id, "1", "pi", PAYMENT_ATTEMPT_FAILED),
                                     fixture_payment(&id, "2", "a", PAYMENT_UNPAID)};
    events[0].amount_subtotal = events[0].amount_total = PAYMENT_AMOUNT_UNKNOWN;
    events[0].currency[0] = '\0';
    events[1].created_at_ms++;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fixture_apply(fixture, &events[i], LATER_MS).result, PAYMENT_RECORDED);
        assert_int_equal(fixture_apply(fixture, &events[i], LATER_MS).result, PAYMENT_REPEATED);
    }
    assert_string_equal(fixture_preorder_status(fixture, &id), "initiated");
    assert_int_equal(fixture_number(fixture, "SELECT updated_at FROM preorders"), FIXTURE_NOW_MS);
    struct payment_list list;
    struct err err = {0};
    ASSERT_OK(store_list_payments(fixture->store, &id, &list, &err));
    assert_int_equal(list.payment_count, 2);
    assert_string_equal(list.payments[0].id, "evt_1");
    assert_string_equal(list.payments[0].outcome, "recorded");
    assert_int_equal(list.payments[0].amount_subtotal, PAYMENT_AMOUNT_UNKNOWN);
    assert_int_equal(list.payments[0].amount_total, PAYMENT_AMOUNT_UNKNOWN);
    assert_string_equal(list.payments[0].currency, "");
    assert_string_equal(list.payments[1].session_id, "cs_a");
    assert_int_equal(list.payments[1].amount_total, 4999);
    assert_int_equal(list.payments[1].received_at_ms, LATER_MS);
    assert_string_equal(list.payments[1].event_id.text, "");
    payment_list_release(&list);
    fixture_assert_audit_agrees(fixture);
}

static void a_preorder_that_nobody_knows_leaves_no_trace(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_make(fixture, &sample);
    struct payment_event event = fixture_payment(&sample.preorder.id, "1", "a", PAYMENT_PAID);
    assert_int_equal(fixture_apply(fixture, &event, LATER_MS).result, PAYMENT_UNKNOWN_PREORDER);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM payment_events"), 0);
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, &sample.create, 1, &err));
    assert_int_equal(fixture_apply(fixture, &event, LATER_MS).result, PAYMENT_APPLIED);
}

/* ---- Batches ---------------------------------------------------------------------------------- */

static void events_of_one_batch_see_each_other(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event events[] = {fixture_payment(&id, "1", "a", PAYMENT_SESSION_EXPIRED),
                                     fixture_payment(&id, "2", "b", PAYMENT_SESSION_EXPIRED),
                                     fixture_payment(&id, "3", "c", PAYMENT_PAID),
                                     fixture_payment(&id, "4", "d", PAYMENT_PAID)};
    struct payment_apply applies[4] = {
        {.event = &events[0]}, {.event = &events[1]}, {.event = &events[2]}, {.event = &events[3]}};
    struct payment_terms terms = fixture_terms(fixture, LATER_MS);
    struct err err = {0};
    ASSERT_OK(store_apply_payments(fixture->store, &terms, applies, 4, &err));
    assert_int_equal(applies[0].result, PAYMENT_APPLIED);
    assert_int_equal(applies[1].result, PAYMENT_RECORDED);
    assert_int_equal(applies[2].result, PAYMENT_APPLIED);
    assert_int_equal(applies[3].result, PAYMENT_FLAGGED);
    assert_string_equal(fixture_preorder_status(fixture, &id),
                        "completed paid more than once, through several checkout sessions");
    assert_int_equal(count_events(fixture), 3);
    fixture_assert_audit_agrees(fixture);
}

static void one_bad_row_spares_its_neighbours(void **state) {
    struct fixture *fixture = *state;
    struct ident ids[] = {fixture_store_one(fixture), fixture_store_one(fixture),
                          fixture_store_one(fixture)};
    struct payment_event events[3];
    struct payment_apply applies[3] = {0};
    fixture_run(fixture, "CREATE TRIGGER t BEFORE INSERT ON payment_events WHEN NEW.id = 'evt_1'"
                         " BEGIN SELECT RAISE(ABORT, 'no'); END");
    for (int i = 0; i < 3; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        events[i] = fixture_payment(&ids[i], text, text, PAYMENT_PAID);
        applies[i].event = &events[i];
    }
    struct payment_terms terms = fixture_terms(fixture, LATER_MS);
    struct err err = {0};
    ASSERT_OK(store_apply_payments(fixture->store, &terms, applies, 3, &err));
    assert_int_equal(applies[0].result, PAYMENT_APPLIED);
    assert_int_equal(applies[1].result, PAYMENT_REFUSED);
    assert_false(applies[1].has_event);
    assert_int_equal(applies[2].result, PAYMENT_APPLIED);
    assert_string_equal(fixture_preorder_status(fixture, &ids[1]), "initiated");
    assert_int_equal(count_events(fixture), 5); /* the refused one's event is gone, too */
    fixture_assert_audit_agrees(fixture);
}

static void a_busy_gate_leaves_all_undecided(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event event = fixture_payment(&id, "1", "a", PAYMENT_PAID);
    struct payment_apply apply = {.event = &event};
    struct payment_terms terms = fixture_terms(fixture, LATER_MS);
    struct store_options options = fixture_options(STORE_CHECKOUT, 50);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    struct fixture_holder holder = fixture_hold_gate(fixture);
    ASSERT_CODE(ERR_BUSY, store_apply_payments(store, &terms, &apply, 1, &err));
    fixture_release_gate(&holder);
    assert_int_equal(apply.result, PAYMENT_UNDECIDED);
    assert_ptr_equal(apply.event, &event);
    ASSERT_OK(store_apply_payments(store, &terms, &apply, 1, &err));
    assert_int_equal(apply.result, PAYMENT_APPLIED);
    store_close(store);
}

/* ---- Order ------------------------------------------------------------------------------------ */

/* Status, flag and events of one preorder, in one line. */
static void write_ending(struct fixture *fixture, const struct ident *id, bool with_events,
                         char text[512]) {
    (void)snprintf(
        text, 512, "%s",
        fixture_text(fixture,
                     "SELECT status, flag, CASE WHEN %d THEN (SELECT group_concat(metric)"
                     " FROM (SELECT metric FROM outbox WHERE preorder_id = p.id"
                     "       ORDER BY metric)) END"
                     " FROM preorders AS p WHERE id = '%s'",
                     with_events ? 1 : 0, id->text));
}

/* Applies kinds[order[i]] to a preorder of its own; session i is `sessions[i]`. */
struct script {
    enum payment_kind kinds[4];
    const char *sessions[4];
    int64_t subtotals[4];
    size_t count;
};

static void play(struct fixture *fixture, const struct script *script, const size_t *order,
                 size_t length, bool with_events, char ending[512]) {
    struct ident id = fixture_store_one(fixture);
    for (size_t i = 0; i < length; i++) {
        size_t which = order[i];
        char name[IDENT_BYTES + 8], session[IDENT_BYTES + 8];
        (void)snprintf(name, sizeof name, "%zu_%s", which, id.text);
        (void)snprintf(session, sizeof session, "%s", script->sessions[which]);
        struct payment_event event = fixture_payment(&id, name, session, script->kinds[which]);
        event.amount_subtotal = script->subtotals[which];
        (void)fixture_apply(fixture, &event, LATER_MS + (int64_t)i);
    }
    write_ending(fixture, &id, with_events, ending);
}

/* Every sequence of `length` in which each event stands at least once: with length = count all
   permutations, with more all repeats, too. */
static int play_all(struct fixture *fixture, const struct script *script, size_t length,
                    bool with_events, const char *expected) {
    size_t sequence_count = 1;
    int played = 0;
    for (size_t i = 0; i < length; i++) {
        sequence_count *= script->count;
    }
    for (size_t number = 0; number < sequence_count; number++) {
        size_t order[ORDER_MAX];
        unsigned seen = 0;
        size_t rest = number;
        for (size_t i = 0; i < length; i++) {
            order[i] = rest % script->count;
            seen |= 1U << order[i];
            rest /= script->count;
        }
        if (seen == (1U << script->count) - 1) {
            char ending[512];
            play(fixture, script, order, length, with_events, ending);
            assert_string_equal(ending, expected);
            played++;
        }
    }
    return played;
}

static void one_session_ends_the_same_in_every_order_and_with_every_repeat(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        struct script script;
        const char *ending;
    } stories[] = {
        {{{PAYMENT_PAID, PAYMENT_ATTEMPT_FAILED}, {"a", "pi"}, {4999, 4999}, 2},
         "completed||Preorder Completed,Preorder Started"},
        {{{PAYMENT_FREE}, {"a"}, {0}, 1}, "completed||Preorder Completed,Preorder Started"},
        {{{PAYMENT_UNPAID, PAYMENT_LATE_SUCCEEDED, PAYMENT_ATTEMPT_FAILED},
          {"a", "a", "pi"},
          {4999, 4999, 4999},
          3},
         "completed||Preorder Completed,Preorder Started"},
        {{{PAYMENT_UNPAID, PAYMENT_LATE_FAILED, PAYMENT_ATTEMPT_FAILED},
          {"a", "a", "pi"},
          {4999, 4999, 4999},
          3},
         "cancelled||Preorder Payment Failed,Preorder Started"},
        {{{PAYMENT_SESSION_EXPIRED, PAYMENT_ATTEMPT_FAILED}, {"a", "pi"}, {4999, 4999}, 2},
         "cancelled||Preorder Abandoned,Preorder Started"},
        {{{PAYMENT_UNPAID, PAYMENT_LATE_SUCCEEDED}, {"a", "a"}, {1, 1}, 2},
         "initiated|paid for 0.01 USD where 49.99 USD was asked, session cs_a|Preorder Started"},
    };
    int played = 0;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        size_t count = stories[i].script.count;
        for (size_t length = count; length <= count + 2; length++) {
            played += play_all(fixture, &stories[i].script, length, true, stories[i].ending);
        }
    }
    print_message("# %d sequences\n", played);
    fixture_assert_audit_agrees(fixture);
}

static void several_sessions_agree_on_the_end_and_repeat_no_event(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        struct script script;
        const char *ending;
    } stories[] = {
        {{{PAYMENT_SESSION_EXPIRED, PAYMENT_SESSION_EXPIRED, PAYMENT_PAID, PAYMENT_LATE_FAILED},
          {"a", "b", "c", "d"},
          {4999, 4999, 4999, 4999},
          4},
         "completed||"},
        {{{PAYMENT_SESSION_EXPIRED, PAYMENT_LATE_FAILED, PAYMENT_LATE_FAILED},
          {"a", "b", "c"},
          {4999, 4999, 4999},
          3},
         "cancelled||"},
        {{{PAYMENT_PAID, PAYMENT_LATE_SUCCEEDED, PAYMENT_SESSION_EXPIRED},
          {"a", "b", "c"},
          {4999, 4999, 4999},
          3},
         "completed|paid more than once, through several checkout sessions|"},
        {{{PAYMENT_PAID, PAYMENT_PAID, PAYMENT_PAID, PAYMENT_FREE},
          {"a", "b", "c", "d"},
          {4999, 9, 7, 0},
          4},
         "completed|paid for 0.09 USD where 49.99 USD was asked, session cs_b|"},
    };
    int played = 0;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        size_t count = stories[i].script.count;
        for (size_t length = count; length <= count + 1; length++) {
            played += play_all(fixture, &stories[i].script, length, false, stories[i].ending);
        }
    }
    print_message("# %d sequences\n", played);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM (SELECT 1 FROM outbox"
                                             " GROUP BY preorder_id, metric HAVING count(*) > 1)"),
                     0);
    fixture_assert_audit_agrees(fixture);
}

static void what_was_pruned_is_not_said_again(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event first = fixture_payment(&id, "1", "a", PAYMENT_SESSION_EXPIRED);
    struct payment_event second = fixture_payment(&id, "2", "b", PAYMENT_SESSION_EXPIRED);
    struct payment_event paid = fixture_payment(&id, "3", "c", PAYMENT_PAID);
    fixture_apply(fixture, &first, LATER_MS);
    fixture_run(fixture, "DELETE FROM outbox; UPDATE pruned_events SET count = 2"
                         " WHERE status = 'sent'");
    assert_int_equal(fixture_apply(fixture, &second, LATER_MS).result, PAYMENT_RECORDED);
    assert_int_equal(fixture_apply(fixture, &paid, LATER_MS).result, PAYMENT_APPLIED);
    assert_string_equal(fixture_text(fixture, "SELECT sequence, metric FROM outbox"),
                        "3|Preorder Completed");
    fixture_assert_audit_agrees(fixture);
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_payment_completes_the_preorder_and_inserts_its_event),
        WITH_DATABASE(an_abandoned_cart_carries_consent_and_recovery),
        WITH_DATABASE(its_event_waits_behind_an_unfinished_one),
        WITH_DATABASE(its_event_is_due_once_the_earlier_ones_are_finished),
        WITH_DATABASE(a_repeat_changes_nothing_however_late),
        WITH_DATABASE(an_id_is_applied_once_whatever_comes_with_it),
        WITH_DATABASE(what_changes_nothing_is_remembered_all_the_same),
        WITH_DATABASE(a_preorder_that_nobody_knows_leaves_no_trace),
        WITH_DATABASE(events_of_one_batch_see_each_other),
        WITH_DATABASE(one_bad_row_spares_its_neighbours),
        WITH_DATABASE(a_busy_gate_leaves_all_undecided),
        WITH_DATABASE(one_session_ends_the_same_in_every_order_and_with_every_repeat),
        WITH_DATABASE(several_sessions_agree_on_the_end_and_repeat_no_event),
        WITH_DATABASE(what_was_pruned_is_not_said_again),
    };
    return cmocka_run_group_tests(tests, fixture_spare_disk, NULL);
}
