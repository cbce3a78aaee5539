/* Who gets a page and who gets JSON, by Accept. */
#include "http/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static bool prefers_html(const char *value) {
    const struct header header = {"accept", value};
    const struct request request = {.headers = &header, .header_count = value == NULL ? 0 : 1};
    return accept_prefers_html(&request);
}

static void browsers_prefer_html(void **state) {
    (void)state;
    /* As Firefox, Chromium and Safari send it with a form. */
    assert_true(prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
    assert_true(prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
                             "image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;"
                             "q=0.7"));
    assert_true(prefers_html("text/html"));
    assert_true(prefers_html("text/*"));
}

static void programs_that_take_anything_get_json(void **state) {
    (void)state;
    assert_false(prefers_html(NULL));
    assert_false(prefers_html(""));
    assert_false(prefers_html("*/*"));
    assert_false(prefers_html("application/json"));
    assert_false(prefers_html("application/json, text/plain, */*"));
    assert_false(prefers_html("application/xhtml+xml"));
    assert_false(prefers_html("text/html5, text"));
}

static void the_heavier_wins_and_html_wins_a_tie(void **state) {
    (void)state;
    assert_true(prefers_html("application/json, text/html"));
    assert_false(prefers_html("application/json, text/html;q=0.9"));
    assert_true(prefers_html("application/json;q=0.899, text/html;q=0.9"));
    assert_false(prefers_html("application/*;q=0.901, text/html;q=0.9"));
    assert_false(prefers_html("text/html;q=0.1, */*"));
    assert_true(prefers_html("text/html;q=0.001"));
}

static void the_most_specific_range_counts(void **state) {
    (void)state;
    assert_false(prefers_html("text/html;q=0, */*"));
    assert_false(prefers_html("text/*, text/html;q=0"));
    assert_true(prefers_html("text/*;q=0, text/html;q=0.5"));
    assert_true(prefers_html("text/html;q=0.5, */*, application/json;q=0"));
    assert_true(prefers_html("text/html;q=0.2, text/html;q=0.9, application/json;q=0.5"));
}

static void no_weight_or_zero_is_not_malformed_but_other_things_are(void **state) {
    (void)state;
    static const char *const right[] = {"1", "1.", "1.0", "1.000", "0.5", "0.001", "0.999"};
    static const char *const wrong[] = {"",    "2",   "1.001", "0.0001", "-1",
                                        ".5",  "0,5", "high",  "1e0",    "0.a",
                                        "0./", "0.:", "00.5",  "0.5x",   "\"1\""};
    static char text[64];
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        (void)snprintf(text, sizeof text, "text/html;q=%s", right[i]);
        assert_true(prefers_html(text));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "text/html;q=%s", wrong[i]);
        assert_false(prefers_html(text));
    }
    assert_false(prefers_html("text/html;q=0"));
    assert_false(prefers_html("text/html;q=0.000"));
}

static void blanks_cases_and_parameters_do_not_matter(void **state) {
    (void)state;
    assert_true(prefers_html("  ,, ; ,\ttext/HTML \t;  level=1 ; Q = 0.5 , */*;q=0.4"));
    assert_true(prefers_html("text/html;a=\"x,y;q=0\\\"\";q=1, application/json;q=0.9"));
    assert_true(prefers_html("*/html;q=0, text/html"));
    assert_true(prefers_html("text/html;a=\"ends in an escape\\"));
    assert_false(prefers_html("text/html;a=\"never closed, text/html;q=1"
                              "; application/json"
                              "\";q=0"));
}

static void all_headers_of_the_name_count(void **state) {
    (void)state;
    const struct header headers[] = {
        {"Accept", "application/json;q=0.5"}, {"Host", "text/html"}, {"ACCEPT", "text/html"}};
    struct request request = {.headers = headers, .header_count = 3};
    assert_true(accept_prefers_html(&request));
    request.header_count = 2;
    assert_false(accept_prefers_html(&request));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_prefer_html),
        cmocka_unit_test(programs_that_take_anything_get_json),
        cmocka_unit_test(the_heavier_wins_and_html_wins_a_tie),
        cmocka_unit_test(the_most_specific_range_counts),
        cmocka_unit_test(no_weight_or_zero_is_not_malformed_but_other_things_are),
        cmocka_unit_test(blanks_cases_and_parameters_do_not_matter),
        cmocka_unit_test(all_headers_of_the_name_count),
    };
    return cmocka_run_group_tests_name("http/accept", tests, NULL, NULL);
}
