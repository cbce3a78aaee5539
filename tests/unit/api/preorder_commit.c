/*
 * From the queue of preorders to their answers.
 */
#include "api/preorder_commit.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/unit/api/world.h"

static void answers_201_only_after_the_commit(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    api_take(world->api, &request, &request);
    assert_int_equal(world->reply_count, 0);
    assert_int_equal(api_queued_count(world->api), 1);
    world_commit(world, ERR_OK);
    assert_int_equal(world->reply_count, 1);
    assert_ptr_equal(world->tickets[0], &request);
    assert_int_equal(world->replies[0].status, 201);
    assert_int_equal(
        strncmp(world_reply_header(&world->replies[0], "Location"), "/pre-order/0", 12), 0);
    assert_int_equal(world_stored_count(world), 1);
}

static void commits_a_whole_turn_at_once(void **state) {
    struct world *world = *state;
    struct request requests[PREORDER_COMMIT_MAX + 3];
    for (size_t i = 0; i < PREORDER_COMMIT_MAX + 3; i++) {
        requests[i] = world_post(world_body, NULL);
        api_take(world->api, &requests[i], &requests[i]);
    }
    world_commit(world, ERR_OK);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, PREORDER_COMMIT_MAX);
    world_commit(world, ERR_OK);
    assert_int_equal(world->reply_count, PREORDER_COMMIT_MAX + 3);
    for (size_t i = 0; i < world->reply_count; i++) {
        assert_int_equal(world->replies[i].status, 201);
        assert_ptr_equal(world->tickets[i], &requests[i]); /* in the order of arrival */
    }
    assert_int_equal(world_stored_count(world), PREORDER_COMMIT_MAX + 3);
}

static void replays_the_same_bytes_for_the_same_key(void **state) {
    struct world *world = *state;
    struct header header = {"Idempotency-Key", "key-1"};
    struct request request = world_post(world_body, &header);
    api_take(world->api, &request, &request);
    api_take(world->api, &request, &request); /* twice in one turn */
    world_commit(world, ERR_OK);
    api_take(world->api, &request, &request); /* and once later */
    world_commit(world, ERR_OK);
    assert_int_equal(world_stored_count(world), 1);
    assert_null(world_reply_header(&world->replies[0], "Idempotent-Replayed"));
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(world->replies[i].status, 201);
        assert_string_equal(world_reply_header(&world->replies[i], "Idempotent-Replayed"), "true");
        assert_string_equal(world_reply_header(&world->replies[i], "Location"),
                            world_reply_header(&world->replies[0], "Location"));
        assert_int_equal(world->replies[i].body_bytes, world->replies[0].body_bytes);
        assert_memory_equal(world->replies[i].body, world->replies[0].body,
                            world->replies[0].body_bytes);
    }
}

static void refuses_the_same_key_for_another_body(void **state) {
    struct world *world = *state;
    struct header header = {"Idempotency-Key", "key-1"};
    struct request first = world_post(world_body, &header);
    struct request other = world_post(
        "{\"email\":\"b@klaviyo-demo.com\",\"price_id\":\"price_1\",\"color\":\"black\"}", &header);
    api_take(world->api, &first, &first);
    api_take(world->api, &other, &other);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 201);
    assert_int_equal(world->replies[1].status, 422);
    assert_non_null(strstr(world->replies[1].body, "/problems/idempotency-key-reused"));
    assert_int_equal(world_stored_count(world), 1);
}

static const struct header browser[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                        {"Accept", "text/html,*/*;q=0.8"}};
static const char form[] = "email=a%40klaviyo-demo.com&price_id=price_1&color=black"
                           "&idempotency_key=form-1";

static struct request post_form(const char *text) {
    struct request request = world_post(text, browser);
    request.header_count = 2;
    return request;
}

static void a_double_click_makes_one_preorder_and_one_answer(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    api_take(world->api, &request, &request);
    api_take(world->api, &request, &request); /* in one turn */
    world_commit(world, ERR_OK);
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    assert_int_equal(world_stored_count(world), 1);
    const struct reply *first = &world->replies[0];
    assert_string_equal(first->content_type, "text/html; charset=utf-8");
    assert_int_equal(strncmp(first->location, "https://pay.example/lamp?client_reference_id=", 45),
                     0);
    for (size_t i = 0; i < 3; i++) {
        const struct reply *reply = &world->replies[i];
        assert_int_equal(reply->status, 303);
        assert_int_equal(world_reply_header(reply, "Idempotent-Replayed") != NULL, i > 0);
        assert_string_equal(reply->location, first->location);
        assert_int_equal(reply->body_bytes, first->body_bytes);
        assert_memory_equal(reply->body, first->body, first->body_bytes);
    }
}

static void a_replay_is_what_the_first_got_whoever_asks(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    struct request program = request;
    program.header_count = 1;
    api_take(world->api, &request, &request);
    api_take(world->api, &program, &program);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 303);
    assert_string_equal(world->replies[1].location, world->replies[0].location);
}

static void a_form_of_a_program_is_answered_with_json(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    request.header_count = 1;
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 201);
    assert_string_equal(world->replies[0].content_type, "application/json");
}

static void a_forms_key_is_a_key_where_the_shop_wants_one(void **state) {
    struct world *world = *state;
    world->settings.require_idempotency_key = true;
    struct request without = post_form("email=a%40klaviyo-demo.com&price_id=price_1&color=black");
    struct request with = post_form(form);
    api_take(world->api, &without, &without);
    assert_int_equal(world->replies[0].status, 400);
    assert_non_null(strstr(world->replies[0].body, "idempotency-key-required"));
    api_take(world->api, &with, &with);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 303);
}

static void a_form_that_changed_under_its_key_is_told_so(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    struct request other = post_form("email=b%40klaviyo-demo.com&price_id=price_1&color=black"
                                     "&idempotency_key=form-1");
    api_take(world->api, &request, &request);
    api_take(world->api, &other, &other);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 422);
    assert_non_null(strstr(world->replies[1].body, "<h1>This form was already sent</h1>"));
    assert_int_equal(world_stored_count(world), 1);
}

static void a_browser_is_told_of_a_busy_database_on_a_page(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    world->store.next_code = ERR_BUSY;
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(world_reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "<h1>The shop is busy</h1>"));
}

static void wants_a_key_where_the_shop_does(void **state) {
    struct world *world = *state;
    world->settings.require_idempotency_key = true;
    struct request request = world_post(world_body, NULL);
    api_take(world->api, &request, &request);
    assert_int_equal(world->replies[0].status, 400);
    assert_non_null(strstr(world->replies[0].body, "/problems/idempotency-key-required"));
    assert_int_equal(api_queued_count(world->api), 0);
}

static void draws_another_number_when_one_is_taken(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    world->repeats_numbers = true;
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    api_take(world->api, &request, &request); /* draws the same number */
    world_commit(world, ERR_OK);
    assert_int_equal(world->reply_count, 1);
    assert_int_equal(api_queued_count(world->api), 1);
    world->repeats_numbers = false;
    world_commit(world, ERR_OK); /* drawn again in vain before, now free */
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 201);
    assert_string_not_equal(world->replies[0].body, world->replies[1].body);
    assert_int_equal(world_stored_count(world), 2);
}

static void answers_503_and_stores_nothing_when_the_database_is_busy(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    world->store.next_code = ERR_BUSY;
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(world_reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "Nothing was stored"));
    assert_int_equal(world_stored_count(world), 0);
}

static void nobody_waits_for_a_busy_database_twice(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    for (size_t i = 0; i < PREORDER_COMMIT_MAX + 1; i++) {
        api_take(world->api, &request, &request);
    }
    world->store.next_code = ERR_BUSY;
    world_commit(world, ERR_OK);
    assert_int_equal(api_queued_count(world->api), 0);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, PREORDER_COMMIT_MAX + 1);
    assert_int_equal(world->replies[PREORDER_COMMIT_MAX].status, 503);
    assert_non_null(strstr(world->replies[PREORDER_COMMIT_MAX].body, "Nothing was stored"));
}

static void admits_that_it_does_not_know(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    world->store.next_code = ERR_UNKNOWN;
    api_take(world->api, &request, &request);
    world_commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_non_null(strstr(world->replies[0].body, "may or may not"));
}

static void asks_a_broken_store_nothing_more(void **state) {
    struct world *world = *state;
    struct request request = world_post(world_body, NULL);
    for (size_t i = 0; i < PREORDER_COMMIT_MAX + 1; i++) {
        api_take(world->api, &request, &request);
    }
    world->store.next_code = ERR_FATAL;
    world_commit(world, ERR_FATAL);
    api_refuse_queued(world->api);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, PREORDER_COMMIT_MAX + 1);
    for (size_t i = 0; i < world->reply_count; i++) {
        assert_int_equal(world->replies[i].status, 503);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    log_set_level(LOG_LEVEL_ERROR); /* a line a stored preorder would bury the results */
    const struct CMUnitTest tests[] = {
        TEST(answers_201_only_after_the_commit),
        TEST(commits_a_whole_turn_at_once),
        TEST(replays_the_same_bytes_for_the_same_key),
        TEST(refuses_the_same_key_for_another_body),
        TEST(wants_a_key_where_the_shop_does),
        TEST(a_double_click_makes_one_preorder_and_one_answer),
        TEST(a_replay_is_what_the_first_got_whoever_asks),
        TEST(a_form_of_a_program_is_answered_with_json),
        TEST(a_forms_key_is_a_key_where_the_shop_wants_one),
        TEST(a_form_that_changed_under_its_key_is_told_so),
        TEST(a_browser_is_told_of_a_busy_database_on_a_page),
        TEST(draws_another_number_when_one_is_taken),
        TEST(answers_503_and_stores_nothing_when_the_database_is_busy),
        TEST(nobody_waits_for_a_busy_database_twice),
        TEST(admits_that_it_does_not_know),
        TEST(asks_a_broken_store_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
