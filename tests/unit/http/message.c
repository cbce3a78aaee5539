/* Messages: looking headers up, and building replies that cannot carry anything unchecked. */
#include "http/message.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct header HEADERS[] = {
    {"Host", "a.example"}, {"Accept", "one"}, {"aCCept", "two"}, {"X", ""}};

static const struct request REQUEST = {.headers = HEADERS, .header_count = 4};

static void headers_are_found_in_any_case_and_the_first_wins(void **state) {
    (void)state;
    assert_string_equal(request_header(&REQUEST, "host"), "a.example");
    assert_string_equal(request_header(&REQUEST, "ACCEPT"), "one");
    assert_string_equal(request_header(&REQUEST, "X"), "");
    assert_null(request_header(&REQUEST, "Hos"));
    assert_null(request_header(&REQUEST, "Hosts"));
    assert_int_equal(request_header_count(&REQUEST, "accept"), 2);
    assert_int_equal(request_header_count(&REQUEST, "Cookie"), 0);
}

static void a_text_reply_has_a_copy_of_the_text(void **state) {
    (void)state;
    char text[] = "hello";
    struct reply reply = reply_text(404, "text/plain", text);
    text[0] = 'j';
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.content_type, "text/plain");
    assert_int_equal(reply.body_bytes, 5);
    assert_string_equal(reply.body, "hello");
    assert_int_equal(reply.header_count, 0);
    assert_false(reply.closes);
    reply_release(&reply);
    assert_null(reply.body);
    reply_release(&reply);
}

static void added_headers_are_copies_in_order(void **state) {
    (void)state;
    struct reply reply = {.status = 200};
    char value[] = "GET, HEAD";
    reply_add_header(&reply, "Allow", value);
    value[0] = 'S';
    reply_add_header(&reply, "Vary", "");
    assert_int_equal(reply.header_count, 2);
    assert_string_equal(reply.headers[0].name, "Allow");
    assert_string_equal(reply.headers[0].value, "GET, HEAD");
    assert_string_equal(reply.headers[1].value, "");
}

static void the_longest_value_and_the_last_place_are_usable(void **state) {
    (void)state;
    struct reply reply = {.status = 200};
    char value[REPLY_HEADER_VALUE_BYTES];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < REPLY_HEADERS_MAX; i++) {
        reply_add_header(&reply, "X", value);
    }
    assert_int_equal(reply.header_count, REPLY_HEADERS_MAX);
    assert_string_equal(reply.headers[REPLY_HEADERS_MAX - 1].value, value);
}

enum { STATUS_ABORTED = 7 };

static void leave(int number) {
    (void)number;
    _exit(STATUS_ABORTED);
}

/* What an assertion guards is seen in a child, which it ends. */
static bool aborts(const char *value, int count) {
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        (void)signal(SIGABRT, leave);
        struct reply reply = {.status = 200};
        for (int i = 0; i < count; i++) {
            reply_add_header(&reply, "X", value);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == STATUS_ABORTED;
}

static void a_value_that_would_split_the_head_is_a_broken_contract(void **state) {
    (void)state;
    char long_value[REPLY_HEADER_VALUE_BYTES + 1];
    memset(long_value, 'v', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = '\0';
    assert_false(aborts("fine\tand well", 1));
    assert_true(aborts("a\r\nSet-Cookie: b", 1));
    assert_true(aborts("a\nb", 1));
    assert_true(aborts("\x7f", 1));
    assert_true(aborts(long_value, 1));
    assert_true(aborts("one too many", REPLY_HEADERS_MAX + 1));
}

static void every_status_has_a_phrase(void **state) {
    (void)state;
    assert_string_equal(status_phrase(200), "OK");
    assert_string_equal(status_phrase(404), "Not Found");
    assert_string_equal(status_phrase(422), "Unprocessable Content");
    assert_string_equal(status_phrase(507), "Insufficient Storage");
    for (int status = -1; status < 1100; status++) {
        assert_true(strlen(status_phrase(status)) >= 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_in_any_case_and_the_first_wins),
        cmocka_unit_test(a_text_reply_has_a_copy_of_the_text),
        cmocka_unit_test(added_headers_are_copies_in_order),
        cmocka_unit_test(the_longest_value_and_the_last_place_are_usable),
        cmocka_unit_test(a_value_that_would_split_the_head_is_a_broken_contract),
        cmocka_unit_test(every_status_has_a_phrase),
    };
    return cmocka_run_group_tests_name("http/message", tests, NULL, NULL);
}
