#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/bulk_verdict.h"

#define MEMBERS "/data/attributes/events-bulk-create/data/"

static struct bulk_verdict judge(int32_t status, const char *body, size_t member_count) {
    struct transport_answer answer = {
        .code = TRANSPORT_OK,
        .http_status = status,
        .content_type = "application/vnd.api+json",
        .retry_after = "",
        .body = body,
        .body_bytes = strlen(body),
        .error = "",
    };
    struct bulk_verdict verdict;
    bulk_judge(&answer, member_count, &verdict);
    return verdict;
}

static void what_holds_for_all_is_judged_for_each(void **state) {
    (void)state;
    static const int32_t statuses[] = {0,   200, 202, 302, 401, 403, 404, 408, 410,
                                       415, 425, 429, 500, 502, 503, 520, 999};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        assert_int_equal(judge(statuses[i], "", 1000).meaning, BULK_JUDGED);
    }
}

static void a_pointer_names_the_member_with_klaviyos_words(void **state) {
    (void)state;
    struct bulk_verdict verdict = judge(
        400,
        "{\"errors\":[{\"detail\":\"Invalid email address\",\"source\":{\"pointer\":\"" MEMBERS
        "17/attributes/profile/data/attributes/email\"}}]}",
        1000);
    assert_int_equal(verdict.meaning, BULK_NAMED);
    assert_int_equal(verdict.fault_count, 1);
    assert_int_equal(verdict.faults[0].member, 17);
    assert_string_equal(verdict.faults[0].words.detail, "Invalid email address");
}

static void all_who_are_named_are_found_once(void **state) {
    (void)state;
    struct bulk_verdict verdict =
        judge(422,
              "{\"errors\":[{\"detail\":\"a\",\"source\":{\"pointer\":\"" MEMBERS "3\"}},"
              "{\"detail\":\"b\",\"source\":{\"pointer\":\"" MEMBERS "3/attributes\"}},"
              "{\"detail\":\"c\",\"source\":{\"pointer\":\"" MEMBERS "0/x\"}},"
              "{\"detail\":\"d\"}]}",
              4);
    assert_int_equal(verdict.meaning, BULK_NAMED);
    assert_int_equal(verdict.fault_count, 2);
    assert_int_equal(verdict.faults[0].member, 3);
    assert_string_equal(verdict.faults[0].words.detail, "a");
    assert_int_equal(verdict.faults[1].member, 0);
}

static void pointers_that_name_nobody_are_no_help(void **state) {
    (void)state;
    static const char *const pointers[] = {
        "",
        "/data",
        "/data/attributes/events-bulk-create/data",
        MEMBERS,
        MEMBERS "x",
        MEMBERS "-1/attributes",
        MEMBERS "1000/attributes",
        MEMBERS "10x/attributes",
        MEMBERS "00001/attributes",
        MEMBERS "18446744073709551616/attributes",
        "/other" MEMBERS "1/attributes",
    };
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"errors\":[{\"detail\":\"d\",\"source\":{\"pointer\":\"%s\"}}]}", pointers[i]);
        struct bulk_verdict verdict = judge(400, body, 1000);
        assert_int_equal(verdict.meaning, BULK_REFUSED);
        assert_int_equal(verdict.fault_count, 0);
    }
}

static void hostile_bodies_name_nobody(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",   "<html>",           "{", "[]", "{\"errors\":{}}", "null", "{\"errors\":[1]}",
        "\"", "{\"errors\":[{}]}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(judge(400, bodies[i], 10).meaning, BULK_REFUSED);
        assert_int_equal(judge(409, bodies[i], 10).meaning, BULK_REFUSED);
    }
}

static void more_names_than_are_kept_do_no_harm(void **state) {
    (void)state;
    enum { NAMES = BULK_FAULTS_MAX + 10, LINE = 128 };
    char *body = calloc(NAMES + 2, LINE);
    assert_non_null(body);
    size_t length = (size_t)snprintf(body, LINE, "{\"errors\":[");
    for (int i = 0; i < NAMES; i++) {
        length += (size_t)snprintf(body + length, LINE,
                                   "%s{\"source\":{\"pointer\":\"" MEMBERS "%d/attributes\"}}",
                                   i == 0 ? "" : ",", i);
    }
    snprintf(body + length, LINE, "]}");
    struct bulk_verdict verdict = judge(400, body, 1000);
    assert_int_equal(verdict.meaning, BULK_NAMED);
    assert_int_equal(verdict.fault_count, BULK_FAULTS_MAX);
    free(body);
}

static void too_large_may_go_in_parts(void **state) {
    (void)state;
    assert_int_equal(judge(413, "", 2).meaning, BULK_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_for_all_is_judged_for_each),
        cmocka_unit_test(a_pointer_names_the_member_with_klaviyos_words),
        cmocka_unit_test(all_who_are_named_are_found_once),
        cmocka_unit_test(pointers_that_name_nobody_are_no_help),
        cmocka_unit_test(hostile_bodies_name_nobody),
        cmocka_unit_test(more_names_than_are_kept_do_no_harm),
        cmocka_unit_test(too_large_may_go_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
