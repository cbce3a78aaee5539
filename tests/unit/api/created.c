/* The two answers to a create: JSON for programs, a page for browsers. */
#include "api/created.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *header_of(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static void a_program_is_told_where_the_preorder_is(void **state) {
    (void)state;
    const struct ident id = {"0190c0de-0000-7000-8000-000000000001"};
    struct reply reply = created_reply(&id, strdup("{}"), 2);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply.content_type, "application/json");
    assert_string_equal(header_of(&reply, "Location"),
                        "/pre-order/0190c0de-0000-7000-8000-000000000001");
    assert_string_equal(header_of(&reply, "Cache-Control"), "no-store");
    assert_null(reply.location);
    reply_release(&reply);
}

static void a_browser_is_sent_to_the_payment(void **state) {
    (void)state;
    struct reply reply =
        created_reply_page(strdup("https://pay.example/x?a=b&c=d"), strdup("<p>"), 3);
    assert_int_equal(reply.status, 303);
    assert_string_equal(reply.content_type, "text/html; charset=utf-8");
    assert_string_equal(reply.location, "https://pay.example/x?a=b&c=d");
    assert_string_equal(header_of(&reply, "Cache-Control"), "no-store");
    assert_null(header_of(&reply, "Location"));
    reply_release(&reply);
    assert_null(reply.location);
}

static void the_page_has_the_number_and_a_link(void **state) {
    (void)state;
    struct preorder preorder = {.number = "<P>-7K3M9QX2",
                                .payment_url = "https://pay.example/x?a=\"b\"&c='d'"};
    size_t length = 0;
    char *page = created_render_page(&preorder, &length);
    assert_int_equal(length, strlen(page));
    assert_non_null(strstr(page, "<strong>&lt;P&gt;-7K3M9QX2</strong>"));
    assert_non_null(
        strstr(page, "<a href=\"https://pay.example/x?a=&quot;b&quot;&amp;c=&#39;d&#39;\">"));
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_told_where_the_preorder_is),
        cmocka_unit_test(a_browser_is_sent_to_the_payment),
        cmocka_unit_test(the_page_has_the_number_and_a_link),
    };
    return cmocka_run_group_tests_name("api/created", tests, NULL, NULL);
}
