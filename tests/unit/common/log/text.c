/* Lines for people: readable, and unambiguous where a value has spaces. */
#include "common/log/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct log_line line;

static const char *text(const struct log_entry *entry) {
    line.length = 0;
    log_line_append_text(&line, entry);
    line.bytes[line.length] = '\0';
    return line.bytes;
}

static void time_level_message_and_fields(void **state) {
    (void)state;
    struct log_entry entry = {
        .level = LOG_LEVEL_INFO,
        .wall_ms = INT64_C(1795353434123),
        .component = "worker",
        .fields = (const struct log_field[]){LOG_MSG("attempt done"),
                                             LOG_TEXT("event_id", "e1"),
                                             LOG_INT("http_status", 202),
                                             LOG_NUMBER("s", (double)INFINITY),
                                             LOG_TEXT("x", ""),
                                             {0}},
    };
    assert_string_equal(text(&entry), "2026-11-22T13:17:14.123Z info  attempt done event_id=e1 "
                                      "http_status=202 s=nan\n");
}

static void levels_line_up_but_for_the_long_one(void **state) {
    (void)state;
    static const char *const expected[] = {
        "1970-01-01T00:00:00.000Z error m\n",
        "1970-01-01T00:00:00.000Z warning m\n",
        "1970-01-01T00:00:00.000Z info  m\n",
        "1970-01-01T00:00:00.000Z debug m\n",
    };
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        struct log_entry entry = {
            .level = level,
            .fields = (const struct log_field[]){LOG_MSG("m"), {0}},
        };
        assert_string_equal(text(&entry), expected[level]);
    }
}

static void assert_value(const char *value, const char *expected) {
    struct log_entry entry = {.fields = (const struct log_field[]){LOG_TEXT("k", value), {0}}};
    line.length = 0;
    log_line_append_message(&line, &entry);
    line.bytes[line.length] = '\0';
    assert_string_equal(line.bytes, expected);
}

static void values_are_quoted_where_they_could_be_misread(void **state) {
    (void)state;
    assert_value("plain-1.2:3/4", " k=plain-1.2:3/4");
    assert_value("two words", " k=\"two words\"");
    assert_value("a=b", " k=\"a=b\"");
    assert_value("say \"x\"", " k=\"say \\\"x\\\"\"");
    assert_value("\"", " k=\"\\\"\"");
    assert_value("back\\slash", " k=\"back\\\\slash\"");
    assert_value("line\nbreak", " k=\"line\\nbreak\"");
    assert_value("K\xC3\xB6ln", " k=\"K\xC3\xB6ln\"");
}

static void a_message_keeps_its_quotes_but_no_line_break(void **state) {
    (void)state;
    struct log_entry entry = {
        .fields = (const struct log_field[]){LOG_MSG("cannot read \"x\"\nand more"), {0}},
    };
    line.length = 0;
    log_line_append_message(&line, &entry);
    line.bytes[line.length] = '\0';
    assert_string_equal(line.bytes, "cannot read \"x\"\\nand more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_level_message_and_fields),
        cmocka_unit_test(levels_line_up_but_for_the_long_one),
        cmocka_unit_test(values_are_quoted_where_they_could_be_misread),
        cmocka_unit_test(a_message_keeps_its_quotes_but_no_line_break),
    };
    return cmocka_run_group_tests_name("common/log_text", tests, NULL, NULL);
}
