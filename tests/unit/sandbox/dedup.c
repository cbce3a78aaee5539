/* The set of events that were accepted. */
#include "sandbox/dedup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static bool added(struct dedup *dedup, struct dedup_key key) {
    struct err err;
    bool was_there = false;
    assert_int_equal(dedup_add(dedup, key, &was_there, &err), ERR_OK);
    return !was_there;
}

static struct dedup *open_set(void) {
    struct err err;
    struct dedup *dedup = NULL;
    assert_int_equal(dedup_open(&dedup, &err), ERR_OK);
    return dedup;
}

static void the_same_three_texts_are_the_same_event(void **state) {
    (void)state;
    struct dedup *dedup = open_set();
    assert_true(added(dedup, dedup_key_of("a", "b", "c")));
    assert_false(added(dedup, dedup_key_of("a", "b", "c")));
    assert_true(dedup_has(dedup, dedup_key_of("a", "b", "c")));
    assert_int_equal(dedup_count(dedup), 1);
    dedup_close(dedup);
}

static void one_other_text_is_another_event(void **state) {
    (void)state;
    struct dedup *dedup = open_set();
    assert_true(added(dedup, dedup_key_of("a", "b", "c")));
    assert_true(added(dedup, dedup_key_of("x", "b", "c")));
    assert_true(added(dedup, dedup_key_of("a", "x", "c")));
    assert_true(added(dedup, dedup_key_of("a", "b", "x")));
    dedup_close(dedup);
}

static void a_border_between_texts_counts(void **state) {
    (void)state;
    struct dedup *dedup = open_set();
    assert_true(added(dedup, dedup_key_of("ab", "c", "d")));
    assert_true(added(dedup, dedup_key_of("a", "bc", "d")));
    assert_true(added(dedup, dedup_key_of("a", "b", "cd")));
    assert_true(added(dedup, dedup_key_of("", "abc", "d")));
    dedup_close(dedup);
}

static void a_hundred_thousand_are_all_remembered(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    struct dedup *dedup = open_set();
    char id[24];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        assert_true(added(dedup, dedup_key_of("p", "m", id)));
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        assert_true(dedup_has(dedup, dedup_key_of("p", "m", id)));
    }
    assert_int_equal(dedup_count(dedup), COUNT);
    assert_false(dedup_has(dedup, dedup_key_of("p", "m", "none of these")));
    dedup_close(dedup);
}

static void a_cleared_set_is_empty(void **state) {
    (void)state;
    struct dedup *dedup = open_set();
    assert_true(added(dedup, dedup_key_of("a", "b", "c")));
    dedup_clear(dedup);
    assert_int_equal(dedup_count(dedup), 0);
    assert_true(added(dedup, dedup_key_of("a", "b", "c")));
    dedup_close(dedup);
}

static void closing_nothing_is_fine(void **state) {
    (void)state;
    dedup_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_three_texts_are_the_same_event),
        cmocka_unit_test(one_other_text_is_another_event),
        cmocka_unit_test(a_border_between_texts_counts),
        cmocka_unit_test(a_hundred_thousand_are_all_remembered),
        cmocka_unit_test(a_cleared_set_is_empty),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
