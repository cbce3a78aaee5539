#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/receipt.h"

/* Takes lines until one is refused; returns how many were taken. */
static size_t take_lines(struct receipt *receipt, const char *const *lines, size_t line_count) {
    for (size_t i = 0; i < line_count; i++) {
        if (!receipt_take_line(receipt, lines[i], strlen(lines[i]))) {
            return i;
        }
    }
    return line_count;
}

static void a_status_counts_once_its_head_is_complete(void **state) {
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 202 Accepted\r\n", "Content-Length: 0\r\n"};
    struct receipt receipt;
    receipt_begin(&receipt);
    assert_int_equal(take_lines(&receipt, lines, 2), 2);
    assert_int_equal(receipt_answer(&receipt, TRANSPORT_OK, "").http_status, 0);
    assert_true(receipt_take_line(&receipt, "\r\n", 2));
    assert_int_equal(receipt_answer(&receipt, TRANSPORT_OK, "").http_status, 202);
}

static void a_head_without_a_status_never_counts(void **state) {
    (void)state;
    static const char *const firsts[] = {"HTTP/1.1\r\n",     "HTTP/1.1 \r\n",
                                         "HTTP/1.1 20\r\n",  "HTTP/1.1 2x2\r\n",
                                         "HTTP/1.1 -20\r\n", "HTTP/1.1 2/0\r\n",
                                         "HTTP/1.1 20:\r\n", "HTTP/1.1 199\r\n",
                                         "nonsense\r\n",     "\r\n"};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct receipt receipt;
        receipt_begin(&receipt);
        assert_true(receipt_take_line(&receipt, firsts[i], strlen(firsts[i])));
        assert_true(receipt_take_line(&receipt, "\r\n", 2));
        assert_int_equal(receipt_answer(&receipt, TRANSPORT_OK, "").http_status, 0);
    }
}

static void values_are_trimmed_and_the_first_one_counts(void **state) {
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 429 x\r\n",  "RETRY-after: \t 5 \r\n",
                                        "Retry-After: 9\r\n",  "content-TYPE:text/html\r\n",
                                        "CF-Mitigated: x\r\n", "\n"};
    struct receipt receipt;
    receipt_begin(&receipt);
    assert_int_equal(take_lines(&receipt, lines, 6), 6);
    struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_OK, "");
    assert_int_equal(answer.http_status, 429);
    assert_string_equal(answer.retry_after, "5");
    assert_string_equal(answer.content_type, "text/html");
    assert_true(answer.is_mitigated);
}

static void what_has_nothing_in_it_is_none(void **state) {
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 429 x\r\n",
                                        "Retry-After:",
                                        "Content-Type: \t\r\n",
                                        "",
                                        "RateLimit-Remaining: 1/\r\n",
                                        "RateLimit-Reset: 5\r\n",
                                        "\r\n"};
    struct receipt receipt;
    receipt_begin(&receipt);
    assert_int_equal(take_lines(&receipt, lines, 7), 7);
    struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_OK, "");
    assert_int_equal(answer.http_status, 429);
    assert_string_equal(answer.retry_after, "");
    assert_string_equal(answer.content_type, "");
    assert_int_equal(answer.rate_reset_s, 0);
}

static void half_a_count_of_what_is_left_is_none(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"1", ":"}, {"1", ""}, {"", "5"}, {"1", "1234567890"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char remaining[64], reset[64];
        (void)snprintf(remaining, sizeof remaining, "RateLimit-Remaining: %s\r\n", pairs[i][0]);
        (void)snprintf(reset, sizeof reset, "RateLimit-Reset: %s\r\n", pairs[i][1]);
        const char *const lines[] = {"HTTP/1.1 202 x\r\n", remaining, reset, "\r\n"};
        struct receipt receipt;
        receipt_begin(&receipt);
        assert_int_equal(take_lines(&receipt, lines, 4), 4);
        struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_OK, "");
        assert_int_equal(answer.rate_remaining_count, 0);
        assert_int_equal(answer.rate_reset_s, 0);
    }
}

static void values_that_do_not_fit_are_none(void **state) {
    (void)state;
    char line[400] = "Retry-After: ";
    struct receipt receipt;
    receipt_begin(&receipt);
    memset(line + 13, '1', 300);
    assert_true(receipt_take_line(&receipt, line, 313));
    assert_true(receipt_take_line(&receipt, "Content-Type: a\0b\r\n", 19));
    receipt.http_status = 202;
    struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_OK, "");
    assert_string_equal(answer.retry_after, "");
    assert_string_equal(answer.content_type, "");
}

static void trailers_change_nothing(void **state) {
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 503 x\r\n", "\r\n", "Retry-After: 7\r\n",
                                        "HTTP/1.1 202 x\r\n", "\r\n"};
    struct receipt receipt;
    receipt_begin(&receipt);
    assert_int_equal(take_lines(&receipt, lines, 5), 5);
    struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_OK, "");
    assert_int_equal(answer.http_status, 503);
    assert_string_equal(answer.retry_after, "");
}

static void a_head_without_end_is_refused(void **state) {
    (void)state;
    char line[1024];
    struct receipt receipt;
    receipt_begin(&receipt);
    memset(line, 'x', sizeof line);
    for (int i = 0; i < RECEIPT_HEAD_BYTES_MAX / 1024; i++) {
        assert_true(receipt_take_line(&receipt, line, sizeof line));
    }
    assert_false(receipt_take_line(&receipt, line, 1));
}

static void a_body_is_kept_up_to_its_maximum(void **state) {
    (void)state;
    char piece[1000];
    struct receipt receipt;
    receipt_begin(&receipt);
    memset(piece, 'b', sizeof piece);
    for (int i = 0; i < RESPONSE_BODY_BYTES_MAX / 1000; i++) {
        assert_true(receipt_take_body(&receipt, piece, sizeof piece));
    }
    assert_false(receipt_take_body(&receipt, piece, sizeof piece));
    assert_int_equal(receipt.body_bytes, RESPONSE_BODY_BYTES_MAX);
    assert_false(receipt_take_body(&receipt, piece, 1));
    assert_true(receipt_take_body(&receipt, piece, 0));
    /* Without a head there is no body. */
    assert_int_equal(receipt_answer(&receipt, TRANSPORT_RESET, "x").body_bytes, 0);
}

static void a_receipt_is_used_again(void **state) {
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 429 x\r\n", "Retry-After: 5\r\n", "\r\n"};
    struct receipt receipt;
    receipt_begin(&receipt);
    assert_int_equal(take_lines(&receipt, lines, 3), 3);
    assert_true(receipt_take_body(&receipt, "abc", 3));
    receipt_begin(&receipt);
    struct transport_answer answer = receipt_answer(&receipt, TRANSPORT_TIMEOUT, "late");
    assert_int_equal(answer.http_status, 0);
    assert_string_equal(answer.retry_after, "");
    assert_int_equal(answer.body_bytes, 0);
    assert_string_equal(answer.error, "late");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_counts_once_its_head_is_complete),
        cmocka_unit_test(a_head_without_a_status_never_counts),
        cmocka_unit_test(values_are_trimmed_and_the_first_one_counts),
        cmocka_unit_test(what_has_nothing_in_it_is_none),
        cmocka_unit_test(half_a_count_of_what_is_left_is_none),
        cmocka_unit_test(values_that_do_not_fit_are_none),
        cmocka_unit_test(trailers_change_nothing),
        cmocka_unit_test(a_head_without_end_is_refused),
        cmocka_unit_test(a_body_is_kept_up_to_its_maximum),
        cmocka_unit_test(a_receipt_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
