/* The filter's flags; its words need a store and are tried in tests/integration/test_ctl.py. */
#include "ctl/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000000 };

static void nothing_given_means_every_event_up_to_the_default(void **state) {
    (void)state;
    struct options options = {0};
    struct filter filter;
    struct err err = {0};
    assert_int_equal(filter_parse(&filter, &options, 50, NOW_MS, &err), ERR_OK);
    assert_int_equal(filter.events.limit, 50);
    assert_null(filter.events.status);
    assert_null(filter.events.email);
    assert_int_equal(filter.events.created_before_ms, 0);
    assert_int_equal(filter.events.created_after_ms, 0);
    assert_int_equal(filter.events.id_count, 0);
    filter_release(&filter);
}

static void every_flag_reaches_its_place(void **state) {
    (void)state;
    struct options options = {.status = "dead",
                              .metric = "Preorder Started",
                              .email = "Ada@B\xc3\xbc"
                                       "cher.example",
                              .error = "timeout",
                              .older = "2s",
                              .newer = "1m",
                              .limit = "7"};
    struct filter filter;
    struct err err = {0};
    assert_int_equal(filter_parse(&filter, &options, 50, NOW_MS, &err), ERR_OK);
    assert_string_equal(filter.events.status, "dead");
    assert_string_equal(filter.events.metric, "Preorder Started");
    assert_string_equal(filter.events.email, "Ada@xn--bcher-kva.example");
    assert_string_equal(filter.events.error, "timeout");
    assert_int_equal(filter.events.created_before_ms, NOW_MS - 2000);
    assert_int_equal(filter.events.created_after_ms, NOW_MS - 60000);
    assert_int_equal(filter.events.limit, 7);
    filter_release(&filter);
}

/* An age longer than the clock has run must not turn into "any". */
static void an_age_beyond_the_epoch_still_limits(void **state) {
    (void)state;
    struct options options = {.older = "100000d"};
    struct filter filter;
    struct err err = {0};
    assert_int_equal(filter_parse(&filter, &options, 50, NOW_MS, &err), ERR_OK);
    assert_int_equal(filter.events.created_before_ms, 1);
    filter_release(&filter);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        struct options options;
        const char *said;
    } cases[] = {
        {{.status = "daed"}, "did you mean 'dead'?"},
        {{.status = "delivered"}, "give due, waiting, sending, pending"},
        {{.status = "unclaimed"}, "--status"}, /* the store's own word */
        {{.email = "nobody"}, "--email"},
        {{.older = "2"}, "--older"},
        {{.newer = "soon"}, "--newer"},
        {{.limit = "0"}, "--limit"},
        {{.limit = "-1"}, "--limit"},
        {{.limit = "100001"}, "from 1 to 100000"},
        {{.limit = "many"}, "--limit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct filter filter;
        struct err err = {0};
        assert_int_equal(filter_parse(&filter, &cases[i].options, 50, NOW_MS, &err), ERR_INVALID);
        if (strstr(err.text, cases[i].said) == NULL) {
            fail_msg("'%s' does not say '%s'", err.text, cases[i].said);
        }
        filter_release(&filter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_means_every_event_up_to_the_default),
        cmocka_unit_test(every_flag_reaches_its_place),
        cmocka_unit_test(an_age_beyond_the_epoch_still_limits),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
