#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/domain/trace.h"

static const char example[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void a_continued_trace_keeps_all_but_the_parent(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 3);
    char first[TRACEPARENT_BYTES];
    char second[TRACEPARENT_BYTES];
    trace_continue(example, &random, first);
    trace_continue(example, &random, second);
    assert_int_equal(strlen(first), 55);
    assert_memory_equal(first, example, 36);
    assert_string_equal(first + 52, "-01");
    assert_string_not_equal(first, example);
    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first + 36, "0123456789abcdef"), 16);
}

static void the_trace_id_is_found(void **state) {
    (void)state;
    char id[TRACE_ID_BYTES];
    trace_id(example, id);
    assert_string_equal(id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

static void what_is_malformed_gives_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b\r-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b77-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
    };
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 3);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char id[TRACE_ID_BYTES] = "x";
        char next[TRACEPARENT_BYTES] = "x";
        trace_id(texts[i], id);
        trace_continue(texts[i], &random, next);
        assert_string_equal(id, "");
        assert_string_equal(next, "");
    }
}

static void what_is_accepted_becomes_version_00_and_the_rest_a_new_trace(void **state) {
    (void)state;
    static const struct {
        const char *given;
        bool is_accepted;
    } cases[] = {
        {example, true},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"", false},
        {NULL, false},
    };
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char taken[TRACEPARENT_BYTES];
        char id[TRACE_ID_BYTES];
        trace_accept(cases[i].given, &random, taken);
        trace_id(taken, id); /* of version 00, or there is none */
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strcmp(taken, example) == 0, cases[i].is_accepted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_continued_trace_keeps_all_but_the_parent),
        cmocka_unit_test(the_trace_id_is_found),
        cmocka_unit_test(what_is_malformed_gives_nothing),
        cmocka_unit_test(what_is_accepted_becomes_version_00_and_the_rest_a_new_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
