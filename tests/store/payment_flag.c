/* Payments that do not match their preorder: flagged, seen, and accepted by a person. */
#include <stdio.h>
#include <string.h>

#include "tests/store/fixture.h"

enum { LATER_MS = FIXTURE_NOW_MS + 5000 };

static int64_t count_events(struct fixture *fixture) {
    return fixture_number(fixture, "SELECT count(*) FROM outbox");
}

static void store_flagged(struct fixture *fixture, struct ident *id_out) {
    *id_out = fixture_store_one(fixture);
    struct payment_event event = fixture_payment(id_out, id_out->text, "a", PAYMENT_PAID);
    event.amount_subtotal = 9900;
    event.amount_total = 8900;
    (void)snprintf(event.currency, sizeof event.currency, "EUR");
    struct payment_apply apply = fixture_apply(fixture, &event, LATER_MS);
    assert_int_equal(apply.result, PAYMENT_FLAGGED);
    assert_false(apply.has_event);
}

static void a_payment_that_does_not_match_is_flagged_and_seen(void **state) {
    struct fixture *fixture = *state;
    struct ident id, other;
    (void)fixture_store_one(fixture);
    store_flagged(fixture, &id);
    store_flagged(fixture, &other);
    fixture_run(fixture, "UPDATE preorders SET updated_at = 1 WHERE id = '%s'", other.text);
    assert_string_equal(fixture_preorder_status(fixture, &id),
                        "initiated paid for 99.00 EUR where 49.99 USD was asked, session cs_a");
    assert_int_equal(count_events(fixture), 3);

    struct preorder_list list;
    struct store_status status;
    struct err err = {0};
    ASSERT_OK(store_list_flagged(fixture->store, 0, &list, &err));
    assert_int_equal(list.preorder_count, 2);
    assert_string_equal(list.preorders[0].id.text, other.text);
    assert_string_equal(list.preorders[1].id.text, id.text);
    assert_string_equal(list.preorders[1].flag,
                        "paid for 99.00 EUR where 49.99 USD was asked, session cs_a");
    preorder_list_release(&list);
    ASSERT_OK(store_list_flagged(fixture->store, 1, &list, &err));
    assert_int_equal(list.preorder_count, 1);
    preorder_list_release(&list);
    ASSERT_OK(store_read_backlog(fixture->store, LATER_MS, &status, &err));
    assert_int_equal(status.flagged_count, 2);
    fixture_assert_audit_agrees(fixture);
}

static struct acceptance acceptance_of(struct fixture *fixture, const struct ident *id) {
    return (struct acceptance){.preorder_id = *id,
                               .terms = fixture_terms(fixture, LATER_MS + 1000),
                               .actor = "grace",
                               .reason = "the rest came by bank transfer"};
}

static void accepting_completes_and_leaves_a_line(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    struct err err = {0};
    store_flagged(fixture, &id);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    struct acceptance_report report;
    acceptance.dry_run = true;
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_true(report.has_event);
    assert_string_equal(report.event_id.text, "");
    assert_int_equal(count_events(fixture), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(flag) FROM preorders"), 1);

    acceptance.dry_run = false;
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_string_equal(report.flag, "paid for 99.00 EUR where 49.99 USD was asked, session cs_a");
    assert_int_equal(report.status_before, PREORDER_INITIATED);
    assert_true(report.has_event);
    assert_string_equal(fixture_preorder_status(fixture, &id), "completed");
    assert_string_equal(
        fixture_text(fixture,
                     "SELECT sequence, metric, json_extract(payload, '$.data.attributes.value'),"
                     " json_extract(payload, '$.data.attributes.value_currency'),"
                     " json_extract(payload, '$.data.attributes.time')"
                     " FROM outbox WHERE id = '%s'",
                     report.event_id.text),
        "2|Preorder Completed|89.0|EUR|1970-01-01T00:16:39.000Z");
    assert_string_equal(fixture_text(fixture,
                                     "SELECT outcome, flag, event_kind, event_id = '%s'"
                                     " FROM payment_events",
                                     report.event_id.text),
                        "accepted|mismatch|completed|1");
    char line[256];
    (void)snprintf(line, sizeof line,
                   "1006000|grace|accept-payment|preorder %s|the rest came by bank transfer|1",
                   id.text);
    assert_string_equal(
        fixture_text(fixture, "SELECT at, actor, action, target, reason, count FROM audit_log"),
        line);
    fixture_assert_audit_agrees(fixture);

    ASSERT_CODE(ERR_CONFLICT, store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_log"), 1);
    assert_int_equal(count_events(fixture), 2);
}

static void accepting_what_was_paid_twice_only_clears_the_flag(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct payment_event events[] = {fixture_payment(&id, "1", "a", PAYMENT_PAID),
                                     fixture_payment(&id, "2", "b", PAYMENT_PAID),
                                     fixture_payment(&id, "3", "c", PAYMENT_PAID)};
    fixture_apply(fixture, &events[0], LATER_MS);
    fixture_apply(fixture, &events[1], LATER_MS);
    fixture_apply(fixture, &events[2], LATER_MS);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    struct acceptance_report report;
    struct err err = {0};
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_false(report.has_event);
    assert_int_equal(report.status_before, PREORDER_COMPLETED);
    assert_string_equal(fixture_preorder_status(fixture, &id), "completed");
    assert_int_equal(count_events(fixture), 2);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM payment_events WHERE outcome = 'accepted'"),
        2);
    fixture_assert_audit_agrees(fixture);
}

static void what_comes_after_an_acceptance_finds_it_completed(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    store_flagged(fixture, &id);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    struct acceptance_report report;
    struct err err = {0};
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    /* The same payment told by another event of Stripe's. */
    struct payment_event copy = fixture_payment(&id, "copy", "a", PAYMENT_LATE_SUCCEEDED);
    copy.amount_subtotal = 9900;
    struct payment_event expired = fixture_payment(&id, "expired", "b", PAYMENT_SESSION_EXPIRED);
    assert_int_equal(fixture_apply(fixture, &copy, LATER_MS).result, PAYMENT_RECORDED);
    assert_int_equal(fixture_apply(fixture, &expired, LATER_MS).result, PAYMENT_RECORDED);
    assert_string_equal(fixture_preorder_status(fixture, &id), "completed");
    /* Money through another session is news. */
    struct payment_event paid = fixture_payment(&id, "paid", "c", PAYMENT_PAID);
    assert_int_equal(fixture_apply(fixture, &paid, LATER_MS).result, PAYMENT_FLAGGED);
    assert_int_equal(count_events(fixture), 2);
    fixture_assert_audit_agrees(fixture);
}

static void a_cancelled_preorder_can_be_accepted(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    store_flagged(fixture, &id);
    struct payment_event expired = fixture_payment(&id, "expired", "b", PAYMENT_SESSION_EXPIRED);
    fixture_apply(fixture, &expired, LATER_MS);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    struct acceptance_report report;
    struct err err = {0};
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_int_equal(report.status_before, PREORDER_CANCELLED);
    assert_string_equal(fixture_preorder_status(fixture, &id), "completed");
    fixture_assert_audit_agrees(fixture);
}

static void a_refund_clears_the_flag_and_counts_as_no_payment(void **state) {
    struct fixture *fixture = *state;
    struct ident id;
    store_flagged(fixture, &id);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    acceptance.is_refund = true;
    struct acceptance_report report;
    struct err err = {0};
    ASSERT_OK(store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_false(report.has_event);
    assert_string_equal(fixture_preorder_status(fixture, &id), "initiated");
    assert_int_equal(count_events(fixture), 1);
    assert_string_equal(fixture_text(fixture, "SELECT outcome, paid, flag FROM payment_events"),
                        "refunded|0|mismatch");
    assert_string_equal(fixture_text(fixture, "SELECT action FROM audit_log"), "note-refund");
    /* Another event of Stripe's about the same payment is no news. */
    struct payment_event copy = fixture_payment(&id, "copy", "a", PAYMENT_LATE_SUCCEEDED);
    copy.amount_subtotal = 9900;
    assert_int_equal(fixture_apply(fixture, &copy, LATER_MS).result, PAYMENT_RECORDED);
    /* Nobody paid: the cart is abandoned; and the right payment is the first one. */
    struct payment_event expired = fixture_payment(&id, "expired", "b", PAYMENT_SESSION_EXPIRED);
    struct payment_event paid = fixture_payment(&id, "paid", "c", PAYMENT_PAID);
    assert_true(fixture_apply(fixture, &expired, LATER_MS).has_event);
    assert_true(fixture_apply(fixture, &paid, LATER_MS).has_event);
    assert_string_equal(fixture_preorder_status(fixture, &id), "completed");
    fixture_assert_audit_agrees(fixture);
}

static void only_a_flag_can_be_accepted(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    struct acceptance acceptance = acceptance_of(fixture, &id);
    struct acceptance_report report;
    struct err err = {0};
    ASSERT_CODE(ERR_CONFLICT, store_accept_payment(fixture->store, &acceptance, &report, &err));
    acceptance.preorder_id = ident_make(1, &fixture->random);
    ASSERT_CODE(ERR_NOT_FOUND, store_accept_payment(fixture->store, &acceptance, &report, &err));
    /* A flag that somebody wrote by hand stands for no payment: there is no value to report. */
    fixture_run(fixture, "UPDATE preorders SET flag = 'by hand'");
    acceptance.preorder_id = id;
    ASSERT_CODE(ERR_CONFLICT, store_accept_payment(fixture->store, &acceptance, &report, &err));
    assert_string_equal(fixture_preorder_status(fixture, &id), "initiated by hand");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_log"), 0);
}

static void a_status_that_does_not_exist_is_fatal(void **state) {
    struct fixture *fixture = *state;
    struct ident id = fixture_store_one(fixture);
    fixture_run(fixture,
                "PRAGMA ignore_check_constraints = ON; UPDATE preorders SET status = 'odd'");
    struct payment_event event = fixture_payment(&id, "1", "1", PAYMENT_PAID);
    struct payment_terms terms = fixture_terms(fixture, FIXTURE_NOW_MS);
    struct payment_apply apply = {.event = &event};
    struct err err = {0};
    ASSERT_CODE(ERR_FATAL, store_apply_payments(fixture->store, &terms, &apply, 1, &err));
    assert_non_null(strstr(err.text, "has the status 'odd', which does not exist"));
    fixture_run(fixture,
                "PRAGMA ignore_check_constraints = ON; UPDATE preorders SET status = 'initiated'");
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_status_that_does_not_exist_is_fatal),
        WITH_DATABASE(a_payment_that_does_not_match_is_flagged_and_seen),
        WITH_DATABASE(accepting_completes_and_leaves_a_line),
        WITH_DATABASE(accepting_what_was_paid_twice_only_clears_the_flag),
        WITH_DATABASE(what_comes_after_an_acceptance_finds_it_completed),
        WITH_DATABASE(a_cancelled_preorder_can_be_accepted),
        WITH_DATABASE(a_refund_clears_the_flag_and_counts_as_no_payment),
        WITH_DATABASE(only_a_flag_can_be_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
