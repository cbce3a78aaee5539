/* What a signed body means to preorders, and what is refused. */
#include "api/stripe_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID      "0190c0de-0000-7000-8000-000000000001"
#define SESSION "\"id\":\"cs_1\",\"client_reference_id\":\"" ID "\""
/* An event about a session with these members. */
#define EVENT(type, members)                                                                       \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"api_version\":\"2026-10-28.endive\","                \
    "\"created\":1795354634,\"livemode\":false,\"type\":\"" type "\","                             \
    "\"data\":{\"object\":{" members "}}}"
#define COMPLETED "checkout.session.completed"

static enum err_code parse_as(const char *body, enum stripe_mode mode, struct stripe_event *event,
                              struct err *err) {
    memset(event, 0xAA, sizeof *event);
    *err = (struct err){0};
    return stripe_event_parse(body, strlen(body), mode, event, err);
}

static struct stripe_event parse(const char *body) {
    struct stripe_event event;
    struct err err;
    if (parse_as(body, STRIPE_MODE_TEST, &event, &err) != ERR_OK) {
        fail_msg("%s: %s", body, err.text);
    }
    return event;
}

static void reads_all_that_matters(void **state) {
    (void)state;
    struct stripe_event event =
        parse(EVENT(COMPLETED, SESSION
                    ",\"payment_status\":\"paid\",\"amount_subtotal\":4990,\"amount_total\":5940,"
                    "\"currency\":\"usd\",\"consent\":{\"promotions\":\"opt_in\"},"
                    "\"after_expiration\":{\"recovery\":{\"url\":\"https://buy.stripe.com/r/1\"}},"
                    "\"what\":[{\"is\":\"new\"}]"));
    assert_int_equal(event.kind, STRIPE_EVENT_PAYMENT);
    assert_string_equal(event.api_version, STRIPE_API_VERSION);
    const struct payment_event *payment = &event.payment;
    assert_string_equal(payment->id, "evt_1");
    assert_string_equal(payment->type, COMPLETED);
    assert_int_equal(payment->kind, PAYMENT_PAID);
    assert_string_equal(payment->preorder_id.text, ID);
    assert_string_equal(payment->session_id, "cs_1");
    assert_int_equal(payment->created_at_ms, INT64_C(1795354634000));
    assert_int_equal(payment->amount_subtotal, 4990);
    assert_int_equal(payment->amount_total, 5940);
    assert_string_equal(payment->currency, "USD");
    assert_string_equal(payment->promotions_consent, "opt_in");
    assert_string_equal(payment->recovery_url, "https://buy.stripe.com/r/1");
    assert_string_equal(payment->request_id, "");
    assert_string_equal(payment->traceparent, "");
}

static void amounts_are_in_minor_units(void **state) {
    (void)state;
    struct stripe_event event =
        parse(EVENT(COMPLETED, SESSION ",\"payment_status\":\"paid\",\"amount_subtotal\":500000,"
                                       "\"amount_total\":400000,\"currency\":\"isk\""));
    assert_int_equal(event.payment.amount_subtotal, 5000);
    assert_int_equal(event.payment.amount_total, 4000);
}

static void what_is_not_said_is_unknown(void **state) {
    (void)state;
    static const char *const bodies[] = {
        EVENT(COMPLETED, SESSION),
        EVENT(COMPLETED,
              SESSION ",\"payment_status\":null,\"amount_subtotal\":null,\"amount_total\":null,"
                      "\"currency\":null,\"consent\":null,\"after_expiration\":null,"
                      "\"metadata\":null"),
        EVENT(COMPLETED, SESSION ",\"consent\":{\"promotions\":null},"
                                 "\"after_expiration\":{\"recovery\":null}"),
        EVENT(COMPLETED, SESSION ",\"consent\":[],\"after_expiration\":\"x\",\"metadata\":7"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct stripe_event event = parse(bodies[i]);
        assert_int_equal(event.kind, STRIPE_EVENT_PAYMENT);
        assert_int_equal(event.payment.kind, PAYMENT_UNPAID);
        assert_int_equal(event.payment.amount_subtotal, PAYMENT_AMOUNT_UNKNOWN);
        assert_int_equal(event.payment.amount_total, PAYMENT_AMOUNT_UNKNOWN);
        assert_string_equal(event.payment.currency, "");
        assert_string_equal(event.payment.promotions_consent, "");
        assert_string_equal(event.payment.recovery_url, "");
    }
}

static void what_merely_goes_along_stops_no_payment(void **state) {
    (void)state;
    char body[PAYMENT_URL_BYTES + 1024];
    for (int length = PAYMENT_URL_BYTES - 1; length <= PAYMENT_URL_BYTES; length++) {
        (void)snprintf(body, sizeof body,
                       EVENT(COMPLETED, SESSION ",\"after_expiration\":{\"recovery\":{\"url\":"
                                                "\"%0*d\"}},\"consent\":{\"promotions\":\"%s\"}"),
                       length, 0, length == PAYMENT_URL_BYTES ? "opt_in_or_not_opt" : "opt_out");
        struct stripe_event event = parse(body);
        bool fits = length < PAYMENT_URL_BYTES;
        assert_int_equal(strlen(event.payment.recovery_url), fits ? length : 0);
        assert_string_equal(event.payment.promotions_consent, fits ? "opt_out" : "");
    }
}

static void finds_the_preorder_wherever_it_is_named(void **state) {
    (void)state;
    static const struct {
        const char *body;
        enum stripe_event_kind kind;
    } rows[] = {
        {EVENT(COMPLETED, "\"id\":\"cs_1\",\"metadata\":{\"preorder_id\":\"" ID "\"}"),
         STRIPE_EVENT_PAYMENT},
        {EVENT(COMPLETED, "\"id\":\"cs_1\",\"client_reference_id\":\"cart-7\","
                          "\"metadata\":{\"preorder_id\":\"" ID "\"}"),
         STRIPE_EVENT_PAYMENT},
        {EVENT("payment_intent.payment_failed",
               "\"id\":\"pi_1\",\"metadata\":{\"preorder_id\":\"" ID "\"}"),
         STRIPE_EVENT_PAYMENT},
        {EVENT(COMPLETED, SESSION ",\"metadata\":{\"preorder_id\":\"x\"}"), STRIPE_EVENT_PAYMENT},
        {EVENT(COMPLETED, "\"id\":\"cs_1\""), STRIPE_EVENT_NO_PREORDER},
        {EVENT(COMPLETED, "\"id\":\"cs_1\",\"metadata\":{\"preorder_id\":\"x\"}"),
         STRIPE_EVENT_NO_PREORDER},
        {EVENT(COMPLETED, "\"id\":\"cs_1\",\"client_reference_id\":7,\"metadata\":{}"),
         STRIPE_EVENT_NO_PREORDER},
        {EVENT(COMPLETED, "\"id\":\"cs_1\",\"client_reference_id\":\"" ID "0\""),
         STRIPE_EVENT_NO_PREORDER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stripe_event event = parse(rows[i].body);
        assert_int_equal(event.kind, rows[i].kind);
        if (event.kind == STRIPE_EVENT_PAYMENT) {
            assert_string_equal(event.payment.preorder_id.text, ID);
        }
    }
}

static void passes_over_what_means_nothing(void **state) {
    (void)state;
    static const struct {
        const char *body;
        enum stripe_event_kind kind;
    } rows[] = {
        {EVENT("customer.created", "\"id\":7"), STRIPE_EVENT_OTHER_TYPE},
        {EVENT("checkout.session.completed.v2", SESSION), STRIPE_EVENT_OTHER_TYPE},
        {EVENT("checkout.session.Completed", SESSION), STRIPE_EVENT_OTHER_TYPE},
        {EVENT("", SESSION), STRIPE_EVENT_OTHER_TYPE},
        {"{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}", STRIPE_EVENT_OTHER_TYPE},
        {"{\"object\":\"v2.core.event\"}", STRIPE_EVENT_THIN},
        {"{\"id\":7,\"type\":[],\"object\":\"v2.core.event\"}", STRIPE_EVENT_THIN},
        {"{\"object\":\"checkout.session\"}", STRIPE_EVENT_THIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse(rows[i].body).kind, rows[i].kind);
    }
}

static void a_long_type_is_cut_and_none_of_ours(void **state) {
    (void)state;
    char body[1024];
    (void)snprintf(body, sizeof body, EVENT("%0*d", SESSION), 300, 0);
    struct stripe_event event = parse(body);
    assert_int_equal(event.kind, STRIPE_EVENT_OTHER_TYPE);
    assert_int_equal(strlen(event.payment.type), PAYMENT_TYPE_BYTES - 1);
}

static void the_mode_must_be_the_shops(void **state) {
    (void)state;
    static const char test[] = EVENT(COMPLETED, SESSION);
    char live[sizeof test + 8];
    char unsaid[sizeof test + 8];
    char odd[sizeof test + 8];
    const char *place = strstr(test, "\"livemode\":false,");
    int before = (int)(place - test);
    const char *after = place + strlen("\"livemode\":false,");
    (void)snprintf(live, sizeof live, "%.*s\"livemode\":true,%s", before, test, after);
    (void)snprintf(odd, sizeof odd, "%.*s\"livemode\":1,%s", before, test, after);
    (void)snprintf(unsaid, sizeof unsaid, "%.*s%s", before, test, after);
    static const enum stripe_event_kind wanted[][3] = {
        /* test, live, unsaid or odd */
        [STRIPE_MODE_ANY] = {STRIPE_EVENT_PAYMENT, STRIPE_EVENT_PAYMENT, STRIPE_EVENT_PAYMENT},
        [STRIPE_MODE_LIVE] = {STRIPE_EVENT_OTHER_MODE, STRIPE_EVENT_PAYMENT, STRIPE_EVENT_PAYMENT},
        [STRIPE_MODE_TEST] = {STRIPE_EVENT_PAYMENT, STRIPE_EVENT_OTHER_MODE, STRIPE_EVENT_PAYMENT},
    };
    const char *const bodies[] = {test, live, unsaid, odd};
    for (int mode = STRIPE_MODE_ANY; mode <= STRIPE_MODE_TEST; mode++) {
        for (size_t i = 0; i < 4; i++) {
            struct stripe_event event;
            struct err err;
            assert_int_equal(parse_as(bodies[i], (enum stripe_mode)mode, &event, &err), ERR_OK);
            assert_int_equal(event.kind, wanted[mode][i < 3 ? i : 2]);
        }
    }
}

static void refuses_what_is_no_event(void **state) {
    (void)state;
    static const struct {
        const char *body, *text; /* a piece of what is said */
    } rows[] = {
        {"", "empty"},
        {"{", "not JSON"},
        {"[]", "a list"},
        {"null", "null"},
        {"\"evt_1\"", "a string"},
        {"{}", "id is missing"},
        {"{\"id\":7}", "id is a number"},
        {"{\"id\":\"\"}", "id is not 1 to 255"},
        {"{\"id\":\"e v t\"}", "id is not 1 to 255"},
        {"{\"id\":\"evt_1\"}", "type is missing"},
        {"{\"id\":\"evt_1\",\"type\":\"caf\xC3\xA9\"}", "type is not visible"},
        {"{\"id\":\"evt_1\",\"type\":\"a\x7f\"}", "type is not visible"},
        {"{\"id\":\"evt_1\",\"id\":\"evt_2\"}", "a member twice"},
        {EVENT(COMPLETED, ""), "data.object.id is missing"},
        {EVENT(COMPLETED, "\"id\":null"), "data.object.id is null"},
        {EVENT(COMPLETED, SESSION ",\"amount_total\":\"4990\""), "amount_total is a string"},
        {EVENT(COMPLETED, SESSION ",\"amount_total\":49.9"),
         "amount_total is a number, not a whole"},
        {EVENT(COMPLETED, SESSION ",\"amount_subtotal\":-1"), "amount_subtotal is negative"},
        {EVENT(COMPLETED, SESSION ",\"amount_subtotal\":9223372036854775808"), "out of range"},
        {EVENT(COMPLETED, SESSION ",\"currency\":840"), "currency is a number"},
        {EVENT(COMPLETED, SESSION ",\"currency\":\"us\""), "three letters"},
        {EVENT(COMPLETED, SESSION ",\"currency\":\"us$\""), "three letters"},
        {EVENT(COMPLETED, SESSION ",\"currency\":\"\xC3\xA9s\""), "three letters"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED "\",\"created\":1}", "data.object is missing"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED "\",\"created\":1,\"data\":{\"object\":\"x\"}}",
         "data.object is a string"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED "\",\"data\":{\"object\":{" SESSION "}}}",
         "created is missing"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED
         "\",\"created\":253402300800,\"data\":{\"object\":{" SESSION "}}}",
         "created is out of range"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED
         "\",\"created\":-1,\"data\":{\"object\":{" SESSION "}}}",
         "created is out of range"},
        {"{\"id\":\"evt_1\",\"type\":\"" COMPLETED
         "\",\"created\":\"1\",\"data\":{\"object\":{" SESSION "}}}",
         "created is a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stripe_event event;
        struct err err;
        enum err_code code = parse_as(rows[i].body, STRIPE_MODE_ANY, &event, &err);
        if (code != ERR_INVALID || strstr(err.text, rows[i].text) == NULL) {
            fail_msg("%s: %d %s", rows[i].body, code, err.text);
        }
    }
}

static void an_id_has_255_characters_and_no_more(void **state) {
    (void)state;
    char body[1024];
    struct stripe_event event;
    struct err err;
    for (int length = 255; length <= 256; length++) {
        (void)snprintf(body, sizeof body, "{\"id\":\"%0*d\",\"type\":\"x\"}", length, 0);
        assert_int_equal(parse_as(body, STRIPE_MODE_ANY, &event, &err),
                         length == 255 ? ERR_OK : ERR_INVALID);
    }
}

/* An event whose deepest brackets are `depth` deep. */
static void nested(size_t depth, char *body, size_t body_bytes) {
    char open[64], close[64];
    memset(open, '[', sizeof open);
    memset(close, ']', sizeof close);
    int more = (int)depth - 1;
    (void)snprintf(body, body_bytes, "{\"id\":\"evt_1\",\"type\":\"x\",\"y\":%.*s%.*s}", more, open,
                   more, close);
}

static void nesting_is_bounded(void **state) {
    (void)state;
    char body[256];
    struct stripe_event event;
    struct err err;
    nested(STRIPE_DEPTH_MAX, body, sizeof body);
    assert_int_equal(parse_as(body, STRIPE_MODE_ANY, &event, &err), ERR_OK);
    nested(STRIPE_DEPTH_MAX + 1, body, sizeof body);
    assert_int_equal(parse_as(body, STRIPE_MODE_ANY, &event, &err), ERR_INVALID);
}

static void every_kind_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = STRIPE_EVENT_PAYMENT; i <= STRIPE_EVENT_NO_PREORDER; i++) {
        for (int j = STRIPE_EVENT_PAYMENT; j < i; j++) {
            assert_string_not_equal(stripe_event_kind_name((enum stripe_event_kind)i),
                                    stripe_event_kind_name((enum stripe_event_kind)j));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_that_matters),
        cmocka_unit_test(amounts_are_in_minor_units),
        cmocka_unit_test(what_is_not_said_is_unknown),
        cmocka_unit_test(what_merely_goes_along_stops_no_payment),
        cmocka_unit_test(finds_the_preorder_wherever_it_is_named),
        cmocka_unit_test(passes_over_what_means_nothing),
        cmocka_unit_test(a_long_type_is_cut_and_none_of_ours),
        cmocka_unit_test(the_mode_must_be_the_shops),
        cmocka_unit_test(refuses_what_is_no_event),
        cmocka_unit_test(an_id_has_255_characters_and_no_more),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
