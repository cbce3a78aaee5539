/* Which origins get what. */
#include "api/cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char ORIGINS[] = "https://shop.example,http://localhost:3000";

static struct reply add(const char *origins, const char *method, const char *origin,
                        const char *asked) {
    struct header headers[2];
    struct request request = {.method = method, .headers = headers};
    if (origin != NULL) {
        headers[request.header_count++] = (struct header){"Origin", origin};
    }
    if (asked != NULL) {
        headers[request.header_count++] = (struct header){"Access-Control-Request-Method", asked};
    }
    struct reply reply = {.status = 200};
    cors_add_headers(origins, &request, &reply);
    return reply;
}

static const char *header(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return "-";
}

static void an_origin_of_the_list_gets_itself_back(void **state) {
    (void)state;
    static const char *const origins[] = {"https://shop.example", "http://localhost:3000"};
    for (size_t i = 0; i < 2; i++) {
        struct reply reply = add(ORIGINS, "POST", origins[i], NULL);
        assert_string_equal(header(&reply, "Access-Control-Allow-Origin"), origins[i]);
        assert_string_equal(header(&reply, "Vary"), "Origin");
        assert_string_equal(header(&reply, "Access-Control-Expose-Headers"),
                            "Location, X-Request-Id, Idempotent-Replayed, Retry-After, RateLimit, "
                            "RateLimit-Policy");
        assert_string_equal(header(&reply, "Access-Control-Allow-Credentials"), "-");
        assert_int_equal(reply.header_count, 3);
    }
}

static void an_empty_place_in_the_list_is_nobodys(void **state) {
    (void)state;
    struct reply reply = add(",,https://shop.example", "POST", "", NULL);
    assert_string_equal(header(&reply, "Access-Control-Allow-Origin"), "-");
    reply = add(",,https://shop.example", "POST", "https://shop.example", NULL);
    assert_string_equal(header(&reply, "Access-Control-Allow-Origin"), "https://shop.example");
}

static void nobody_else_gets_more_than_vary(void **state) {
    (void)state;
    static const char *const others[] = {"https://evil.example",
                                         "http://shop.example",
                                         "https://shop.example:8443",
                                         "https://shop.exampl",
                                         "https://shop.example.evil",
                                         "HTTPS://SHOP.EXAMPLE",
                                         "https://shop.example/",
                                         "null",
                                         "",
                                         "*",
                                         ORIGINS,
                                         NULL};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct reply reply = add(ORIGINS, "POST", others[i], NULL);
        assert_int_equal(reply.header_count, 1);
        assert_string_equal(header(&reply, "Vary"), "Origin");
        reply = add(ORIGINS, "OPTIONS", others[i], "POST");
        assert_int_equal(reply.header_count, 1);
    }
    assert_int_equal(add("", "POST", "https://shop.example", NULL).header_count, 0);
    assert_int_equal(add("", "POST", "", NULL).header_count, 0);
}

static void a_preflight_learns_what_may_be_sent(void **state) {
    (void)state;
    struct reply reply = add(ORIGINS, "OPTIONS", "https://shop.example", "POST");
    assert_string_equal(header(&reply, "Access-Control-Allow-Origin"), "https://shop.example");
    assert_string_equal(header(&reply, "Vary"), "Origin");
    assert_string_equal(header(&reply, "Access-Control-Allow-Methods"), "POST, GET");
    assert_string_equal(header(&reply, "Access-Control-Allow-Headers"),
                        "content-type, idempotency-key, traceparent, tracestate, x-request-id");
    assert_string_equal(header(&reply, "Access-Control-Max-Age"), "7200");
    /* OPTIONS alone is no preflight. */
    reply = add(ORIGINS, "OPTIONS", "https://shop.example", NULL);
    assert_string_equal(header(&reply, "Access-Control-Max-Age"), "-");
}

static void two_origins_are_none(void **state) {
    (void)state;
    struct header headers[] = {{"Origin", "https://shop.example"},
                               {"origin", "https://shop.example"}};
    struct request request = {.method = "POST", .headers = headers, .header_count = 2};
    struct reply reply = {.status = 200};
    cors_add_headers(ORIGINS, &request, &reply);
    assert_int_equal(reply.header_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_of_the_list_gets_itself_back),
        cmocka_unit_test(an_empty_place_in_the_list_is_nobodys),
        cmocka_unit_test(nobody_else_gets_more_than_vary),
        cmocka_unit_test(a_preflight_learns_what_may_be_sent),
        cmocka_unit_test(two_origins_are_none),
    };
    return cmocka_run_group_tests_name("api/cors", tests, NULL, NULL);
}
