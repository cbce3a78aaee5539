#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/answer.h"

static struct answer read_text(const char *body) {
    struct answer answer;
    memset(&answer, 'x', sizeof answer);
    answer_read(body, strlen(body), &answer);
    return answer;
}

static void the_first_error_is_read(void **state) {
    (void)state;
    struct answer answer = read_text(
        "{\"errors\":[{\"id\":\"1\",\"status\":400,\"code\":\"invalid\",\"title\":\"T\","
        "\"detail\":\"Invalid value.\",\"source\":{\"pointer\":\"/data/attributes/time\"}},"
        "{\"detail\":\"second\"}]}");
    assert_string_equal(answer.detail, "Invalid value.");
    assert_string_equal(answer.pointer, "/data/attributes/time");
}

static void title_code_and_parameter_stand_in(void **state) {
    (void)state;
    struct answer answer =
        read_text("{\"errors\":[{\"title\":\"A title\",\"source\":{\"parameter\":\"revision\"}}]}");
    assert_string_equal(answer.detail, "A title");
    assert_string_equal(answer.pointer, "revision");
    answer = read_text("{\"errors\":[{\"detail\":\"\",\"title\":7,\"code\":\"throttled\"}]}");
    assert_string_equal(answer.detail, "throttled");
    assert_string_equal(answer.pointer, "");
}

static void addresses_are_masked(void **state) {
    (void)state;
    struct answer answer =
        read_text("{\"errors\":[{\"detail\":\"jane.doe@shop.example is no address\","
                  "\"source\":{\"pointer\":\"/emails/jane.doe@shop.example\"}}]}");
    assert_null(strstr(answer.detail, "jane.doe"));
    assert_null(strstr(answer.pointer, "jane.doe"));
    assert_non_null(strstr(answer.detail, "is no address"));
}

static void hostile_bodies_give_nothing(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html><body>403 Forbidden</body></html>",
        "{",
        "[]",
        "null",
        "{\"errors\":{}}",
        "{\"errors\":[]}",
        "{\"errors\":[7]}",
        "{\"errors\":[{\"detail\":{\"a\":1},\"source\":\"x\"}]}",
        "{\"errors\":[{\"detail\":\"\\u0000\"}]}",
        "{\"errors\":[{\"detail\":\"\xff\"}]}",
        "{\"errors\":[{\"detail\":\"cut of",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct answer answer = read_text(bodies[i]);
        assert_string_equal(answer.detail, "");
        assert_string_equal(answer.pointer, "");
    }
}

static void nesting_as_deep_as_the_body_allows_is_survived(void **state) {
    (void)state;
    char body[16 * 1024];
    struct answer answer;
    memset(body, '[', sizeof body);
    answer_read(body, sizeof body, &answer);
    assert_string_equal(answer.detail, "");
}

static void long_and_many_lined_details_become_one_cut_line(void **state) {
    (void)state;
    char body[8192] = "{\"errors\":[{\"detail\":\"a\\nb\\u001b[31m\\u2028c";
    while (strlen(body) < 4000) {
        strncat(body, "\xc3\xa4\xe2\x82\xac", sizeof body - strlen(body) - 1);
    }
    strncat(body, "\"}]}", sizeof body - strlen(body) - 1);
    struct answer answer = read_text(body);
    assert_memory_equal(answer.detail, "a b [31m c", 10);
    size_t length = strlen(answer.detail);
    assert_in_range(length, ANSWER_DETAIL_BYTES - 4, ANSWER_DETAIL_BYTES - 1);
    /* The cut leaves no half character. */
    assert_true(answer.detail[length - 1] == '\xa4' || answer.detail[length - 1] == '\xac');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_is_read),
        cmocka_unit_test(title_code_and_parameter_stand_in),
        cmocka_unit_test(addresses_are_masked),
        cmocka_unit_test(hostile_bodies_give_nothing),
        cmocka_unit_test(nesting_as_deep_as_the_body_allows_is_survived),
        cmocka_unit_test(long_and_many_lined_details_become_one_cut_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
