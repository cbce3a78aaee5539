/* Problems as pages: what is wrong and what to do, in words. */
#include "http/problem_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct request REQUEST = {.id = "abc-1"};

static void a_problem_says_which_entries_are_wrong_in_words(void **state) {
    (void)state;
    const struct problem_field fields[] = {
        {"#/price_id", "is <required>"},
        {"#/properties/gift%20note~1%3Cb%3E~0", "must be short"},
        {"#/properties", "must have at most 20 members, it has 21"},
        {"#", "is odd"},
        {"#/properties/%zz%4~2%", "is odd, too"},
    };
    struct reply reply = problem_page(&REQUEST, 422, "invalid-preorder",
                                      "The members in errors are wrong.", fields, 5);
    assert_int_equal(reply.status, 422);
    assert_int_equal(reply.body_bytes, strlen(reply.body));
    assert_non_null(strstr(reply.body, "<h1>Please check your entries</h1>"));
    assert_non_null(strstr(reply.body, "<strong>price id</strong> is &lt;required&gt;</li>"));
    assert_non_null(strstr(reply.body, "<strong>properties &ldquo;gift note/&lt;b&gt;~&rdquo;"
                                       "</strong> must be short</li>"));
    assert_non_null(strstr(reply.body, "<strong>properties</strong> must have at most 20"));
    assert_non_null(strstr(reply.body, "<strong>the form</strong> is odd</li>"));
    assert_non_null(strstr(reply.body, "&ldquo;%zz%4~2%&rdquo;"));
    assert_non_null(strstr(reply.body, "invalid-preorder, status 422."));
    assert_non_null(strstr(reply.body, "Request abc-1"));
    reply_release(&reply);
}

static void the_largest_problem_fits(void **state) {
    (void)state;
    static char name[1024] = "#/properties/";
    static char detail[256];
    struct problem_field fields[64];
    for (size_t i = 0; i < 256; i++) {
        strncat(name, "%22", sizeof name - strlen(name) - 1);
    }
    memset(detail, '"', sizeof detail - 1);
    for (size_t i = 0; i < 64; i++) {
        fields[i] = (struct problem_field){name, detail};
    }
    struct reply reply = problem_page(&REQUEST, 422, "invalid-preorder", detail, fields, 64);
    assert_non_null(reply.body);
    assert_string_equal(reply.body + reply.body_bytes - 8, "</html>\n");
    reply_release(&reply);
}

static void each_status_has_its_heading(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *name, *heading;
    } cases[] = {
        {422, "invalid-preorder", "<h1>Please check your entries</h1>"},
        {422, "idempotency-key-reused", "<h1>This form was already sent</h1>"},
        {422, "another", "<h1>That did not work</h1>"},
        {422, NULL, "<h1>That did not work</h1>"},
        {408, "request-timeout", "<h1>That took too long</h1>"},
        {413, "body-too-large", "<h1>Your entries are too long</h1>"},
        {429, NULL, "<h1>Too many tries</h1>"},
        {503, "database-unavailable", "<h1>The shop is busy</h1>"},
        {400, "invalid-body", "<h1>That did not work</h1>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply reply = problem_page(&REQUEST, cases[i].status, cases[i].name, NULL, NULL, 0);
        assert_non_null(strstr(reply.body, cases[i].heading));
        assert_non_null(strstr(reply.body, "back button"));
        reply_release(&reply);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_says_which_entries_are_wrong_in_words),
        cmocka_unit_test(the_largest_problem_fits),
        cmocka_unit_test(each_status_has_its_heading),
    };
    return cmocka_run_group_tests_name("http/problem_page", tests, NULL, NULL);
}
