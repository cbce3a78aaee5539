/* Where heads begin and end, however the bytes are cut up. */
#include "http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

static const struct head_limits LIMITS = {.body_bytes_max = 100};
static struct parsed_head scratch;

/* Feeds the text in steps; what does not pass is offered again with more behind it. */
static size_t feed(struct framing *framing, const char *text, size_t length, size_t step) {
    size_t passed = 0;
    for (size_t end = step; framing->refusal.status == 0; end += step) {
        size_t seen = end < length ? end : length;
        passed += framing_scan(framing, &LIMITS, text + passed, seen - passed, &scratch);
        if (seen == length) {
            break;
        }
    }
    return passed;
}

struct sample {
    const char *text;
    size_t passed;
    int heads, status;
};

#define GET_TEXT  "GET /x HTTP/1.1\r\n" HOST "\r\n"
#define POST_TEXT "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab\r\nc"

enum { GET_BYTES = sizeof GET_TEXT - 1, POST_BYTES = sizeof POST_TEXT - 1 };

static const struct sample SAMPLES[] = {
    {"", 0, 0, 0},
    {GET_TEXT, GET_BYTES, 1, 0},
    {POST_TEXT, POST_BYTES, 1, 0},
    {GET_TEXT POST_TEXT GET_TEXT, 2 * GET_BYTES + POST_BYTES, 3, 0},
    {"\r\n\r\n" GET_TEXT "\r\n" POST_TEXT, GET_BYTES + POST_BYTES + 6, 2, 0},
    {GET_TEXT "GET /y HT", GET_BYTES, 1, 0},
    {"GET /x HTTP/1.1\r\n" HOST "\r", 0, 0, 0},
    /* What follows a body is a head, whatever it looks like. */
    {POST_TEXT "defgh\r\n", POST_BYTES, 1, 400},
    {GET_TEXT "abc\r\n", GET_BYTES, 1, 400},
    {GET_TEXT "GET /x HTTP/1.1\r\n\r\n" GET_TEXT, GET_BYTES, 1, 400},
    {"GET /x HTTP/1.1\n" HOST "\n", 0, 0, 400},
    {"GET /x HTTP/1.1\r\n" HOST "\n", 0, 0, 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello", 0, 0, 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, 411},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n", 0, 0, 413},
    {"GET / HTTP/2.0\r\n", 0, 0, 505},
    {"G\nET / HTTP/1.1\r\n", 0, 0, 400},
    {"\rGET / HTTP/1.1\r\n", 0, 0, 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 0, 0, 417},
};

static void every_sample_is_cut_as_listed_however_it_comes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        const struct sample *sample = &SAMPLES[i];
        size_t length = strlen(sample->text);
        for (size_t step = 1; step <= length + 1; step++) {
            struct framing framing = {0};
            size_t passed = feed(&framing, sample->text, length, step);
            if (passed != sample->passed || framing.head_count != sample->heads ||
                framing.refusal.status != sample->status) {
                fail_msg("sample %zu in steps of %zu: %zu bytes, %d", i, step, passed,
                         framing.refusal.status);
            }
        }
    }
}

static void a_refusal_is_final(void **state) {
    (void)state;
    struct framing framing = {0};
    assert_int_equal(framing_scan(&framing, &LIMITS, "bad\r\n", 5, &scratch), 0);
    assert_int_equal(framing.refusal.status, 400);
    assert_int_equal(framing_scan(&framing, &LIMITS, GET_TEXT, GET_BYTES, &scratch), 0);
    assert_int_equal(framing.head_count, 0);
}

static void a_nul_is_refused_before_its_line_ends(void **state) {
    (void)state;
    struct framing framing = {0};
    assert_int_equal(framing_scan(&framing, &LIMITS, "\x16\x03\x01\0\xa5", 5, &scratch), 0);
    assert_int_equal(framing.refusal.status, 400);
}

static void a_head_may_be_as_long_as_allowed(void **state) {
    (void)state;
    static char text[HEAD_BYTES_MAX + 2];
    for (int over = 0; over < 2; over++) {
        size_t length = HEAD_BYTES_MAX + (size_t)over;
        memset(text, 'a', sizeof text);
        memcpy(text, "GET /x HTTP/1.1\r\n" HOST "X: ", 29);
        memcpy(text + length - 4, "\r\n\r\n", 4);
        for (size_t step = 1000; step <= 20000; step += 19000) {
            struct framing framing = {0};
            assert_int_equal(feed(&framing, text, length, step), over == 0 ? length : 0);
            assert_int_equal(framing.refusal.status, over == 0 ? 0 : 431);
        }
    }
}

/* The head repeats `part` so often; HEAD_MEMORY_BYTES is what libmicrohttpd has. */
static int status_of(const char *start, const char *part, int count) {
    static char text[HEAD_BYTES_MAX];
    size_t length = strlen(start);
    memcpy(text, start, length);
    for (int i = 0; i < count; i++) {
        memcpy(text + length, part, strlen(part));
        length += strlen(part);
    }
    static const char end[] = " HTTP/1.1\r\n" HOST "\r\n";
    size_t skipped = strchr(start, '\r') != NULL ? strlen(" HTTP/1.1") : 0;
    memcpy(text + length, end + skipped, sizeof end - 1 - skipped);
    length += sizeof end - 1 - skipped;
    struct framing framing = {0};
    (void)feed(&framing, text, length, length);
    return framing.refusal.status;
}

static void what_libmicrohttpd_has_no_memory_for_is_refused(void **state) {
    (void)state;
    assert_int_equal(status_of("GET /?", "a=b&", 180), 0);
    assert_int_equal(status_of("GET /?", "&", 200), 431);
    assert_int_equal(status_of("GET /", "&", 500), 0);
    static const char cookie[] = "GET / HTTP/1.1\r\nCookie: a";
    assert_int_equal(status_of(cookie, ";a=b", 170), 0);
    assert_int_equal(status_of(cookie, ";", 200), 431);
    assert_int_equal(status_of(cookie, ",", 200), 431);
    assert_int_equal(status_of(cookie, "aaaa", 2900), 0);
    assert_int_equal(status_of(cookie, "aaaa", 3100), 431); /* it is copied */
    assert_int_equal(status_of("GET / HTTP/1.1\r\nX: a", ";;;;", 3600), 0);
}

static void what_never_ends_is_refused_at_the_limit(void **state) {
    (void)state;
    static char text[HEAD_BYTES_MAX + 1];
    memset(text, 'a', sizeof text);
    struct framing framing = {0};
    assert_int_equal(feed(&framing, text, REQUEST_LINE_BYTES_MAX, 100), 0);
    assert_int_equal(framing.refusal.status, 0);
    framing = (struct framing){0};
    assert_int_equal(feed(&framing, text, REQUEST_LINE_BYTES_MAX + 1, 100), 0);
    assert_int_equal(framing.refusal.status, 414);
    memcpy(text, "GET /x HTTP/1.1\r\n", 17);
    framing = (struct framing){0};
    assert_int_equal(feed(&framing, text, HEAD_BYTES_MAX, 100), 0);
    assert_int_equal(framing.refusal.status, 0);
    framing = (struct framing){0};
    assert_int_equal(feed(&framing, text, HEAD_BYTES_MAX + 1, 100), 0);
    assert_int_equal(framing.refusal.status, 431);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_cut_as_listed_however_it_comes),
        cmocka_unit_test(a_refusal_is_final),
        cmocka_unit_test(a_nul_is_refused_before_its_line_ends),
        cmocka_unit_test(a_head_may_be_as_long_as_allowed),
        cmocka_unit_test(what_libmicrohttpd_has_no_memory_for_is_refused),
        cmocka_unit_test(what_never_ends_is_refused_at_the_limit),
    };
    return cmocka_run_group_tests_name("http/framing", tests, NULL, NULL);
}
