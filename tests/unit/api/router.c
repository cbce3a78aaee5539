/* Which handler a request reaches, and what it is told when it reaches none. */
#include "api/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers.h"

static void finds_the_handler_of_each_route(void **state) {
    (void)state;
    static const struct {
        const char *method, *path;
        void (*handle)(struct api *, const struct request *, const char *, void *);
    } rows[] = {
        {"POST", "/pre-order", handle_preorder_create},
        {"GET", "/pre-order/0190", handle_preorder_get},
        {"HEAD", "/pre-order/0190", handle_preorder_get},
        {"GET", "/openapi.json", handle_openapi_get},
        {"POST", "/webhooks/stripe", handle_stripe_webhook},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request = {.method = rows[i].method, .path = rows[i].path, .body = ""};
        struct reply reply = {0};
        const struct route *route = router_find(&request, &reply);
        assert_non_null(route);
        assert_true(route->handle == rows[i].handle);
        assert_int_equal(reply.status, 0);
    }
}

static const char *reply_header(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static void refuses_what_it_does_not_serve(void **state) {
    (void)state;
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } rows[] = {
        {"GET", "/", 404, NULL},
        {"GET", "/pre-order/", 404, NULL},
        {"GET", "/pre-order/a/b", 404, NULL},
        {"POST", "/pre-orders", 404, NULL},
        {"POST", "/Pre-Order", 404, NULL},
        {"GET", "/pre-order", 405, "OPTIONS, POST"},
        {"HEAD", "/pre-order", 405, "OPTIONS, POST"},
        {"DELETE", "/pre-order", 405, "OPTIONS, POST"},
        {"POST", "/pre-order/0190", 405, "GET, HEAD, OPTIONS"},
        {"OPTIONS", "/pre-order", 204, "OPTIONS, POST"},
        {"OPTIONS", "/pre-order/0190", 204, "GET, HEAD, OPTIONS"},
        {"OPTIONS", "*", 204, "GET, HEAD, OPTIONS, POST"},
        {"OPTIONS", "/nowhere", 404, NULL},
        {"FROB", "/pre-order", 501, NULL},
        {"post", "/pre-order", 501, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request = {.method = rows[i].method, .path = rows[i].path, .body = ""};
        struct reply reply = {0};
        assert_null(router_find(&request, &reply));
        assert_int_equal(reply.status, rows[i].status);
        const char *allow = reply_header(&reply, "Allow");
        if (rows[i].allow == NULL) {
            assert_null(allow);
        } else {
            assert_string_equal(allow, rows[i].allow);
        }
        const char *link = reply_header(&reply, "Link");
        if (rows[i].status == 404 || rows[i].status == 204) {
            assert_string_equal(link, "</openapi.json>; rel=\"service-desc\"");
        } else {
            assert_null(link);
        }
        bool takes_posts = rows[i].status == 204 && strcmp(rows[i].path, "/pre-order") == 0;
        const char *types = reply_header(&reply, "Accept-Post");
        assert_int_equal(types != NULL, takes_posts);
        if (takes_posts) {
            assert_string_equal(types, "application/json, application/x-www-form-urlencoded");
        }
        reply_release(&reply);
    }
}

static void labels_never_hold_an_id(void **state) {
    (void)state;
    struct request one = {.method = "GET", .path = "/pre-order/0190", .body = ""};
    struct request other = {.method = "GET", .path = "/secret@example", .body = ""};
    assert_string_equal(router_label(&one), "/pre-order/{id}");
    assert_string_equal(router_label(&other), "other");
    assert_string_equal(router_method_label(&one), "GET");
    other.method = "a@example.com";
    assert_string_equal(router_method_label(&other), "other");
}

static void a_route_without_a_body_takes_no_type(void **state) {
    (void)state;
    assert_string_equal(router_body_types(BODY_NONE), "");
    assert_string_equal(router_body_types(BODY_JSON), "application/json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_handler_of_each_route),
        cmocka_unit_test(refuses_what_it_does_not_serve),
        cmocka_unit_test(labels_never_hold_an_id),
        cmocka_unit_test(a_route_without_a_body_takes_no_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
