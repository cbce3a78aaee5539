/* Heads: what is refused, with which status, and what is fine. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_BYTES_MAX = 100 };

#define HOST                                                                                       \
    { "Host", "shop.example:8080" }

struct sample {
    int status;
    const char *name; /* of the problem */
    const char *method, *path, *query;
    struct header headers[4];
};

static const struct sample SAMPLES[] = {
    {0, NULL, "GET", "/", NULL, {HOST}},
    {0, NULL, "GET", "/a%2Fb;v=1/~x", "a=b&c=%20+", {HOST, {"Accept", "a,\tb"}}},
    {0, NULL, "OPTIONS", "*", NULL, {HOST}},
    {0, NULL, "POST", "/", NULL, {HOST, {"content-length", "100"}}},
    {0, NULL, "POST", "/", NULL, {HOST, {"Content-Length", "0"}}},
    {0, NULL, "POST", "/", NULL, {HOST, {"Content-Length", "0000000000000000000000000000042"}}},
    {0, NULL, "GET", "/", NULL, {HOST, {"Content-Length", "0"}}},
    {0, NULL, "DELETE", "/", NULL, {HOST}},
    {0, NULL, "DELETE", "/", NULL, {HOST, {"Content-Length", "5"}}},
    {0, NULL, "FROB!", "/", NULL, {HOST}},
    {0, NULL, "GET", "/", NULL, {{"Host", "[::1]:80"}}},
    {0, NULL, "GET", "/", NULL, {{"Host", ""}}},
    {0, NULL, "GET", "/", NULL, {HOST, {"X", "caf\xc3\xa9"}}},

    {0, NULL, "POST", "/", NULL, {HOST, {"Content-Length", "5"}, {"Expect", "100-Continue"}}},
    {417, "expectation-failed", "GET", "/", NULL, {HOST, {"Expect", "200-ok"}}},
    {417, "expectation-failed", "GET", "/", NULL, {HOST, {"Expect", ""}}},
    {417, "expectation-failed", "GET", "/", NULL, {HOST, {"Expect", "100-continue, x"}}},
    {417,
     "expectation-failed",
     "GET",
     "/",
     NULL,
     {HOST, {"Expect", "100-continue"}, {"Expect", "100-continue"}}},
    {413,
     "body-too-large",
     "POST",
     "/",
     NULL,
     {HOST, {"Content-Length", "101"}, {"Expect", "100-continue"}}},

    {400, "bad-request-head", "GE T", "/", NULL, {HOST}},
    {400, "bad-request-head", "", "/", NULL, {HOST}},
    {400, "bad-request-head", "GET", "", NULL, {HOST}},
    {400, "bad-request-head", "GET", "x", NULL, {HOST}},
    {400, "bad-request-head", "GET", "*", NULL, {HOST}},
    {400, "bad-request-head", "OPTIONS", "*/", NULL, {HOST}},
    {400, "bad-request-head", "GET", "/a b", NULL, {HOST}},
    {400, "bad-request-head", "GET", "/\x01", NULL, {HOST}},
    {400, "bad-request-head", "GET", "/\xc3\xa9", NULL, {HOST}},
    {400, "bad-request-head", "GET", "/a#b", NULL, {HOST}},
    {400, "bad-request-head", "GET", "/", "a\\b", {HOST}},
    {400, "bad-request-head", "GET", "/", NULL, {{"Accept", "x"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"host", "shop.example:8080"}}},
    {400, "bad-request-head", "GET", "/", NULL, {{"Host", "a.example, b.example"}}},
    {400, "bad-request-head", "GET", "/", NULL, {{"Host", "a.example/b"}}},
    {400, "bad-request-head", "GET", "/", NULL, {{"Host", "me@a.example"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"", "x"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A B", "x"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"Content-Length ", "5"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A\xc3\xa9", "x"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A(b)", "x"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A", "x\x01"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A", "x\x7f"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"A", "x\ry"}}},
    {400, "bad-request-head", "GET", "/", NULL, {HOST, {"Content-Length", "1"}}},
    {400, "bad-request-head", "HEAD", "/", NULL, {HOST, {"Content-Length", "1"}}},
    {400, "bad-request-head", "POST", "/", NULL, {HOST, {"Content-Length", ""}}},
    {400, "bad-request-head", "POST", "/", NULL, {HOST, {"Content-Length", "+5"}}},
    {400, "bad-request-head", "POST", "/", NULL, {HOST, {"Content-Length", "-1"}}},
    {400, "bad-request-head", "POST", "/", NULL, {HOST, {"Content-Length", "5, 5"}}},
    {400, "bad-request-head", "POST", "/", NULL, {HOST, {"Content-Length", "0x5"}}},
    {400,
     "bad-request-head",
     "POST",
     "/",
     NULL,
     {HOST, {"Content-Length", "5"}, {"Content-Length", "5"}}},
    {400,
     "bad-request-head",
     "POST",
     "/",
     NULL,
     {HOST, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}},
    {411, "length-required", "POST", "/", NULL, {HOST}},
    {411, "length-required", "PUT", "/", NULL, {HOST}},
    {411, "length-required", "PATCH", "/", NULL, {HOST}},
    {411, "length-required", "POST", "/", NULL, {HOST, {"Transfer-Encoding", "Chunked"}}},
    {501,
     "transfer-encoding-not-supported",
     "POST",
     "/",
     NULL,
     {HOST, {"Transfer-Encoding", "gzip, chunked"}}},
    {501,
     "transfer-encoding-not-supported",
     "POST",
     "/",
     NULL,
     {HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "x"}}},
    {501, "transfer-encoding-not-supported", "GET", "/", NULL, {HOST, {"Transfer-Encoding", ""}}},
    {413, "body-too-large", "POST", "/", NULL, {HOST, {"Content-Length", "101"}}},
    {413, "body-too-large", "POST", "/", NULL, {HOST, {"Content-Length", "9223372036854775808"}}},
    {413, "body-too-large", "POST", "/", NULL, {HOST, {"Content-Length", "18446744073709551615"}}},
    {413,
     "body-too-large",
     "POST",
     "/",
     NULL,
     {HOST, {"Content-Length", "99999999999999999999999999999999999999999"}}},
};

static struct request request_of(const struct sample *sample) {
    struct request request = {.method = sample->method,
                              .path = sample->path,
                              .query = sample->query,
                              .headers = sample->headers};
    while (request.header_count < 4 && sample->headers[request.header_count].name != NULL) {
        request.header_count++;
    }
    return request;
}

static void every_sample_is_judged_as_listed(void **state) {
    (void)state;
    struct head_limits limits = {.body_bytes_max = BODY_BYTES_MAX};
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        struct request request = request_of(&SAMPLES[i]);
        struct refusal refusal = head_check(&request, &limits);
        if (refusal.status != SAMPLES[i].status) {
            fail_msg("sample %zu: %d, not %d: %s", i, refusal.status, SAMPLES[i].status,
                     refusal.detail);
        }
        if (refusal.status == 0) {
            continue;
        }
        assert_string_equal(refusal.name, SAMPLES[i].name);
        assert_true(strlen(refusal.detail) > 10);
    }
}

static bool is_fine(const struct request *request) {
    const struct head_limits limits = {.body_bytes_max = BODY_BYTES_MAX};
    return head_check(request, &limits).status == 0;
}

static void every_byte_is_judged_in_names_values_targets_and_hosts(void **state) {
    (void)state;
    static const char PUNCTUATION_OF_TOKENS[] = "!#$%&'*+-.^_`|~";
    for (int byte = 1; byte < 256; byte++) {
        char text[] = {'a', (char)byte, '\0'};
        char path[] = {'/', (char)byte, '\0'};
        bool is_word = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                       (byte >= 'A' && byte <= 'Z');
        struct header headers[] = {HOST, {text, ""}};
        struct request request = {
            .method = "GET", .path = "/", .headers = headers, .header_count = 2};
        assert_int_equal(is_fine(&request), is_word || strchr(PUNCTUATION_OF_TOKENS, byte) != NULL);
        headers[1] = (struct header){"X", text};
        assert_int_equal(is_fine(&request), byte == '\t' || (byte >= 0x20 && byte != 0x7f));
        headers[1] = (struct header){"X", ""};
        request.path = path;
        assert_int_equal(is_fine(&request),
                         byte > 0x20 && byte < 0x7f && strchr("#\"<>\\^`{|}", byte) == NULL);
        headers[0].value = text;
        request.path = "/";
        if (strchr("/?#@, \\\t\"<>", byte) != NULL || byte >= 0x7f || byte < 0x20) {
            assert_false(is_fine(&request));
        } else if (is_word) {
            assert_true(is_fine(&request));
        }
    }
}

static void a_length_is_a_number_or_none(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t length;
    } samples[] = {
        {"0", 0},
        {"65536", 65536},
        {"9223372036854775799", 9223372036854775799},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", INT64_MAX},
        {"99999999999999999999999", INT64_MAX},
        {"", -1},
        {" 5", -1},
        {"5a", -1},
        {"99999999999999999999999x", -1},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct header header = {"Content-Length", samples[i].text};
        struct request request = {.headers = &header, .header_count = 1};
        assert_int_equal(head_content_length(&request), samples[i].length);
    }
    struct request request = {.header_count = 0};
    assert_int_equal(head_content_length(&request), -1);
}

static void request_ids_are_short_and_plain(void **state) {
    (void)state;
    char text[MESSAGE_ID_BYTES + 1];
    memset(text, 'x', sizeof text);
    text[MESSAGE_ID_BYTES - 1] = '\0';
    assert_true(head_request_id_is_valid(text));
    text[MESSAGE_ID_BYTES - 1] = 'x';
    text[MESSAGE_ID_BYTES] = '\0';
    assert_false(head_request_id_is_valid(text));
    assert_true(head_request_id_is_valid("aZ0._-"));
    assert_false(head_request_id_is_valid(""));
    assert_false(head_request_id_is_valid("a b"));
    assert_false(head_request_id_is_valid("a/b"));
    assert_false(head_request_id_is_valid("\xc3\xa9"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_judged_as_listed),
        cmocka_unit_test(every_byte_is_judged_in_names_values_targets_and_hosts),
        cmocka_unit_test(a_length_is_a_number_or_none),
        cmocka_unit_test(request_ids_are_short_and_plain),
    };
    return cmocka_run_group_tests_name("http/head", tests, NULL, NULL);
}
