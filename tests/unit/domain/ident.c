/* Ids: their form, their time, and that they differ. */
#include "common/domain/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fill_with_ones(void *context, void *bytes, size_t byte_count) {
    (void)context;
    memset(bytes, 0xFF, byte_count);
}

static void has_the_time_in_front_and_version_7(void **state) {
    (void)state;
    const struct random ones = {.fill = fill_with_ones};
    /* The time of the example in RFC 9562, appendix A.6. */
    struct ident ident = ident_make(INT64_C(0x017F22E279B0), &ones);
    assert_string_equal(ident.text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
}

static void takes_the_first_and_the_last_millisecond(void **state) {
    (void)state;
    const struct random ones = {.fill = fill_with_ones};
    assert_string_equal(ident_make(0, &ones).text, "00000000-0000-7fff-bfff-ffffffffffff");
    assert_string_equal(ident_make((INT64_C(1) << 48) - 1, &ones).text,
                        "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

static void sorts_by_time(void **state) {
    (void)state;
    struct ident early = ident_make(1700000000000, random_system());
    struct ident late = ident_make(1700000000001, random_system());
    assert_true(strcmp(early.text, late.text) < 0);
}

static void differs_within_a_millisecond(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    struct ident idents[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        idents[i] = ident_make(1700000000000, random_system());
    }
    qsort(idents, COUNT, sizeof(idents[0]), (int (*)(const void *, const void *))strcmp);
    for (size_t i = 1; i < COUNT; i++) {
        assert_string_not_equal(idents[i - 1].text, idents[i].text);
    }
}

static void reads_back_what_it_made(void **state) {
    (void)state;
    struct ident made = ident_make(1700000000000, random_system());
    struct ident read;
    assert_true(ident_parse(made.text, &read));
    assert_string_equal(read.text, made.text);
}

static void reads_upper_case_as_lower(void **state) {
    (void)state;
    struct ident ident;
    assert_true(ident_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &ident));
    assert_string_equal(ident.text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void refuses_what_is_no_uuid(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "-",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2079b007cc3098c40dc0c0c07398f",
        "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398 ",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739\xC3\xA9",
    };
    struct ident untouched = {"as before"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(ident_parse(wrong[i], &untouched));
        assert_false(ident_parse(wrong[i], NULL));
    }
    assert_string_equal(untouched.text, "as before");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_time_in_front_and_version_7),
        cmocka_unit_test(takes_the_first_and_the_last_millisecond),
        cmocka_unit_test(sorts_by_time),
        cmocka_unit_test(differs_within_a_millisecond),
        cmocka_unit_test(reads_back_what_it_made),
        cmocka_unit_test(reads_upper_case_as_lower),
        cmocka_unit_test(refuses_what_is_no_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
