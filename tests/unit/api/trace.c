/* Which traceparent is carried on, and which starts a new trace. */
#include "api/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void adopt(const char *value, char out[TRACEPARENT_BYTES]) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 7);
    struct header header = {"traceparent", value};
    struct request request = {.headers = &header, .header_count = value == NULL ? 0 : 1};
    trace_adopt(&request, &random, out);
}

static void carries_a_valid_one_on(void **state) {
    (void)state;
    char out[TRACEPARENT_BYTES];
    char id[TRACE_ID_BYTES];
    adopt(GOOD, out);
    assert_string_equal(out, GOOD);
    trace_id(out, id);
    assert_string_equal(id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

static void reads_a_higher_version_by_its_first_four_fields(void **state) {
    (void)state;
    char out[TRACEPARENT_BYTES];
    adopt("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", out);
    assert_string_equal(out, GOOD);
}

static void starts_a_new_trace_otherwise(void **state) {
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        "00",
        (GOOD "-more"),
        (GOOD "0"),
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char out[TRACEPARENT_BYTES];
        adopt(bad[i], out);
        assert_int_equal(strlen(out), TRACEPARENT_BYTES - 1);
        assert_null(strstr(out, "4bf92f3577b34da6"));
        char again[TRACEPARENT_BYTES];
        adopt(out, again);
        assert_string_equal(out, again); /* what it starts is valid itself */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_a_valid_one_on),
        cmocka_unit_test(reads_a_higher_version_by_its_first_four_fields),
        cmocka_unit_test(starts_a_new_trace_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
