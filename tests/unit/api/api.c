/*
 * The api's step without sockets: which requests it refuses, and when; reading.
 */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/overload.h"
#include "common/log.h"
#include "tests/unit/api/world.h"

static void reads_a_preorder_back_without_personal_data(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    struct request get = {.method = "GET",
                          .path = world_reply_header(&world->replies[0], "Location"),
                          .body = "",
                          .id = "request-2"};
    api_take(world->api, &get, &get);
    assert_int_equal(world->replies[1].status, 200);
    assert_non_null(strstr(world->replies[1].body, "\"status\":\"initiated\""));
    assert_non_null(strstr(world->replies[1].body, "\"metric\":\"Preorder Started\""));
    assert_non_null(strstr(world->replies[1].body, "\"sent_at\":null"));
    assert_null(strstr(world->replies[1].body, "@"));
}

static void knows_no_preorder_by_another_id(void **state) {
    struct world *world = *state;
    static const char *const paths[] = {"/pre-order/nonsense",
                                        "/pre-order/01890000-0000-7000-8000-000000000000"};
    for (size_t i = 0; i < 2; i++) {
        struct request get = {.method = "GET", .path = paths[i], .body = "", .id = "request"};
        api_take(world->api, &get, &get);
        assert_int_equal(world->replies[i].status, 404);
        assert_non_null(strstr(world->replies[i].body, "/problems/unknown-preorder"));
    }
}

static void judges_the_content_type_by_the_head(void **state) {
    struct world *world = *state;
    static const struct {
        const char *name, *value;
        int status; /* 0: let through */
    } rows[] = {
        {"Content-Type", "application/json", 0},
        {"Content-Type", "Application/JSON; charset=UTF-8", 0},
        {"Content-Type", "application/json ; charset=\"utf-8\"", 0},
        {"Content-Type", "application/json; charset=latin1", 415},
        {"Content-Type", "application/jsonp", 415},
        {"Content-Type", "application/x-www-form-urlencoded", 0},
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8", 0},
        {"Content-Type", "application/x-www-form-urlencoded; charset=latin1", 415},
        {"Content-Type", "multipart/form-data; boundary=x", 415},
        {"Content-Type", "text/plain", 415},
        {"Accept", "application/json", 415},
        {"Content-Encoding", "gzip", 415},
        {"Content-Encoding", "Identity", 415}, /* for want of a type only */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct header header = {rows[i].name, rows[i].value};
        struct request request = world_post("", &header);
        struct reply reply = {0};
        assert_int_equal(api_refuse_head(world->api, &request, &reply), rows[i].status != 0);
        assert_int_equal(reply.status, rows[i].status);
        reply_release(&reply);
    }
}

/* Queues so many that the next one is too much once they have waited. */
static void queue_many(struct world *world, struct request *requests) {
    for (size_t i = 0; i < OVERLOAD_QUEUE_MIN; i++) {
        requests[i] = world_post(world_body, NULL);
        api_take(world->api, &requests[i], &requests[i]);
    }
    assert_int_equal(world->reply_count, 0);
    world->offset_us += (int64_t)OVERLOAD_WAIT_MS * US_PER_MS;
}

static void refuses_at_once_what_comes_behind_an_old_queue(void **state) {
    struct world *world = *state;
    struct request requests[OVERLOAD_QUEUE_MIN];
    queue_many(world, requests);
    struct request late = world_post(world_body, NULL);
    api_take(world->api, &late, &late);
    assert_int_equal(world->reply_count, 1);
    assert_ptr_equal(world->tickets[0], &late);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(world_reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "#temporary-reduced-capacity"));
    assert_true(api_is_overloaded(world->api));

    world_commit(world, ERR_OK); /* who was in is served, and then there is room */
    assert_int_equal(world_stored_count(world), OVERLOAD_QUEUE_MIN);
    api_take(world->api, &late, &late);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[world->reply_count - 1].status, 201);
    world->offset_us += (int64_t)OVERLOAD_CALM_MS * US_PER_MS;
    api_tend(world->api);
    assert_false(api_is_overloaded(world->api));
}

static void refuses_a_large_body_unread_and_serves_webhooks(void **state) {
    struct world *world = *state;
    struct request requests[OVERLOAD_QUEUE_MIN];
    queue_many(world, requests);
    static const struct header headers[] = {{"Content-Type", "application/json"}};
    struct request large = {.method = "POST",
                            .path = "/pre-order",
                            .headers = headers,
                            .header_count = 1,
                            .body = "",
                            .content_length = 5000,
                            .id = "request-1"};
    struct reply reply = {0};
    assert_true(api_refuse_head(world->api, &large, &reply));
    assert_int_equal(reply.status, 503);
    reply_release(&reply);
    large.content_length = 500; /* read, and then refused: the connection lives on */
    assert_false(api_refuse_head(world->api, &large, &reply));
    large.path = "/webhooks/stripe";
    large.content_length = 5000;
    bool refused = api_refuse_head(world->api, &large, &reply);
    assert_true(!refused || reply.status != 503);
    reply_release(&reply);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    log_set_level(LOG_LEVEL_ERROR); /* a line a stored preorder would bury the results */
    const struct CMUnitTest tests[] = {
        TEST(refuses_at_once_what_comes_behind_an_old_queue),
        TEST(refuses_a_large_body_unread_and_serves_webhooks),
        TEST(reads_a_preorder_back_without_personal_data),
        TEST(knows_no_preorder_by_another_id),
        TEST(judges_the_content_type_by_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
