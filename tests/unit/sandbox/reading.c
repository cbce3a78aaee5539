/* Bodies as they are read: events, the bytes they stand in, and what Klaviyo takes for the same
   event. */
#include "sandbox/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WHO(email)   "{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":\"" email "\"}}}"
#define METRIC(name) "{\"data\":{\"attributes\":{\"name\":\"" name "\"}}}"
#define ENTRY(id)    "{\"attributes\":{\"unique_id\":\"" id "\",\"metric\":" METRIC("M") "}}"
#define GROUP(email, entries)                                                                      \
    "{\"attributes\":{\"profile\":" WHO(email) ",\"events\":{\"data\":[" entries "]}}}"
#define BULK(groups) "{\"data\":{\"attributes\":{\"events-bulk-create\":{\"data\":[" groups "]}}}}"

static void read_text(struct reading *reading, enum endpoint endpoint, const char *text) {
    struct err err;
    assert_int_equal(reading_init(reading, endpoint, text, strlen(text), &err), ERR_OK);
}

static void a_single_event_is_its_whole_body(void **state) {
    (void)state;
    const char *text = " {\"data\":{\"attributes\":{\"unique_id\":\"u\",\"metric\":" METRIC(
        "M") ",\"profile\":" WHO("a@b.co") "}}}\n";
    struct reading reading;
    read_text(&reading, ENDPOINT_EVENT, text);
    assert_int_equal(reading.event_count, 1);
    const struct event *event = &reading.events[0];
    assert_string_equal(event->unique_id, "u");
    assert_string_equal(event->email, "a@b.co");
    assert_string_equal(event->metric, "M");
    assert_ptr_equal(event->bytes.bytes, text);
    assert_int_equal(event->bytes.byte_count, strlen(text));
    reading_release(&reading);
}

static void events_of_a_bulk_job_keep_their_bytes(void **state) {
    (void)state;
    const char *text =
        BULK(GROUP("a@b.co", ENTRY("1") " , " ENTRY("2")) "," GROUP("c@d.co", " " ENTRY("3") " "));
    static const char *const expected[] = {ENTRY("1"), ENTRY("2"), ENTRY("3")};
    struct reading reading;
    read_text(&reading, ENDPOINT_BULK, text);
    assert_int_equal(reading.event_count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct span bytes = reading.events[i].bytes;
        assert_int_equal(bytes.byte_count, strlen(expected[i]));
        assert_memory_equal(bytes.bytes, expected[i], bytes.byte_count);
    }
    assert_string_equal(reading.events[2].email, "c@d.co");
    struct pointer at;
    reading_point_at_event(&reading.events[1], ENDPOINT_BULK, &at);
    assert_string_equal(
        at.text, "/data/attributes/events-bulk-create/data/0/attributes/events/data/1/attributes");
    reading_point_at_profile(&reading.events[2], ENDPOINT_BULK, &at);
    assert_string_equal(at.text,
                        "/data/attributes/events-bulk-create/data/1/attributes/profile/data");
    reading_release(&reading);
}

static void what_is_missing_is_null(void **state) {
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{\"data\":7}",
                                        "{\"data\":{\"attributes\":[]}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reading reading;
        read_text(&reading, ENDPOINT_EVENT, texts[i]);
        assert_int_equal(reading.event_count, 1);
        assert_null(reading.events[0].unique_id);
        assert_null(reading.events[0].email);
        assert_null(reading.events[0].metric);
        reading_release(&reading);
        read_text(&reading, ENDPOINT_BULK, texts[i]);
        assert_int_equal(reading.event_count, 0);
        reading_release(&reading);
    }
}

static void what_is_no_json_says_why(void **state) {
    (void)state;
    struct reading reading;
    read_text(&reading, ENDPOINT_BULK, "{\"data\":");
    assert_null(reading.root);
    assert_true(strlen(reading.fault) > 0);
    reading_release(&reading);
}

static struct dedup_key key_of(const char *attributes, const char *profile, char id[]) {
    char text[1024];
    assert_true(snprintf(text, sizeof(text),
                         "{\"data\":{\"attributes\":{\"metric\":%s,\"profile\":{\"data\":%s}%s}}}",
                         METRIC("M"), profile, attributes) < (int)sizeof(text));
    struct reading reading;
    read_text(&reading, ENDPOINT_EVENT, text);
    struct dedup_key key = reading_key(&reading.events[0], 1784808000999, id);
    reading_release(&reading);
    return key;
}

static bool is_same(struct dedup_key a, struct dedup_key b) {
    return a.words[0] == b.words[0] && a.words[1] == b.words[1];
}

static void an_event_without_an_id_goes_by_its_second(void **state) {
    (void)state;
    char id[READING_ID_BYTES];
    const char *who = "{\"attributes\":{\"email\":\"a@b.co\"}}";
    struct dedup_key now = key_of("", who, id);
    assert_string_equal(id, "1784808000");
    struct dedup_key same = key_of(",\"time\":\"2026-07-23T12:00:00.5Z\"", who, id);
    assert_string_equal(id, "1784808000");
    assert_true(is_same(now, same));
    struct dedup_key later = key_of(",\"time\":\"2026-07-23T12:00:01Z\"", who, id);
    assert_string_equal(id, "1784808001");
    assert_false(is_same(now, later));
}

static void an_address_is_the_same_in_capitals(void **state) {
    (void)state;
    char id[READING_ID_BYTES];
    struct dedup_key small =
        key_of(",\"unique_id\":\"u\"", "{\"attributes\":{\"email\":\"ada@b.co\"}}", id);
    struct dedup_key large =
        key_of(",\"unique_id\":\"u\"", "{\"attributes\":{\"email\":\"ADA@B.co\"}}", id);
    assert_true(is_same(small, large));
    assert_true(is_same(small, reading_key_of_email("ada@b.co", "M", "u")));
}

static void a_profile_without_an_address_goes_by_its_other_name(void **state) {
    (void)state;
    char id[READING_ID_BYTES];
    const char *unique_id = ",\"unique_id\":\"u\"";
    struct dedup_key by_id = key_of(unique_id, "{\"id\":\"1\",\"attributes\":{}}", id);
    struct dedup_key by_phone =
        key_of(unique_id, "{\"attributes\":{\"phone_number\":\"+12345678901\"}}", id);
    assert_false(is_same(by_id, by_phone));
    assert_true(is_same(by_id, key_of(unique_id, "{\"id\":\"1\",\"attributes\":{}}", id)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_event_is_its_whole_body),
        cmocka_unit_test(events_of_a_bulk_job_keep_their_bytes),
        cmocka_unit_test(what_is_missing_is_null),
        cmocka_unit_test(what_is_no_json_says_why),
        cmocka_unit_test(an_event_without_an_id_goes_by_its_second),
        cmocka_unit_test(an_address_is_the_same_in_capitals),
        cmocka_unit_test(a_profile_without_an_address_goes_by_its_other_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
