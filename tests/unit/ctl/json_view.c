/* What the store shows, as JSON. */
#include "ctl/json_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The value as one line with its members in order; `value` is dropped. */
static void assert_json(json_t *value, const char *expected) {
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void an_event_has_the_columns_names_and_null_where_nothing_is(void **state) {
    (void)state;
    struct event_view event = {.id.text = "e", .preorder_id.text = "p", .status = "pending"};
    event.created_at_ms = 1;
    assert_json(json_of_event(&event, 5),
                "{\"id\":\"e\",\"preorder_id\":\"p\",\"number\":null,\"email\":null,"
                "\"metric\":null,\"status\":\"pending\",\"state\":\"waiting\",\"attempts\":0,"
                "\"token\":0,\"next_attempt_at\":null,\"claimed_by\":null,"
                "\"claim_expires_at\":null,\"last_http_status\":null,\"last_error\":null,"
                "\"request_id\":null,\"created_at\":\"1970-01-01T00:00:00.001Z\","
                "\"sent_at\":null,\"behind_id\":null}");
}

static void an_attempt_keeps_the_whole_answer(void **state) {
    (void)state;
    char body[] = "{\"errors\":[]}\n";
    struct attempt_view attempt = {.token = 3,
                                   .worker = "w",
                                   .started_at_ms = 1000,
                                   .finished_at_ms = 2000,
                                   .outcome = "retry",
                                   .is_burnt = true,
                                   .http_status = 503,
                                   .error = "busy",
                                   .response_body = body,
                                   .response_body_bytes = sizeof body - 1,
                                   .next_attempt_at_ms = 3000};
    assert_json(json_of_attempt(&attempt),
                "{\"token\":3,\"worker\":\"w\",\"started_at\":\"1970-01-01T00:00:01.000Z\","
                "\"finished_at\":\"1970-01-01T00:00:02.000Z\",\"outcome\":\"retry\","
                "\"burnt\":true,\"http_status\":503,\"error\":\"busy\","
                "\"response_body\":\"{\\\"errors\\\":[]}\\n\","
                "\"next_attempt_at\":\"1970-01-01T00:00:03.000Z\"}");
}

/* Klaviyo's answer is cut at a number of bytes, maybe within a character. */
static void bytes_that_are_no_utf_8_are_replaced(void **state) {
    (void)state;
    char body[] = "caf\xc3";
    struct attempt_view attempt = {
        .outcome = "sent", .response_body = body, .response_body_bytes = sizeof body - 1};
    json_t *value = json_of_attempt(&attempt);
    assert_non_null(value);
    assert_string_equal(json_string_value(json_object_get(value, "response_body")), "caf?");
    json_decref(value);
    assert_json(json_of_text("\xff"), "\"?\"");
}

static void a_preorder_and_a_status_are_whole(void **state) {
    (void)state;
    struct preorder_view preorder = {.id.text = "p",
                                     .number = "PRE-1",
                                     .email = "a@b.example",
                                     .product = "Scarf \xf0\x9f\xa7\xa3",
                                     .amount = 4999,
                                     .currency = "USD",
                                     .status = "initiated",
                                     .created_at_ms = 1000,
                                     .updated_at_ms = 1000};
    assert_json(json_of_preorder(&preorder),
                "{\"id\":\"p\",\"number\":\"PRE-1\",\"email\":\"a@b.example\",\"price_id\":null,"
                "\"product\":\"Scarf \xf0\x9f\xa7\xa3\",\"color\":null,\"locale\":null,"
                "\"source\":null,\"amount\":4999,\"currency\":\"USD\",\"status\":\"initiated\","
                "\"flag\":null,\"payment_url\":null,\"created_at\":\"1970-01-01T00:00:01.000Z\","
                "\"updated_at\":\"1970-01-01T00:00:01.000Z\"}");
    struct store_status status = {.schema_version = 1,
                                  .preorder_count = 2,
                                  .flagged_count = 12,
                                  .due_count = 3,
                                  .waiting_count = 4,
                                  .claimed_count = 5,
                                  .sent_count = 6,
                                  .dead_count = 7,
                                  .cancelled_count = 8,
                                  .oldest_due_at_ms = 1000,
                                  .account_pause_reason = "key",
                                  .account_paused_since_ms = 1000,
                                  .account_reason = ACCOUNT_REASON_PAUSED,
                                  .in_flight_count = 11,
                                  .wal_pages = 9,
                                  .database_bytes = 10};
    assert_json(
        json_of_status(&status),
        "{\"schema_version\":1,\"preorders\":2,\"flagged\":12,\"events\":{\"due\":3,\"waiting\":4,"
        "\"sending\":5,\"sent\":6,\"dead\":7,\"cancelled\":8},"
        "\"oldest_due_at\":\"1970-01-01T00:00:01.000Z\",\"account\":{\"not_before\":null,"
        "\"pause_reason\":\"key\",\"paused_at\":\"1970-01-01T00:00:01.000Z\","
        "\"paused_by_person\":false,\"breaker_opened_at\":null,\"held_back_by\":\"paused\","
        "\"in_flight\":11},"
        "\"last_sent_at\":null,\"wal_pages\":9,\"database_bytes\":10}");
    struct worker_view workers[] = {{.name = "w",
                                     .host_id = "h",
                                     .listen = "none",
                                     .pid = 7,
                                     .started_at_ms = 1000,
                                     .in_flight_count = 3,
                                     .is_alive = true}};
    struct worker_list list = {.workers = workers, .worker_count = 1};
    assert_json(json_of_workers(&list),
                "[{\"name\":\"w\",\"host_id\":\"h\",\"pid\":7,\"listen\":\"none\","
                "\"started_at\":\"1970-01-01T00:00:01.000Z\",\"seen_at\":null,\"in_flight\":3,"
                "\"alive\":true}]");
}

static void an_audit_is_whole(void **state) {
    (void)state;
    struct store_audit audit = {.preorder_count = 1,
                                .payment_event_count = 2,
                                .sent_count = 3,
                                .dead_count = 4,
                                .cancelled_count = 5,
                                .pending_count = 6,
                                .pruned_count = 7,
                                .preorders_without_event = 8,
                                .events_without_preorder = 9,
                                .sent_without_attempt = 10,
                                .payments_without_event = 11,
                                .events_without_payment = 12};
    assert_json(json_of_audit(&audit),
                "{\"agrees\":false,\"written\":{\"preorders\":1,\"payment_events\":2},"
                "\"held\":{\"sent\":3,\"dead\":4,\"cancelled\":5,\"pending\":6,\"pruned\":7},"
                "\"preorders_without_event\":8,\"events_without_preorder\":9,"
                "\"sent_without_attempt\":10,\"payments_without_event\":11,"
                "\"events_without_payment\":12}");
}

static void payments_say_null_where_stripe_said_nothing(void **state) {
    (void)state;
    struct payment_view payments[] = {{.id = "evt_1",
                                       .type = "checkout.session.completed",
                                       .session_id = "cs_1",
                                       .outcome = "applied",
                                       .amount_subtotal = 4999,
                                       .amount_total = 0,
                                       .currency = "USD",
                                       .created_at_ms = 1000,
                                       .received_at_ms = 2000,
                                       .event_id = {"e"}},
                                      {.id = "evt_2",
                                       .type = "payment_intent.payment_failed",
                                       .session_id = "pi_1",
                                       .outcome = "recorded",
                                       .amount_subtotal = PAYMENT_AMOUNT_UNKNOWN,
                                       .amount_total = PAYMENT_AMOUNT_UNKNOWN}};
    struct payment_list list = {.payments = payments, .payment_count = 2};
    assert_json(json_of_payments(&list),
                "[{\"id\":\"evt_1\",\"type\":\"checkout.session.completed\","
                "\"session_id\":\"cs_1\",\"outcome\":\"applied\",\"amount_subtotal\":4999,"
                "\"amount_total\":0,\"currency\":\"USD\","
                "\"created_at\":\"1970-01-01T00:00:01.000Z\","
                "\"received_at\":\"1970-01-01T00:00:02.000Z\",\"event_id\":\"e\"},"
                "{\"id\":\"evt_2\",\"type\":\"payment_intent.payment_failed\","
                "\"session_id\":\"pi_1\",\"outcome\":\"recorded\",\"amount_subtotal\":null,"
                "\"amount_total\":null,\"currency\":null,\"created_at\":null,"
                "\"received_at\":null,\"event_id\":null}]");
}

static void a_value_that_could_not_be_made_is_an_error(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(json_print(NULL, &err), ERR_FATAL);
}

/* Whoever looks at it has a terminal; whoever reads it reads the same. */
static void what_would_steer_a_terminal_is_printed_as_an_escape(void **state) {
    (void)state;
    static const char text[] = "S\xc3\xb8ster \x1b[2J\x7f \xc2\x9b"
                               "2J \xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa6 \xd8\x9c";
    struct err err = {0};
    char *printed = NULL;
    size_t printed_bytes = 0;
    FILE *standard_output = stdout;
    stdout = open_memstream(&printed, &printed_bytes);
    assert_non_null(stdout);
    enum err_code code = json_print(json_pack("{s:s}", "a", text), &err);
    (void)fclose(stdout);
    stdout = standard_output;
    assert_int_equal(code, ERR_OK);
    assert_string_equal(printed,
                        "{\n  \"a\": \"S\xc3\xb8ster \\u001B[2J\\u007F \\u009B2J \\u2028 \\u202E "
                        "\\u2066 \\u061C\"\n}\n");
    json_t *read = json_loads(printed, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(read, "a")), text);
    json_decref(read);
    free(printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_the_columns_names_and_null_where_nothing_is),
        cmocka_unit_test(an_attempt_keeps_the_whole_answer),
        cmocka_unit_test(bytes_that_are_no_utf_8_are_replaced),
        cmocka_unit_test(a_preorder_and_a_status_are_whole),
        cmocka_unit_test(an_audit_is_whole),
        cmocka_unit_test(payments_say_null_where_stripe_said_nothing),
        cmocka_unit_test(what_would_steer_a_terminal_is_printed_as_an_escape),
        cmocka_unit_test(a_value_that_could_not_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
