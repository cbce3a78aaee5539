/* Events: the bytes that Klaviyo gets. */
#include "common/domain/event.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t NOW_MS = INT64_C(1795353434123); /* 2026-11-22T13:17:14.123Z */

static char client_properties[] = "{\"gift\":true,\"weight\":49.9}";

static struct preorder sample(void) {
    return (struct preorder){
        .id = {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
        .number = "PRE-7K3M9QX2",
        .email = "ada@xn--bcher-kva.example",
        .price_id = "price_a",
        .product = "Lamp \"Aurora\"",
        .color = "red",
        .locale = "pt-BR",
        .source = "web",
        .amount = 4990,
        .currency = "USD",
        .properties_json = client_properties,
        .created_at_ms = NOW_MS,
    };
}

static struct event render(enum event_kind kind, const struct preorder *preorder, int64_t amount,
                           const char *prefix) {
    struct event event;
    struct err err = {0};
    assert_int_equal(
        event_render(kind, preorder, amount, prefix, NOW_MS, random_system(), &event, &err),
        ERR_OK);
    assert_int_equal(strlen(event.payload), event.payload_bytes);
    return event;
}

static void renders_these_bytes(void **state) {
    (void)state;
    struct preorder preorder = sample();
    struct event event = render(EVENT_STARTED, &preorder, 4990, "");
    char expected[2000];
    (void)snprintf(
        expected, sizeof(expected),
        "{\"data\":{\"type\":\"event\",\"attributes\":{\"properties\":{"
        "\"preorder_id\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
        "\"preorder_number\":\"PRE-7K3M9QX2\",\"product\":\"Lamp "
        "\\\"Aurora\\\"\",\"color\":\"red\","
        "\"price_id\":\"price_a\",\"locale\":\"pt-BR\",\"source\":\"web\","
        "\"marketing_stage\":\"preorder_intention\",\"gift\":true,\"weight\":49.9},"
        "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":{\"name\":\"Preorder "
        "Started\"}}},"
        "\"profile\":{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":"
        "\"ada@xn--bcher-kva.example\"}}},\"time\":\"2026-11-22T13:17:14.123Z\",\"value\":49.90,"
        "\"value_currency\":\"USD\",\"unique_id\":\"%s\",\"backfill\":false}}}",
        event.id.text);
    assert_string_equal(event.payload, expected);
    assert_string_equal(event.metric, "Preorder Started");
    assert_int_equal(event.created_at_ms, NOW_MS);
    assert_true(ident_parse(event.id.text, NULL));
    assert_string_equal(event.request_id, "");
    assert_string_equal(event.traceparent, "");
    event_release(&event);
    assert_null(event.payload);
    event_release(&event);
}

static void each_kind_has_its_metric_and_stage(void **state) {
    (void)state;
    static const struct {
        enum event_kind kind;
        const char *metric;
        const char *stage;
    } kinds[] = {
        {EVENT_STARTED, "Preorder Started", "\"marketing_stage\":\"preorder_intention\""},
        {EVENT_COMPLETED, "Preorder Completed", "\"marketing_stage\":\"payment_completed\""},
        {EVENT_ABANDONED, "Preorder Abandoned", "\"marketing_stage\":\"abandoned_cart\""},
        {EVENT_PAYMENT_FAILED, "Preorder Payment Failed", "\"marketing_stage\":\"payment_failed\""},
    };
    struct preorder preorder = sample();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct event event = render(kinds[i].kind, &preorder, 1, "");
        assert_string_equal(event_metric(kinds[i].kind), kinds[i].metric);
        assert_string_equal(event.metric, kinds[i].metric);
        assert_non_null(strstr(event.payload, kinds[i].stage));
        event_release(&event);
    }
}

static void value_is_exact_in_every_currency(void **state) {
    (void)state;
    static const struct {
        int64_t amount;
        const char *currency;
        const char *text;
    } cases[] = {
        {4999, "USD", "\"value\":49.99,\"value_currency\":\"USD\""},
        {500, "JPY", "\"value\":500,\"value_currency\":\"JPY\""},
        {1234, "KWD", "\"value\":1.234,\"value_currency\":\"KWD\""},
        {0, "EUR", "\"value\":0.00,\"value_currency\":\"EUR\""},
        {99999999999, "USD", "\"value\":999999999.99,\"value_currency\":\"USD\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct preorder preorder = sample();
        (void)snprintf(preorder.currency, sizeof(preorder.currency), "%s", cases[i].currency);
        struct event event = render(EVENT_COMPLETED, &preorder, cases[i].amount, "");
        assert_non_null(strstr(event.payload, cases[i].text));
        event_release(&event);
    }
}

static void client_without_properties_leaves_no_trace(void **state) {
    (void)state;
    char none[] = "{}";
    struct preorder preorder = sample();
    preorder.properties_json = none;
    struct event event = render(EVENT_STARTED, &preorder, 1, "");
    assert_non_null(
        strstr(event.payload, "\"marketing_stage\":\"preorder_intention\"},\"metric\""));
    event_release(&event);
}

static void prefix_stands_before_the_metric_within_klaviyos_limit(void **state) {
    (void)state;
    char longest[EVENT_METRIC_PREFIX_BYTES_MAX + 1];
    struct preorder preorder = sample();
    struct event event = render(EVENT_STARTED, &preorder, 1, "Test \"Shop\"");
    assert_string_equal(event.metric, "Test \"Shop\" Preorder Started");
    assert_non_null(strstr(event.payload, "{\"name\":\"Test \\\"Shop\\\" Preorder Started\"}"));
    event_release(&event);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    event = render(EVENT_PAYMENT_FAILED, &preorder, 1, longest);
    assert_int_equal(strlen(event.metric), 127);
    event_release(&event);
}

static void an_occasion_brings_its_own_time_value_and_properties(void **state) {
    (void)state;
    struct preorder preorder = sample();
    struct event_occasion occasion = {.kind = EVENT_ABANDONED,
                                      .happened_at_ms = NOW_MS - 60000,
                                      .amount = 1234,
                                      .currency = "KWD",
                                      .promotions_consent = "opt_in",
                                      .recovery_url = "https://buy.stripe.com/r/live_1"};
    struct event event;
    struct err err = {0};
    assert_int_equal(
        event_render_occasion(&occasion, &preorder, "", NOW_MS, random_system(), &event, &err),
        ERR_OK);
    assert_non_null(strstr(event.payload, "\"time\":\"2026-11-22T13:16:14.123Z\""));
    assert_non_null(strstr(event.payload, "\"value\":1.234,\"value_currency\":\"KWD\""));
    assert_non_null(strstr(event.payload,
                           "\"marketing_stage\":\"abandoned_cart\",\"promotions_consent\":"
                           "\"opt_in\",\"recovery_url\":\"https://buy.stripe.com/r/live_1\","
                           "\"gift\":true"));
    assert_int_equal(event.created_at_ms, NOW_MS); /* the row's, and its id's */
    event_release(&event);
}

static void what_an_occasion_lacks_leaves_no_trace(void **state) {
    (void)state;
    struct preorder preorder = sample();
    struct event_occasion occasion = {.kind = EVENT_ABANDONED,
                                      .happened_at_ms = NOW_MS,
                                      .amount = 1,
                                      .currency = "USD",
                                      .promotions_consent = "",
                                      .recovery_url = NULL};
    struct event event;
    struct err err = {0};
    assert_int_equal(
        event_render_occasion(&occasion, &preorder, "", NOW_MS, random_system(), &event, &err),
        ERR_OK);
    assert_null(strstr(event.payload, "promotions_consent"));
    assert_null(strstr(event.payload, "recovery_url"));
    event_release(&event);
}

/* Whatever a preorder may hold, the payload is JSON that says the same. */
static void any_text_survives_the_rendering(void **state) {
    (void)state;
    static const char odd[] = "a\"b\\c/d\x01\x1F\t\n\xC3\xA9\xF0\x9F\x98\x80</script>";
    struct preorder preorder = sample();
    (void)snprintf(preorder.source, sizeof(preorder.source), "%s", odd);
    struct event event = render(EVENT_STARTED, &preorder, 1, "");
    json_t *payload = json_loadb(event.payload, event.payload_bytes, JSON_REJECT_DUPLICATES, NULL);
    const char *source = NULL;
    assert_int_equal(json_unpack(payload, "{s:{s:{s:{s:s}}}}", "data", "attributes", "properties",
                                 "source", &source),
                     0);
    assert_string_equal(source, odd);
    json_decref(payload);
    event_release(&event);
}

static void each_event_has_an_id_of_its_own(void **state) {
    (void)state;
    struct preorder preorder = sample();
    struct event one = render(EVENT_STARTED, &preorder, 1, "");
    struct event other = render(EVENT_STARTED, &preorder, 1, "");
    assert_string_not_equal(one.id.text, other.id.text);
    event_release(&one);
    event_release(&other);
}

/* Everything in the rendered properties but the client's own must be refused to the client. */
static void every_property_of_the_event_is_reserved(void **state) {
    (void)state;
    struct preorder preorder = sample();
    struct event_occasion occasion = {.kind = EVENT_ABANDONED,
                                      .happened_at_ms = NOW_MS,
                                      .currency = "USD",
                                      .promotions_consent = "opt_out",
                                      .recovery_url = "https://buy.stripe.com/r/1"};
    struct event event;
    struct err err = {0};
    assert_int_equal(
        event_render_occasion(&occasion, &preorder, "", NOW_MS, random_system(), &event, &err),
        ERR_OK);
    json_t *payload = json_loadb(event.payload, event.payload_bytes, 0, NULL);
    json_t *properties = NULL;
    const char *name;
    json_t *value;
    int reserved_count = 0;
    assert_int_equal(
        json_unpack(payload, "{s:{s:{s:o}}}", "data", "attributes", "properties", &properties), 0);
    json_object_foreach(properties, name, value) {
        reserved_count += event_uses_property(name) ? 1 : 0;
    }
    assert_int_equal(reserved_count, (int)json_object_size(properties) - 2);
    assert_non_null(json_object_get(properties, "recovery_url"));
    assert_false(event_uses_property("gift"));
    assert_false(event_uses_property(""));
    assert_false(event_uses_property("Color"));
    json_decref(payload);
    event_release(&event);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_these_bytes),
        cmocka_unit_test(each_kind_has_its_metric_and_stage),
        cmocka_unit_test(value_is_exact_in_every_currency),
        cmocka_unit_test(client_without_properties_leaves_no_trace),
        cmocka_unit_test(prefix_stands_before_the_metric_within_klaviyos_limit),
        cmocka_unit_test(an_occasion_brings_its_own_time_value_and_properties),
        cmocka_unit_test(what_an_occasion_lacks_leaves_no_trace),
        cmocka_unit_test(any_text_survives_the_rendering),
        cmocka_unit_test(each_event_has_an_id_of_its_own),
        cmocka_unit_test(every_property_of_the_event_is_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
