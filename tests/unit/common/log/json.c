/* JSON lines: one object a line that any reader understands. */
#include "common/log/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct log_line line;

static const char *json(const struct log_entry *entry) {
    line.length = 0;
    log_line_append_json(&line, entry);
    line.bytes[line.length] = '\0';
    return line.bytes;
}

static void the_fixed_members_come_first(void **state) {
    (void)state;
    struct log_entry entry = {
        .level = LOG_LEVEL_INFO,
        .component = "worker",
        .fields = (const struct log_field[]){LOG_TEXT("event_id", "e1"),
                                             LOG_MSG("attempt"),
                                             LOG_INT("http_status", 202),
                                             LOG_NUMBER("duration_s", 0.25),
                                             {0}},
    };
    assert_string_equal(
        json(&entry), "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"msg\":\"attempt\","
                      "\"component\":\"worker\",\"event_id\":\"e1\",\"http_status\":202,"
                      "\"duration_s\":0.25}\n");
}

static void hostile_text_forges_no_member_and_no_line(void **state) {
    (void)state;
    struct log_entry entry = {
        .level = LOG_LEVEL_ERROR,
        .fields = (const struct log_field[]){LOG_MSG("\"}\n{\"level\":\"info"),
                                             LOG_TEXT("a", "x\",\"b\":\"\\"),
                                             {0}},
    };
    assert_string_equal(json(&entry), "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"error\","
                                      "\"msg\":\"\\\"}\\n{\\\"level\\\":\\\"info\","
                                      "\"a\":\"x\\\",\\\"b\\\":\\\"\\\\\"}\n");
}

static void empty_fields_are_left_out_and_no_number_is_null(void **state) {
    (void)state;
    struct log_entry entry = {
        .level = LOG_LEVEL_DEBUG,
        .fields =
            (const struct log_field[]){
                LOG_TEXT("a", ""), LOG_TEXT("b", NULL), LOG_NUMBER("c", (double)NAN), {0}},
    };
    assert_string_equal(
        json(&entry),
        "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"debug\",\"msg\":\"\",\"c\":null}\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixed_members_come_first),
        cmocka_unit_test(hostile_text_forges_no_member_and_no_line),
        cmocka_unit_test(empty_fields_are_left_out_and_no_number_is_null),
    };
    return cmocka_run_group_tests_name("common/log_json", tests, NULL, NULL);
}
