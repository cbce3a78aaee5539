/* What all formats share: escaping that no bytes get around, and lines that always fit. */
#include "common/log/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "common/utf8.h"

static struct log_line line; /* too large for a stack */

static const char *escaped(const char *text, enum log_escape escape) {
    line.length = 0;
    log_line_append_escaped(&line, text, escape);
    line.bytes[line.length] = '\0';
    return line.bytes;
}

static void plain_text_stays(void **state) {
    (void)state;
    assert_string_equal(escaped("K\xC3\xB6ln \xF0\x9F\x8E\x81", LOG_ESCAPE_QUOTES),
                        "K\xC3\xB6ln \xF0\x9F\x8E\x81");
}

static void controls_are_escaped(void **state) {
    (void)state;
    assert_string_equal(escaped("\n\r\t\x01\x1B\x7F", LOG_ESCAPE_CONTROLS),
                        "\\n\\r\\t\\u0001\\u001b\\u007f");
    assert_string_equal(escaped("\xC2\x80\xC2\x9F\xC2\xA0", LOG_ESCAPE_CONTROLS),
                        "\\u0080\\u009f\xC2\xA0");
}

static void separators_and_direction_marks_are_escaped(void **state) {
    (void)state;
    assert_string_equal(escaped("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAE\xE2\x81\xA6\xE2\x81\xA9",
                                LOG_ESCAPE_CONTROLS),
                        "\\u2028\\u2029\\u202e\\u2066\\u2069");
    assert_string_equal(
        escaped("\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA", LOG_ESCAPE_CONTROLS),
        "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA"); /* their neighbours */
}

static void quotes_are_escaped_where_asked(void **state) {
    (void)state;
    assert_string_equal(escaped("a\"b\\c", LOG_ESCAPE_QUOTES), "a\\\"b\\\\c");
    assert_string_equal(escaped("a\"b\\c", LOG_ESCAPE_CONTROLS), "a\"b\\c");
}

static void bytes_that_are_no_utf8_are_replaced_one_by_one(void **state) {
    (void)state;
    assert_string_equal(escaped("\xFFx\xE2\x82", LOG_ESCAPE_QUOTES),
                        "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(escaped("\xED\xA0\x80", LOG_ESCAPE_QUOTES), /* a lone surrogate */
                        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void long_text_is_cut_between_characters(void **state) {
    (void)state;
    char text[3 * LOG_FIELD_BYTES_MAX + 1];
    for (size_t i = 0; i + 1 < sizeof text; i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 4); /* the euro sign */
    }
    const char *cut = escaped(text, LOG_ESCAPE_QUOTES);
    assert_in_range(line.length, LOG_FIELD_BYTES_MAX - 3, LOG_FIELD_BYTES_MAX);
    assert_string_equal(cut + line.length - 6, "\xE2\x82\xAC\xE2\x80\xA6");
    assert_int_equal(line.length % 3, 0);
}

static void text_that_just_fits_is_not_cut(void **state) {
    (void)state;
    char text[LOG_FIELD_BYTES_MAX - 3 + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_string_equal(escaped(text, LOG_ESCAPE_QUOTES), text);
}

/* Any bytes at all: what comes out is UTF-8 without a control, and never too long. */
static void no_bytes_get_around_the_escaping(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 42);
    for (int round = 0; round < 2000; round++) {
        char text[400];
        random_fill(&random, text, sizeof text - 1);
        text[random_below(&random, sizeof text)] = '\0';
        text[sizeof text - 1] = '\0';
        const char *next = escaped(text, LOG_ESCAPE_QUOTES);
        assert_true(line.length <= LOG_FIELD_BYTES_MAX);
        while (*next != '\0') {
            uint32_t code_point = 0;
            size_t length = utf8_decode(next, strnlen(next, 4), &code_point);
            assert_true(length > 0 && code_point >= 0x20 && code_point != 0x7F);
            assert_false(code_point >= 0x80 && code_point <= 0x9F);
            next += length;
        }
    }
}

static const char *number(struct log_field field) {
    line.length = 0;
    log_line_append_number(&line, &field, "none");
    line.bytes[line.length] = '\0';
    return line.bytes;
}

static void numbers_are_written_shortly_and_exactly(void **state) {
    (void)state;
    assert_string_equal(number((struct log_field)LOG_INT("n", INT64_MIN)), "-9223372036854775808");
    assert_string_equal(number((struct log_field)LOG_INT("n", INT64_MAX)), "9223372036854775807");
    assert_string_equal(number((struct log_field)LOG_NUMBER("n", 0.0021)), "0.0021");
    assert_string_equal(number((struct log_field)LOG_NUMBER("n", 12.0)), "12");
}

static void numbers_that_are_none_have_a_word(void **state) {
    (void)state;
    assert_string_equal(number((struct log_field)LOG_NUMBER("n", (double)NAN)), "none");
    assert_string_equal(number((struct log_field)LOG_NUMBER("n", (double)INFINITY)), "none");
    assert_string_equal(number((struct log_field)LOG_NUMBER("n", -(double)INFINITY)), "none");
}

static void every_kind_knows_whether_it_is_shown(void **state) {
    (void)state;
    const struct log_field shown[] = {LOG_TEXT("a", "x"), LOG_INT("b", 0), LOG_NUMBER("c", 0)};
    const struct log_field hidden[] = {LOG_MSG("x"), LOG_TEXT("a", ""), LOG_TEXT("a", NULL), {0}};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        assert_true(log_field_is_shown(&shown[i]));
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        assert_false(log_field_is_shown(&hidden[i]));
    }
}

static void the_message_may_stand_anywhere_or_be_missing(void **state) {
    (void)state;
    struct log_entry entry = {
        .fields = (const struct log_field[]){LOG_INT("a", 1), LOG_MSG("m"), {0}},
    };
    assert_string_equal(log_entry_message(&entry), "m");
    entry.fields = (const struct log_field[]){LOG_MSG(NULL), {0}};
    assert_string_equal(log_entry_message(&entry), "");
}

static void fill_fields(struct log_field fields[LOG_FIELDS_MAX + 1], const char *text) {
    static const char name[] = "n234567890123456789012345678901234567890123456789012345678901234";
    assert_int_equal(strlen(name), LOG_NAME_BYTES_MAX);
    for (size_t i = 0; i < LOG_FIELDS_MAX; i++) {
        fields[i] = (struct log_field)LOG_TEXT(name, text);
    }
    fields[0] = (struct log_field)LOG_MSG(text);
    fields[LOG_FIELDS_MAX] = (struct log_field){0};
}

static void the_largest_line_fits_in_every_format(void **state) {
    (void)state;
    char text[2 * LOG_FIELD_BYTES_MAX];
    struct log_field fields[LOG_FIELDS_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fill_fields(fields, text);
    struct log_entry entry = {.wall_ms = INT64_MIN, .component = text, .fields = fields};
    struct log_journal_message message;
    line.length = 0; /* each asserts that it does not write behind the line's end */
    log_line_append_json(&line, &entry);
    line.length = 0;
    log_line_append_text(&line, &entry);
    line.length = 0;
    log_journal_build(&line, &entry, &message);
    assert_int_equal(message.part_count, LOG_FIELDS_MAX + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(separators_and_direction_marks_are_escaped),
        cmocka_unit_test(quotes_are_escaped_where_asked),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced_one_by_one),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(text_that_just_fits_is_not_cut),
        cmocka_unit_test(no_bytes_get_around_the_escaping),
        cmocka_unit_test(numbers_are_written_shortly_and_exactly),
        cmocka_unit_test(numbers_that_are_none_have_a_word),
        cmocka_unit_test(every_kind_knows_whether_it_is_shown),
        cmocka_unit_test(the_message_may_stand_anywhere_or_be_missing),
        cmocka_unit_test(the_largest_line_fits_in_every_format),
    };
    return cmocka_run_group_tests_name("common/log_format", tests, NULL, NULL);
}
