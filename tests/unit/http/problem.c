/* Problems: the members of RFC 9457, and that nothing a client sent can break them. */
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct request REQUEST = {.id = "abc-1"};

static void check(struct reply *reply, int status, const char *body) {
    assert_int_equal(reply->status, status);
    assert_string_equal(reply->content_type, "application/problem+json");
    assert_string_equal(reply->body, body);
    assert_int_equal(reply->body_bytes, strlen(body));
    reply_release(reply);
}

static void a_problem_has_its_members_in_order(void **state) {
    (void)state;
    struct reply reply =
        problem_reply(&REQUEST, 400, "invalid-body", "Invalid body", "No \"JSON\".", NULL, 0);
    check(&reply, 400,
          "{\"type\":\"/problems/invalid-body\",\"title\":\"Invalid body\",\"status\":400,"
          "\"detail\":\"No \\\"JSON\\\".\",\"request_id\":\"abc-1\"}");
}

static void without_a_name_it_is_blank_and_titled_by_the_status(void **state) {
    (void)state;
    struct request request = {.id = ""};
    struct reply reply = problem_reply(&request, 404, NULL, NULL, NULL, NULL, 0);
    check(&reply, 404, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}");
}

static void every_field_is_named_with_its_pointer(void **state) {
    (void)state;
    const struct problem_field fields[] = {{"#/email", "It is required."},
                                           {"#/properties/a~1b", "It is no scalar."}};
    struct reply reply = problem_reply(&REQUEST, 422, "invalid-preorder", NULL, "Two.", fields, 2);
    check(&reply, 422,
          "{\"type\":\"/problems/invalid-preorder\",\"title\":\"Unprocessable Content\","
          "\"status\":422,\"detail\":\"Two.\",\"request_id\":\"abc-1\",\"errors\":["
          "{\"detail\":\"It is required.\",\"pointer\":\"#/email\"},"
          "{\"detail\":\"It is no scalar.\",\"pointer\":\"#/properties/a~1b\"}]}");
}

static void what_is_not_utf_8_is_left_out(void **state) {
    (void)state;
    const struct problem_field fields[] = {{"#/\xff", "\xc0\x80"}};
    struct reply reply = problem_reply(&REQUEST, 400, NULL, NULL, "\xed\xa0\x80", fields, 1);
    check(&reply, 400,
          "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
          "\"detail\":\"(not valid UTF-8)\",\"request_id\":\"abc-1\",\"errors\":["
          "{\"detail\":\"(not valid UTF-8)\",\"pointer\":\"(not valid UTF-8)\"}]}");
}

static void a_registered_type_is_a_whole_uri(void **state) {
    (void)state;
    struct reply reply = problem_reply(&REQUEST, 429, "#quota-exceeded", NULL, NULL, NULL, 0);
    problem_add_policy(&reply, "default");
    check(&reply, 429,
          "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","
          "\"title\":\"Too Many Requests\",\"status\":429,\"request_id\":\"abc-1\","
          "\"violated-policies\":[\"default\"]}");
}

static void a_page_keeps_its_bytes(void **state) {
    (void)state;
    struct reply reply = reply_text(429, "text/html", "<html>{}");
    problem_add_policy(&reply, "default");
    assert_string_equal(reply.body, "<html>{}");
    reply_release(&reply);
    problem_add_policy(&reply, "default");
    assert_null(reply.body);
}

static void a_browser_that_posted_a_form_gets_a_page(void **state) {
    (void)state;
    const struct header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                     {"Accept", "text/html"}};
    const struct request request = {.id = "abc-1", .headers = headers, .header_count = 2};
    const struct problem_field fields[] = {{"#/email", "is required"}};
    struct reply reply =
        problem_reply(&request, 422, "invalid-preorder", "Invalid", "One.", fields, 1);
    assert_int_equal(reply.status, 422);
    assert_string_equal(reply.content_type, "text/html; charset=utf-8");
    assert_non_null(strstr(reply.body, "<strong>email</strong> is required"));
    assert_non_null(strstr(reply.body, "One."));
    reply_release(&reply);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registered_type_is_a_whole_uri),
        cmocka_unit_test(a_page_keeps_its_bytes),
        cmocka_unit_test(a_problem_has_its_members_in_order),
        cmocka_unit_test(without_a_name_it_is_blank_and_titled_by_the_status),
        cmocka_unit_test(every_field_is_named_with_its_pointer),
        cmocka_unit_test(what_is_not_utf_8_is_left_out),
        cmocka_unit_test(a_browser_that_posted_a_form_gets_a_page),
    };
    return cmocka_run_group_tests_name("http/problem", tests, NULL, NULL);
}
