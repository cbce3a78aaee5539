/* The limit of a client: what every reply says of it. */
#include "api/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t one(void *context) {
    (void)context;
    return 1;
}

static const struct clock now = {one, one, NULL};
static const struct request request = {
    .method = "GET", .path = "/pre-order/x", .peer = "192.0.2.1"};

static enum err_code open_limits(char *rate_limit, char *proxies, struct limits **limits_out,
                                 struct err *err) {
    const struct settings settings = {.rate_limit = rate_limit, .trusted_proxies = proxies};
    return limits_open(&settings, &now, random_system(), limits_out, err);
}

static const char *header(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return "-";
}

static void a_client_is_told_what_it_has_left_before_and_after_a_request(void **state) {
    (void)state;
    static char limit[] = "2/m", nothing[] = "";
    struct err err = {0};
    struct limits *limits = NULL;
    struct reply refusal = {0};
    static const char *const left[] = {"\"default\";r=2", "\"default\";r=1;t=30",
                                       "\"default\";r=0;t=30"};
    assert_int_equal(open_limits(limit, nothing, &limits, &err), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        struct reply reply = {.status = 200};
        limits_add_headers(limits, &request, &reply);
        assert_string_equal(header(&reply, "RateLimit-Policy"), "\"default\";q=2;w=60");
        assert_string_equal(header(&reply, "RateLimit"), left[i]);
        assert_int_equal(limits_refuse(limits, &request, &refusal), i == 2);
    }
    assert_int_equal(refusal.status, 429);
    reply_release(&refusal);
    limits_close(limits);
}

static void what_does_not_parse_stops_the_opening(void **state) {
    (void)state;
    static char limit[] = "2/m", off[] = "off", no_limit[] = "many", nothing[] = "",
                no_proxies[] = "everybody";
    struct err err = {0};
    struct limits *limits = NULL;
    assert_int_equal(open_limits(no_limit, nothing, &limits, &err), ERR_INVALID);
    assert_int_equal(open_limits(limit, no_proxies, &limits, &err), ERR_INVALID);
    assert_null(limits);
    assert_int_equal(open_limits(off, nothing, &limits, &err), ERR_OK);
    struct reply reply = {.status = 200};
    limits_add_headers(limits, &request, &reply);
    assert_int_equal(reply.header_count, 0);
    limits_close(limits);
    limits_close(NULL);
}

static void questions_and_webhooks_are_not_counted(void **state) {
    (void)state;
    static char limit[] = "1/m", nothing[] = "";
    static const struct request free_ones[] = {
        {.method = "OPTIONS", .path = "/pre-order", .peer = "192.0.2.1"},
        {.method = "POST", .path = "/webhooks/stripe", .peer = "192.0.2.1"},
    };
    struct err err = {0};
    struct limits *limits = NULL;
    struct reply reply = {0};
    assert_int_equal(open_limits(limit, nothing, &limits, &err), ERR_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_false(limits_refuse(limits, &free_ones[i % 2], &reply));
    }
    assert_false(limits_refuse(limits, &request, &reply));
    limits_close(limits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_told_what_it_has_left_before_and_after_a_request),
        cmocka_unit_test(what_does_not_parse_stops_the_opening),
        cmocka_unit_test(questions_and_webhooks_are_not_counted),
    };
    return cmocka_run_group_tests_name("api/limits", tests, NULL, NULL);
}
