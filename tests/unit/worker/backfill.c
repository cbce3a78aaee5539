#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/backfill.h"

static void false_becomes_true_and_nothing_else_changes(void **state) {
    (void)state;
    char payload[] =
        "{\"data\":{\"attributes\":{\"a\":\"\\\"backfill\\\":false\",\"backfill\":false}}}";
    const char wanted[] =
        "{\"data\":{\"attributes\":{\"a\":\"\\\"backfill\\\":false\",\"backfill\":true}}}";
    size_t length = sizeof payload - 1;
    assert_true(backfill_turn(payload, &length));
    assert_int_equal(length, sizeof wanted - 1);
    assert_memory_equal(payload, wanted, length);
}

static void a_second_turn_changes_nothing(void **state) {
    (void)state;
    char payload[] = "{\"x\":{\"y\":{\"z\":1,\"backfill\":false}}}";
    size_t length = sizeof payload - 1;
    assert_true(backfill_turn(payload, &length));
    char before[sizeof payload];
    memcpy(before, payload, sizeof payload);
    size_t length_before = length;
    assert_true(backfill_turn(payload, &length));
    assert_int_equal(length, length_before);
    assert_memory_equal(payload, before, length);
}

static void other_bodies_are_left_alone(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "}}}", "{\"backfill\":false}}",
                                         "{\"backfill\":null}}}", "\"backfill\":false}}} "};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char payload[64];
        size_t length = strlen(bodies[i]);
        memcpy(payload, bodies[i], length + 1);
        assert_false(backfill_turn(payload, &length));
        assert_string_equal(payload, bodies[i]);
        assert_int_equal(length, strlen(bodies[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(false_becomes_true_and_nothing_else_changes),
        cmocka_unit_test(a_second_turn_changes_nothing),
        cmocka_unit_test(other_bodies_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
