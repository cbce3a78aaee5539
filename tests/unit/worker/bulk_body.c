#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/domain/event.h"
#include "common/random.h"
#include "worker/bulk_body.h"

#define EVENT_START "{\"data\":{\"type\":\"event\",\"attributes\":"
#define METRIC      "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":{\"name\":\"M\"}}}"
#define PROFILE     "{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":\"a@b.example\"}}}"

static void setup_preorder(struct preorder *preorder) {
    *preorder = (struct preorder){.amount = 4990, .properties_json = strdup("{}")};
    snprintf(preorder->id.text, sizeof preorder->id.text, "01900000-0000-7000-8000-000000000001");
    snprintf(preorder->number, sizeof preorder->number, "PRE-7K3M9QX2");
    snprintf(preorder->email, sizeof preorder->email, "jane@shop.example");
    snprintf(preorder->currency, sizeof preorder->currency, "USD");
    assert_non_null(preorder->properties_json);
}

/* The attributes of the event in the first member, and of its profile. */
static json_t *event_of(json_t *member, json_t **profile_out) {
    json_t *attributes = json_object_get(member, "attributes");
    *profile_out = json_object_get(attributes, "profile");
    json_t *events = json_object_get(json_object_get(attributes, "events"), "data");
    assert_int_equal(json_array_size(events), 1);
    assert_string_equal(json_string_value(json_object_get(member, "type")), "event-bulk-create");
    return json_object_get(json_array_get(events, 0), "attributes");
}

static json_t *members_of(const char *payload, size_t payload_bytes, json_t **root_out) {
    json_error_t error;
    *root_out = json_loadb(payload, payload_bytes, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(*root_out);
    json_t *data = json_object_get(*root_out, "data");
    assert_string_equal(json_string_value(json_object_get(data, "type")), "event-bulk-create-job");
    json_t *job = json_object_get(data, "attributes");
    return json_object_get(json_object_get(job, "events-bulk-create"), "data");
}

static void a_rendered_event_keeps_all_its_values_beside_its_profile(void **state) {
    (void)state;
    struct preorder preorder;
    struct event event;
    struct err err;
    setup_preorder(&preorder);
    assert_int_equal(
        event_render(EVENT_STARTED, &preorder, 4990, "", 1000, random_system(), &event, &err),
        ERR_OK);
    struct bulk_body body;
    char *payload = NULL;
    size_t payload_bytes = 0;
    bulk_body_init(&body);
    assert_int_equal(bulk_body_add(&body, event.payload, event.payload_bytes), BULK_ADDED);
    assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);

    json_t *root = NULL;
    json_t *members = members_of(payload, payload_bytes, &root);
    assert_int_equal(json_array_size(members), 1);
    json_t *profile = NULL;
    json_t *attributes = event_of(json_array_get(members, 0), &profile);
    json_t *single = json_loadb(event.payload, event.payload_bytes, 0, NULL);
    json_t *wanted = json_object_get(json_object_get(single, "data"), "attributes");
    assert_true(json_equal(profile, json_object_get(wanted, "profile")));
    assert_int_equal(json_object_del(wanted, "profile"), 0);
    assert_true(json_equal(attributes, wanted));

    json_decref(single);
    json_decref(root);
    free(payload);
    event_release(&event);
    free(preorder.properties_json);
}

static void bytes_are_moved_never_rewritten(void **state) {
    (void)state;
    static const char single[] =
        EVENT_START "{\"properties\":{\"profile\":\"no\",\"n\":1.50,\"q\":\"\\\"}]{[\\\\\"}," METRIC
                    ",\"profile\":" PROFILE ",\"value\":0.10,\"backfill\":false}}}";
    static const char wanted[] =
        "{\"data\":{\"type\":\"event-bulk-create-job\",\"attributes\":{\"events-bulk-create\":"
        "{\"data\":[{\"type\":\"event-bulk-create\",\"attributes\":{\"profile\":" PROFILE
        ",\"events\":{\"data\":[{\"type\":\"event\",\"attributes\":"
        "{\"properties\":{\"profile\":\"no\",\"n\":1.50,\"q\":\"\\\"}]{[\\\\\"}," METRIC
        ",\"value\":0.10,\"backfill\":false}}]}}}]}}}}";
    struct bulk_body body;
    struct err err;
    char *payload = NULL;
    size_t payload_bytes = 0;
    bulk_body_init(&body);
    assert_int_equal(bulk_body_add(&body, single, sizeof single - 1), BULK_ADDED);
    assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);
    assert_int_equal(payload_bytes, sizeof wanted - 1);
    assert_memory_equal(payload, wanted, payload_bytes);
    free(payload);
}

static void the_profile_may_stand_first_or_last(void **state) {
    (void)state;
    static const char *const singles[] = {
        EVENT_START "{\"profile\":" PROFILE "," METRIC ",\"value\":1}}}",
        EVENT_START "{" METRIC ",\"value\":1,\"profile\":" PROFILE "}}}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct bulk_body body;
        struct err err;
        char *payload = NULL;
        size_t payload_bytes = 0;
        bulk_body_init(&body);
        assert_int_equal(bulk_body_add(&body, singles[i], strlen(singles[i])), BULK_ADDED);
        assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);
        assert_non_null(strstr(payload, "\"attributes\":{" METRIC ",\"value\":1}}]}}}"));
        json_t *root = NULL;
        (void)members_of(payload, payload_bytes, &root);
        json_decref(root);
        free(payload);
    }
}

static void what_event_render_did_not_make_is_unfit(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        "null",
        EVENT_START "}}",
        EVENT_START "{}}}",
        EVENT_START "{" METRIC "}}}",
        EVENT_START "{\"profile\":\"unterminated}}}",
        EVENT_START "{\"profile\":\"escaped at the end\\",
        EVENT_START "{\"a\":1,\"b}}}",
        EVENT_START "{\"a\":1,\"profile\"}}}",
        EVENT_START "{\"a\":1,7:2}}}",
        EVENT_START "{\"a\":[1,2}}}",
        EVENT_START "{\"a\":{{\"}}}",
        EVENT_START "{\"a\":1,}}}",
        EVENT_START "{\"a\":,\"b\":1}}}",
        EVENT_START "{\"a\":}}}",
        EVENT_START "{\"a\":]}}}",
        EVENT_START "[\"profile\",1]}}",
        EVENT_START "{\"profile\":1]}}",
        EVENT_START "{\"profile\":" PROFILE "}}]",
        EVENT_START "{\"PROFILE\":" PROFILE "}}}",
        EVENT_START "{\"\"}}}",
        EVENT_START "{\"\":",
        EVENT_START "{\"profile\" :" PROFILE "}}}",
        EVENT_START "{\"profile\":" PROFILE,
        EVENT_START "{\"a\":[[[{\"profile\":1}]]]}}}",
        "{\"data\":{\"type\":\"event\",\"id\":1,\"attributes\":{\"profile\":" PROFILE "}}}",
    };
    struct bulk_body body;
    bulk_body_init(&body);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(bulk_body_add(&body, bodies[i], strlen(bodies[i])), BULK_UNFIT);
    }
    assert_int_equal(body.member_count, 0);
    bulk_body_release(&body);
}

static void the_thousand_and_first_finds_no_room(void **state) {
    (void)state;
    static const char single[] = EVENT_START "{\"profile\":" PROFILE "," METRIC "}}}";
    struct bulk_body body;
    bulk_body_init(&body);
    for (size_t i = 0; i < BULK_MEMBERS_MAX; i++) {
        assert_int_equal(bulk_body_add(&body, single, sizeof single - 1), BULK_ADDED);
    }
    assert_int_equal(bulk_body_add(&body, single, sizeof single - 1), BULK_FULL);
    struct err err;
    char *payload = NULL;
    size_t payload_bytes = 0;
    assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);
    json_t *root = NULL;
    assert_int_equal(json_array_size(members_of(payload, payload_bytes, &root)), BULK_MEMBERS_MAX);
    json_decref(root);
    free(payload);
}

static void five_megabytes_are_never_exceeded(void **state) {
    (void)state;
    enum { FILL = 100000 };
    char *single = malloc(FILL + 512);
    assert_non_null(single);
    int length = snprintf(single, FILL + 512,
                          EVENT_START "{\"profile\":" PROFILE ",\"properties\":{\"x\":\"%0*d\"}}}}",
                          FILL, 0);
    struct bulk_body body;
    bulk_body_init(&body);
    size_t count = 0;
    while (bulk_body_add(&body, single, (size_t)length) == BULK_ADDED) {
        count++;
    }
    assert_int_equal(count, 49);
    static char huge[BULK_BODY_BYTES_MAX + 1000];
    int huge_length =
        snprintf(huge, sizeof huge,
                 EVENT_START "{\"profile\":" PROFILE ",\"properties\":{\"x\":\"%0*d\"}}}}",
                 BULK_BODY_BYTES_MAX, 0);
    struct bulk_body other;
    bulk_body_init(&other);
    assert_int_equal(bulk_body_add(&other, huge, (size_t)huge_length), BULK_UNFIT);
    bulk_body_release(&other);
    struct err err;
    char *payload = NULL;
    size_t payload_bytes = 0;
    assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);
    assert_true(payload_bytes <= BULK_BODY_BYTES_MAX);
    assert_true(payload_bytes + (size_t)length > BULK_BODY_BYTES_MAX);
    free(payload);
    free(single);
}

static void a_profile_alone_is_an_event(void **state) {
    (void)state;
    static const char single[] = EVENT_START "{\"profile\":" PROFILE "}}}";
    struct bulk_body body;
    struct err err;
    char *payload = NULL;
    size_t payload_bytes = 0;
    bulk_body_init(&body);
    assert_int_equal(bulk_body_add(&body, single, sizeof single - 1), BULK_ADDED);
    assert_int_equal(bulk_body_finish(&body, &payload, &payload_bytes, &err), ERR_OK);
    assert_non_null(strstr(payload, "\"attributes\":{}}]}}}"));
    free(payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rendered_event_keeps_all_its_values_beside_its_profile),
        cmocka_unit_test(bytes_are_moved_never_rewritten),
        cmocka_unit_test(the_profile_may_stand_first_or_last),
        cmocka_unit_test(what_event_render_did_not_make_is_unfit),
        cmocka_unit_test(the_thousand_and_first_finds_no_room),
        cmocka_unit_test(five_megabytes_are_never_exceeded),
        cmocka_unit_test(a_profile_alone_is_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
