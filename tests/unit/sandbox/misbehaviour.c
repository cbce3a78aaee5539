/* The forty: their names, their numbers, and the table of docs/sandbox.md, which must say the
   same. */
#include "sandbox/misbehaviour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void there_are_forty_with_names_of_their_own(void **state) {
    (void)state;
    for (size_t i = 1; i <= MISBEHAVIOUR_COUNT; i++) {
        const struct misbehaviour *misbehaviour = misbehaviour_at(i);
        const struct misbehaviour *nearest = NULL;
        assert_int_equal(misbehaviour_number(misbehaviour), i);
        assert_ptr_equal(misbehaviour_find(misbehaviour_name(misbehaviour), &nearest),
                         misbehaviour);
    }
}

static void what_happens_early_accepts_nothing(void **state) {
    (void)state;
    for (size_t i = 1; i <= MISBEHAVIOUR_COUNT; i++) {
        const struct misbehaviour *misbehaviour = misbehaviour_at(i);
        if (misbehaviour_stage(misbehaviour) != STAGE_REQUEST) {
            assert_false(misbehaviour_accepts(misbehaviour));
            assert_int_equal(misbehaviour_members(misbehaviour) & MANNER_ACCEPT, 0);
        }
    }
}

static void an_unknown_name_gets_the_nearest(void **state) {
    (void)state;
    const struct misbehaviour *nearest = NULL;
    assert_null(misbehaviour_find("gzipbomb", &nearest));
    assert_string_equal(misbehaviour_name(nearest), "gzip-bomb");
    assert_null(misbehaviour_find("", &nearest));
    assert_non_null(nearest);
}

/* "| 7 | `429-date` | no | … | `headers` … |" as it must stand there. */
static void expected_members(const struct misbehaviour *misbehaviour, char text[512]) {
    static const char *const names[] = {"status",      "headers",     "body",
                                        "delay_ms",    "interval_ms", "bytes",
                                        "retry_after", "location",    "accept"};
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((misbehaviour_members(misbehaviour) & (1u << i)) != 0) {
            length += (size_t)snprintf(text + length, 512 - length, "%s`%s`",
                                       length == 0 ? "" : " ", names[i]);
        }
    }
}

static bool says_the_same(const char *line, const struct misbehaviour *misbehaviour) {
    char begin[128], members[512], end[600];
    (void)snprintf(begin, sizeof(begin), "| %zu | `%s` | %s | ", misbehaviour_number(misbehaviour),
                   misbehaviour_name(misbehaviour),
                   misbehaviour_accepts(misbehaviour) ? "yes" : "no");
    expected_members(misbehaviour, members);
    (void)snprintf(end, sizeof(end), members[0] == '\0' ? "| |\n" : "| %s |\n", members);
    bool is_plain = strstr(line, "*plain*") != NULL;
    bool is_head = strstr(line, "*head*") != NULL;
    bool is_connection = strstr(line, "*connection*") != NULL;
    enum misbehaviour_stage stage = misbehaviour_stage(misbehaviour);
    return strncmp(line, begin, strlen(begin)) == 0 && strlen(line) > strlen(end) &&
           strcmp(line + strlen(line) - strlen(end), end) == 0 &&
           is_plain == misbehaviour_is_plain_only(misbehaviour) &&
           is_head == (stage == STAGE_HEAD) && is_connection == (stage == STAGE_CONNECT);
}

static void the_table_in_the_docs_says_the_same(void **state) {
    (void)state;
    FILE *file = fopen(DOCS_SANDBOX, "re");
    assert_non_null(file);
    char line[1024];
    size_t number = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "| ", 2) != 0 || line[2] < '0' || line[2] > '9') {
            continue;
        }
        number++;
        assert_true(number <= MISBEHAVIOUR_COUNT);
        if (!says_the_same(line, misbehaviour_at(number))) {
            print_error("docs/sandbox.md differs from %s: %s",
                        misbehaviour_name(misbehaviour_at(number)), line);
            fail();
        }
    }
    assert_int_equal(number, MISBEHAVIOUR_COUNT);
    assert_int_equal(fclose(file), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_forty_with_names_of_their_own),
        cmocka_unit_test(what_happens_early_accepts_nothing),
        cmocka_unit_test(an_unknown_name_gets_the_nearest),
        cmocka_unit_test(the_table_in_the_docs_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
