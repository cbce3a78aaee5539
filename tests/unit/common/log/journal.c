/* The journal's fields, and what happens when it refuses. libsystemd's call is replaced. */
#include "common/log/format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int __wrap_sd_journal_sendv(const struct iovec *parts, int part_count);

static int journal_answer;
static int journal_part_count;

int __wrap_sd_journal_sendv(const struct iovec *parts, int part_count) {
    assert_non_null(parts);
    journal_part_count = part_count;
    return journal_answer;
}

static struct log_line line;

static const struct log_entry entry = {
    .level = LOG_LEVEL_WARNING,
    .component = "worker",
    .fields = (const struct log_field[]){LOG_MSG("attempt"),
                                         LOG_TEXT("preorder_id", "p 1\n"),
                                         LOG_INT("http.status", 202),
                                         LOG_NUMBER("duration_s", 0.5),
                                         LOG_TEXT("empty", ""),
                                         {0}},
};

static void assert_part(const struct log_journal_message *message, size_t index,
                        const char *expected) {
    const struct iovec *part = &message->parts[index];
    assert_int_equal(part->iov_len, strlen(expected));
    assert_memory_equal(part->iov_base, expected, strlen(expected));
}

static void every_field_gets_a_name_of_its_own(void **state) {
    (void)state;
    struct log_journal_message message;
    line.length = 0;
    log_journal_build(&line, &entry, &message);
    assert_int_equal(message.part_count, 6);
    assert_part(&message, 0, "PRIORITY=4");
    assert_part(&message, 1,
                "MESSAGE=attempt preorder_id=\"p 1\\n\" http.status=202 duration_s=0.5");
    assert_part(&message, 2, "COMPONENT=worker");
    assert_part(&message, 3, "PREORDER_ID=p 1\\n");
    assert_part(&message, 4, "HTTP_STATUS=202");
    assert_part(&message, 5, "DURATION_S=0.5");
}

static void levels_become_priorities(void **state) {
    (void)state;
    static const char *const expected[] = {"PRIORITY=3", "PRIORITY=4", "PRIORITY=6", "PRIORITY=7"};
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        struct log_entry small = {
            .level = level,
            .fields = (const struct log_field[]){LOG_MSG("m"), {0}},
        };
        struct log_journal_message message;
        line.length = 0;
        log_journal_build(&line, &small, &message);
        assert_int_equal(message.part_count, 2); /* no component before log_init */
        assert_part(&message, 0, expected[level]);
    }
}

static void sends_all_parts(void **state) {
    (void)state;
    struct err err;
    line.length = 0;
    journal_answer = 0;
    assert_int_equal(log_journal_send(&line, &entry, &err), ERR_OK);
    assert_int_equal(journal_part_count, 6);
}

static void a_refusal_is_told(void **state) {
    (void)state;
    struct err err;
    line.length = 0;
    journal_answer = -ENOBUFS;
    assert_int_equal(log_journal_send(&line, &entry, &err), ERR_BUSY);
    assert_string_equal(err.text, "the journal did not take a line: No buffer space available");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_gets_a_name_of_its_own),
        cmocka_unit_test(levels_become_priorities),
        cmocka_unit_test(sends_all_parts),
        cmocka_unit_test(a_refusal_is_told),
    };
    return cmocka_run_group_tests_name("common/log_journal", tests, NULL, NULL);
}
