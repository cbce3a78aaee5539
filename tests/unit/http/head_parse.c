/* Heads as they come over the wire: what is right is understood, and nothing else is taken. */
#include "http/head_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct parsed_head parsed;

#define PARSE(text) head_parse(text, sizeof(text) - 1, &parsed)

static void a_head_is_cut_into_its_parts(void **state) {
    (void)state;
    assert_int_equal(PARSE("POST /a%00b?c=d?e HTTP/1.1\r\nHost: a\r\nX:\r\nY:\t b c \t\r\n"
                           "x-request-id: mine\r\nContent-Length: 5\r\n\r\nabcde")
                         .status,
                     0);
    const struct request *request = &parsed.request;
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/a%00b");
    assert_string_equal(request->query, "c=d?e");
    assert_string_equal(request->id, "mine");
    assert_int_equal(request->content_length, 5);
    assert_int_equal(request->header_count, 5);
    assert_string_equal(request_header(request, "host"), "a");
    assert_string_equal(request_header(request, "X"), "");
    assert_string_equal(request_header(request, "Y"), "b c");
}

static void a_target_with_an_authority_goes_by_its_path(void **state) {
    (void)state;
    assert_int_equal(PARSE("GET http://a:80/x?y HTTP/1.0\r\n\r\n").status, 0);
    assert_string_equal(parsed.request.path, "/x");
    assert_string_equal(parsed.request.query, "y");
    assert_int_equal(PARSE("GET HTTPS://a HTTP/1.1\r\n\r\n").status, 0);
    assert_string_equal(parsed.request.path, "/");
    assert_null(parsed.request.query);
    (void)PARSE("GET ?y HTTP/1.1\r\n\r\n"); /* refused by who judges the whole head */
    assert_string_equal(parsed.request.path, "");
    assert_string_equal(parsed.request.query, "y");
}

static void lines_that_others_read_otherwise_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\r\n",
        "GET\r\n",
        "GET /\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET /  HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        " GET / HTTP/1.1\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "G@T / HTTP/1.1\r\n",
        "GET / http/1.1\r\n",
        "GET http:///x HTTP/1.1\r\n",
        "GET http:// HTTP/1.1\r\n",
        "GET http://a@b/x HTTP/1.1\r\n",
        "GET http://a\\b/x HTTP/1.1\r\n",
        "GET http://a\x14/x HTTP/1.1\r\n",
        "GET http://\xff/x HTTP/1.1\r\n",
        "GET / HTTP/1.10\r\n",
        "GET / HTTP/11\r\n",
        "GET / HTTP/1,1\r\n",
        "GET / HTTP/+.1\r\n",
        "GET / HTTPS/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\r\n",
        "\nGET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nA: b\n",
        "GET / HTTP/1.1\r\n\n",
        "GET / HTTP/1.1\r\n A: b\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n",
        "GET / HTTP/1.1\r\nA\r\n",
        "GET / HTTP/1.1\r\n: b\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n",
        "GET / HTTP/1.1\r\nA\t: b\r\n",
        "GET / HTTP/1.1\r\nA B: c\r\n",
        "GET / HTTP/1.1\r\n\"A\": b\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct refusal refusal = head_parse(texts[i], strlen(texts[i]), &parsed);
        if (refusal.status != 400 || strcmp(refusal.name, "bad-request-head") != 0) {
            fail_msg("%d for %s", refusal.status, texts[i]);
        }
    }
}

static void a_nul_is_refused_wherever_it_stands(void **state) {
    (void)state;
    const char text[] = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char bytes[sizeof text];
        memcpy(bytes, text, sizeof text);
        bytes[i] = '\0';
        /* Behind the last line there is no head any more. */
        if (i < sizeof text - 3) {
            assert_int_equal(head_parse(bytes, sizeof text - 1, &parsed).status, 400);
        }
    }
}

static void other_versions_are_told_so(void **state) {
    (void)state;
    assert_int_equal(PARSE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 505);
    assert_int_equal(PARSE("GET / HTTP/1.2\r\n").status, 505);
    struct refusal refusal = PARSE("GET / HTTP/0.9\r\n");
    assert_int_equal(refusal.status, 505);
    assert_string_equal(refusal.name, "http-version-not-supported");
}

static void what_is_too_long_or_too_much_is_refused(void **state) {
    (void)state;
    static char text[3 * HEAD_BYTES_MAX];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    memcpy(text + REQUEST_LINE_BYTES_MAX - 9, " HTTP/1.1\r\n", 11);
    assert_int_equal(head_parse(text, REQUEST_LINE_BYTES_MAX + 2, &parsed).status, 0);
    memcpy(text + REQUEST_LINE_BYTES_MAX - 9, "a HTTP/1.1\r\n", 12);
    assert_int_equal(head_parse(text, REQUEST_LINE_BYTES_MAX + 3, &parsed).status, 414);
    assert_int_equal(head_parse(text, sizeof text, &parsed).status, 414);

    struct {
        char text[16 + 5 * (HEADERS_MAX + 1)];
        size_t length;
    } head = {"GET / HTTP/1.1\r\n", 16};
    for (int i = 0; i < HEADERS_MAX; i++) {
        memcpy(head.text + head.length, "A:b\r\n", 5);
        head.length += 5;
    }
    assert_int_equal(head_parse(head.text, head.length, &parsed).status, 0);
    assert_int_equal(parsed.request.header_count, HEADERS_MAX);
    memcpy(head.text + head.length, "A:b\r\n", 5);
    assert_int_equal(head_parse(head.text, head.length + 5, &parsed).status, 431);
}

static void what_was_understood_before_a_fault_is_there(void **state) {
    (void)state;
    assert_int_equal(PARSE("GET /x HTTP/1.1\r\nX-Request-Id: mine\r\nbad\r\nA: b\r\n").status, 400);
    assert_string_equal(parsed.request.method, "GET");
    assert_string_equal(parsed.request.path, "/x");
    assert_string_equal(parsed.request.id, "mine");
    assert_int_equal(parsed.request.header_count, 1);
    assert_int_equal(PARSE("\x16\x03\x01").status, 0);
    assert_string_equal(parsed.request.method, "");
    assert_string_equal(parsed.request.path, "");
    assert_string_equal(parsed.request.id, "");
}

static void of_nothing_nothing_is_understood(void **state) {
    (void)state;
    assert_int_equal(head_parse(NULL, 0, &parsed).status, 0);
    assert_string_equal(parsed.request.method, "");
    assert_string_equal(parsed.request.path, "");
    assert_int_equal(parsed.request.header_count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_cut_into_its_parts),
        cmocka_unit_test(a_target_with_an_authority_goes_by_its_path),
        cmocka_unit_test(lines_that_others_read_otherwise_are_refused),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(other_versions_are_told_so),
        cmocka_unit_test(what_is_too_long_or_too_much_is_refused),
        cmocka_unit_test(what_was_understood_before_a_fault_is_there),
        cmocka_unit_test(of_nothing_nothing_is_understood),
    };
    return cmocka_run_group_tests_name("http/head_parse", tests, NULL, NULL);
}
