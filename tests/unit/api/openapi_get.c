/* The description says what the router serves, no more and no less, and is served itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/context.h"
#include "api/handlers.h"
#include "api/openapi.h"
#include "api/router.h"

static json_t *paths_of_description(json_t **document_out) {
    *document_out = json_loadb(openapi_text, openapi_bytes, 0, NULL);
    assert_non_null(*document_out);
    json_t *paths = json_object_get(*document_out, "paths");
    assert_true(json_is_object(paths));
    return paths;
}

static void describes_every_route(void **state) {
    (void)state;
    json_t *document = NULL;
    const json_t *paths = paths_of_description(&document);
    size_t count = 0;
    const struct route *routes = router_list(&count);
    for (size_t i = 0; i < count; i++) {
        char method[16];
        size_t length = strlen(routes[i].method);
        assert_true(length < sizeof method);
        for (size_t j = 0; j <= length; j++) {
            method[j] = (char)(routes[i].method[j] | (j < length ? 0x20 : 0));
        }
        if (json_object_get(json_object_get(paths, routes[i].path), method) == NULL) {
            fail_msg("%s %s is not in api/openapi.json", routes[i].method, routes[i].path);
        }
    }
    json_decref(document);
}

static bool is_served(const char *method, const char *path) {
    size_t count = 0;
    const struct route *routes = router_list(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(routes[i].method, method) == 0 && strcmp(routes[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void describes_nothing_else(void **state) {
    (void)state;
    json_t *document = NULL;
    json_t *paths = paths_of_description(&document);
    const char *path, *method;
    json_t *operations, *operation;
    json_object_foreach(paths, path, operations) {
        json_object_foreach(operations, method, operation) {
            if (!is_served(method, path)) {
                fail_msg("%s %s is in api/openapi.json only", method, path);
            }
        }
    }
    json_decref(document);
}

static void keep_reply(void *context, void *ticket, struct reply *reply) {
    (void)ticket;
    *(struct reply *)context = *reply;
}

static struct reply ask(const char *known_tag) {
    struct reply reply = {0};
    struct api api = {.options = {.on_reply = keep_reply, .context = &reply}};
    struct header header = {"If-None-Match", known_tag};
    struct request request = {.method = "GET",
                              .path = "/openapi.json",
                              .body = "",
                              .headers = &header,
                              .header_count = known_tag == NULL ? 0 : 1};
    handle_openapi_get(&api, &request, "", NULL);
    assert_string_equal(reply.headers[0].name, "ETag");
    assert_string_equal(reply.headers[0].value, openapi_etag);
    return reply;
}

static void is_served_whole(void **state) {
    (void)state;
    struct reply reply = ask(NULL);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "application/json");
    assert_int_equal(reply.body_bytes, openapi_bytes);
    assert_memory_equal(reply.body, openapi_text, openapi_bytes);
    reply_release(&reply);
    reply = ask("\"of something else\"");
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
}

static void is_not_sent_again_to_whoever_has_it(void **state) {
    (void)state;
    char list[128];
    (void)snprintf(list, sizeof list, "\"other\", W/%s", openapi_etag);
    const char *const known[] = {openapi_etag, list, "*"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct reply reply = ask(known[i]);
        assert_int_equal(reply.status, 304);
        assert_null(reply.body);
        assert_null(reply.content_type);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_every_route),
        cmocka_unit_test(describes_nothing_else),
        cmocka_unit_test(is_served_whole),
        cmocka_unit_test(is_not_sent_again_to_whoever_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
