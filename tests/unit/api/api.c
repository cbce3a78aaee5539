/*
 * The api's step without sockets: requests in, one commit, replies out.
 *
 * Method: a real SQLite database in a fresh folder, behind an engine that can fail the next create;
 * replies are kept in the order in which they come.
 */
#include "api/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/overload.h"
#include "common/log.h"
#include "common/store/ops.h"

enum { REPLIES_MAX = 2 * API_BATCH_MAX, MONO_US = 1000000 };

struct failing_store {
    struct store base;
    struct store_ops ops;
    struct store *inner;
    enum err_code next_code; /* of the next create; ERR_OK: ask the inner store */
    size_t create_calls;
};

struct world {
    char folder[64];
    struct settings settings;
    struct catalog *catalog;
    struct failing_store store;
    struct random random;
    struct random_seeded seeded;
    struct random inner_random;
    bool repeats_numbers;
    struct api *api;
    struct clock clock; /* stands still: how fast the machine is decides nothing */
    int64_t offset_us;
    struct reply replies[REPLIES_MAX];
    void *tickets[REPLIES_MAX];
    size_t reply_count;
};

static const char body[] = "{\"email\":\"a@klaviyo-demo.com\",\"price_id\":\"price_1\","
                           "\"color\":\"black\"}";
static const char catalog_text[] =
    "{\"currency\":\"USD\",\"products\":[{\"price_id\":\"price_1\",\"name\":\"Lamp\","
    "\"color\":\"black\",\"amount\":4999,\"payment_link\":\"https://pay.example/lamp\"}]}";

static enum err_code failing_create(struct store *store, struct create *creates, size_t count,
                                    struct err *err) {
    struct failing_store *self = (struct failing_store *)store;
    self->create_calls++;
    if (self->next_code != ERR_OK) {
        enum err_code code = self->next_code;
        self->next_code = ERR_OK;
        return err_set(err, code, "as the test wants it");
    }
    return store_create_preorders(self->inner, creates, count, err);
}

static enum err_code failing_find(struct store *store, const struct ident *id, int64_t now_ms,
                                  struct preorder_view *preorder_out, struct event_list *events_out,
                                  struct err *err) {
    struct failing_store *self = (struct failing_store *)store;
    return store_find_preorder(self->inner, id, now_ms, preorder_out, events_out, err);
}

static void world_fill(void *context, void *bytes, size_t byte_count) {
    struct world *world = context;
    if (world->repeats_numbers && byte_count <= sizeof(uint64_t)) {
        memset(bytes, 0x55, byte_count); /* numbers are drawn from few bytes, ids from many */
    } else {
        random_fill(&world->inner_random, bytes, byte_count);
    }
}

static void on_reply(void *context, void *ticket, struct reply *reply) {
    struct world *world = context;
    assert_true(world->reply_count < REPLIES_MAX);
    world->tickets[world->reply_count] = ticket;
    world->replies[world->reply_count++] = *reply;
}

static int64_t world_wall_ms(void *context) {
    (void)context;
    return clock_wall_ms(clock_system());
}

static int64_t world_mono_us(void *context) {
    return MONO_US + ((struct world *)context)->offset_us;
}

static void open_store(struct world *world) {
    char url[128];
    struct err err = {0};
    struct store_options options = {
        .role = STORE_CHECKOUT, .write_timeout_ms = 2000, .clock = clock_system()};
    struct store_migration migration;
    (void)snprintf(url, sizeof url, "sqlite:%s/preorder.db", world->folder);
    assert_int_equal(store_migrate(url, &options, false, &migration, &err), ERR_OK);
    assert_int_equal(store_open(url, &options, &world->store.inner, &err), ERR_OK);
    world->store.ops = (struct store_ops){
        .name = "failing", .create_preorders = failing_create, .find_preorder = failing_find};
    world->store.base.ops = &world->store.ops;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    struct err err = {0};
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/preorder-api-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    open_store(world);
    static char prefix[] = "PRE";
    static char metric_prefix[] = "";
    static char stripe_mode[] = "auto";
    world->settings.number_prefix = prefix;
    world->settings.klaviyo_metric_prefix = metric_prefix;
    world->settings.stripe_mode = stripe_mode;
    static char limit[] = "off";
    static char nothing[] = "";
    world->settings.rate_limit = limit;
    world->settings.trusted_proxies = nothing;
    world->settings.allowed_origins = nothing;
    assert_int_equal(
        catalog_parse("catalog", catalog_text, strlen(catalog_text), &world->catalog, &err),
        ERR_OK);
    world->inner_random = random_seeded(&world->seeded, 42);
    world->random = (struct random){.fill = world_fill, .context = world};
    world->clock = (struct clock){world_wall_ms, world_mono_us, world};
    struct api_options options = {
        .settings = &world->settings,
        .catalog = world->catalog,
        .store = &world->store.base,
        .clock = &world->clock,
        .random = &world->random,
        .on_reply = on_reply,
        .context = world,
    };
    assert_int_equal(api_open(&options, &world->api, &err), ERR_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < world->reply_count; i++) {
        reply_release(&world->replies[i]);
    }
    api_close(world->api);
    store_close(world->store.inner);
    catalog_free(world->catalog);
    static const char *const names[] = {"preorder.db", "preorder.db-wal", "preorder.db-shm",
                                        "preorder.db-gate"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", world->folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(world->folder), 0);
    free(world);
    return 0;
}

static struct request post(const char *text, const struct header *header) {
    return (struct request){
        .method = "POST",
        .path = "/pre-order",
        .headers = header,
        .header_count = header == NULL ? 0 : 1,
        .body = text,
        .body_bytes = strlen(text),
        .id = "request-1",
    };
}

static const char *reply_header(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static int64_t stored_count(struct world *world) {
    struct store_status status;
    struct err err = {0};
    assert_int_equal(store_read_status(world->store.inner, 1, &status, &err), ERR_OK);
    return status.preorder_count;
}

static void commit(struct world *world, enum err_code expected) {
    struct err err = {0};
    assert_int_equal(api_commit(world->api, &err), expected);
}

static void answers_201_only_after_the_commit(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    api_take(world->api, &request, &request);
    assert_int_equal(world->reply_count, 0);
    assert_int_equal(api_queued_count(world->api), 1);
    commit(world, ERR_OK);
    assert_int_equal(world->reply_count, 1);
    assert_ptr_equal(world->tickets[0], &request);
    assert_int_equal(world->replies[0].status, 201);
    assert_int_equal(strncmp(reply_header(&world->replies[0], "Location"), "/pre-order/0", 12), 0);
    assert_int_equal(stored_count(world), 1);
}

static void commits_a_whole_turn_at_once(void **state) {
    struct world *world = *state;
    struct request requests[API_BATCH_MAX + 3];
    for (size_t i = 0; i < API_BATCH_MAX + 3; i++) {
        requests[i] = post(body, NULL);
        api_take(world->api, &requests[i], &requests[i]);
    }
    commit(world, ERR_OK);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, API_BATCH_MAX);
    commit(world, ERR_OK);
    assert_int_equal(world->reply_count, API_BATCH_MAX + 3);
    for (size_t i = 0; i < world->reply_count; i++) {
        assert_int_equal(world->replies[i].status, 201);
        assert_ptr_equal(world->tickets[i], &requests[i]); /* in the order of arrival */
    }
    assert_int_equal(stored_count(world), API_BATCH_MAX + 3);
}

static void replays_the_same_bytes_for_the_same_key(void **state) {
    struct world *world = *state;
    struct header header = {"Idempotency-Key", "key-1"};
    struct request request = post(body, &header);
    api_take(world->api, &request, &request);
    api_take(world->api, &request, &request); /* twice in one turn */
    commit(world, ERR_OK);
    api_take(world->api, &request, &request); /* and once later */
    commit(world, ERR_OK);
    assert_int_equal(stored_count(world), 1);
    assert_null(reply_header(&world->replies[0], "Idempotent-Replayed"));
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(world->replies[i].status, 201);
        assert_string_equal(reply_header(&world->replies[i], "Idempotent-Replayed"), "true");
        assert_string_equal(reply_header(&world->replies[i], "Location"),
                            reply_header(&world->replies[0], "Location"));
        assert_int_equal(world->replies[i].body_bytes, world->replies[0].body_bytes);
        assert_memory_equal(world->replies[i].body, world->replies[0].body,
                            world->replies[0].body_bytes);
    }
}

static void refuses_the_same_key_for_another_body(void **state) {
    struct world *world = *state;
    struct header header = {"Idempotency-Key", "key-1"};
    struct request first = post(body, &header);
    struct request other = post(
        "{\"email\":\"b@klaviyo-demo.com\",\"price_id\":\"price_1\",\"color\":\"black\"}", &header);
    api_take(world->api, &first, &first);
    api_take(world->api, &other, &other);
    commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 201);
    assert_int_equal(world->replies[1].status, 422);
    assert_non_null(strstr(world->replies[1].body, "/problems/idempotency-key-reused"));
    assert_int_equal(stored_count(world), 1);
}

static const struct header browser[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                        {"Accept", "text/html,*/*;q=0.8"}};
static const char form[] = "email=a%40klaviyo-demo.com&price_id=price_1&color=black"
                           "&idempotency_key=form-1";

static struct request post_form(const char *text) {
    struct request request = post(text, browser);
    request.header_count = 2;
    return request;
}

static void a_double_click_makes_one_preorder_and_one_answer(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    api_take(world->api, &request, &request);
    api_take(world->api, &request, &request); /* in one turn */
    commit(world, ERR_OK);
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    assert_int_equal(stored_count(world), 1);
    const struct reply *first = &world->replies[0];
    assert_string_equal(first->content_type, "text/html; charset=utf-8");
    assert_int_equal(strncmp(first->location, "https://pay.example/lamp?client_reference_id=", 45),
                     0);
    for (size_t i = 0; i < 3; i++) {
        const struct reply *reply = &world->replies[i];
        assert_int_equal(reply->status, 303);
        assert_int_equal(reply_header(reply, "Idempotent-Replayed") != NULL, i > 0);
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
    commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 303);
    assert_string_equal(world->replies[1].location, world->replies[0].location);
}

static void a_form_of_a_program_is_answered_with_json(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    request.header_count = 1;
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
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
    commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 303);
}

static void a_form_that_changed_under_its_key_is_told_so(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    struct request other = post_form("email=b%40klaviyo-demo.com&price_id=price_1&color=black"
                                     "&idempotency_key=form-1");
    api_take(world->api, &request, &request);
    api_take(world->api, &other, &other);
    commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 422);
    assert_non_null(strstr(world->replies[1].body, "<h1>This form was already sent</h1>"));
    assert_int_equal(stored_count(world), 1);
}

static void a_browser_is_told_of_a_busy_database_on_a_page(void **state) {
    struct world *world = *state;
    struct request request = post_form(form);
    world->store.next_code = ERR_BUSY;
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "<h1>The shop is busy</h1>"));
}

static void wants_a_key_where_the_shop_does(void **state) {
    struct world *world = *state;
    world->settings.require_idempotency_key = true;
    struct request request = post(body, NULL);
    api_take(world->api, &request, &request);
    assert_int_equal(world->replies[0].status, 400);
    assert_non_null(strstr(world->replies[0].body, "/problems/idempotency-key-required"));
    assert_int_equal(api_queued_count(world->api), 0);
}

static void draws_another_number_when_one_is_taken(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    world->repeats_numbers = true;
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    api_take(world->api, &request, &request); /* draws the same number */
    commit(world, ERR_OK);
    assert_int_equal(world->reply_count, 1);
    assert_int_equal(api_queued_count(world->api), 1);
    world->repeats_numbers = false;
    commit(world, ERR_OK); /* drawn again in vain before, now free */
    commit(world, ERR_OK);
    assert_int_equal(world->replies[1].status, 201);
    assert_string_not_equal(world->replies[0].body, world->replies[1].body);
    assert_int_equal(stored_count(world), 2);
}

static void answers_503_and_stores_nothing_when_the_database_is_busy(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    world->store.next_code = ERR_BUSY;
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "Nothing was stored"));
    assert_int_equal(stored_count(world), 0);
}

static void nobody_waits_for_a_busy_database_twice(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    for (size_t i = 0; i < API_BATCH_MAX + 1; i++) {
        api_take(world->api, &request, &request);
    }
    world->store.next_code = ERR_BUSY;
    commit(world, ERR_OK);
    assert_int_equal(api_queued_count(world->api), 0);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, API_BATCH_MAX + 1);
    assert_int_equal(world->replies[API_BATCH_MAX].status, 503);
    assert_non_null(strstr(world->replies[API_BATCH_MAX].body, "Nothing was stored"));
}

static void admits_that_it_does_not_know(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    world->store.next_code = ERR_UNKNOWN;
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    assert_int_equal(world->replies[0].status, 503);
    assert_non_null(strstr(world->replies[0].body, "may or may not"));
}

static void asks_a_broken_store_nothing_more(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    for (size_t i = 0; i < API_BATCH_MAX + 1; i++) {
        api_take(world->api, &request, &request);
    }
    world->store.next_code = ERR_FATAL;
    commit(world, ERR_FATAL);
    api_refuse_queued(world->api);
    assert_int_equal(world->store.create_calls, 1);
    assert_int_equal(world->reply_count, API_BATCH_MAX + 1);
    for (size_t i = 0; i < world->reply_count; i++) {
        assert_int_equal(world->replies[i].status, 503);
    }
}

static void reads_a_preorder_back_without_personal_data(void **state) {
    struct world *world = *state;
    struct request request = post(body, NULL);
    api_take(world->api, &request, &request);
    commit(world, ERR_OK);
    struct request get = {.method = "GET",
                          .path = reply_header(&world->replies[0], "Location"),
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
        struct request request = post("", &header);
        struct reply reply = {0};
        assert_int_equal(api_refuse_head(world->api, &request, &reply), rows[i].status != 0);
        assert_int_equal(reply.status, rows[i].status);
        reply_release(&reply);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Queues so many that the next one is too much once they have waited. */
static void queue_many(struct world *world, struct request *requests) {
    for (size_t i = 0; i < OVERLOAD_QUEUE_MIN; i++) {
        requests[i] = post(body, NULL);
        api_take(world->api, &requests[i], &requests[i]);
    }
    assert_int_equal(world->reply_count, 0);
    world->offset_us += (int64_t)OVERLOAD_WAIT_MS * US_PER_MS;
}

static void refuses_at_once_what_comes_behind_an_old_queue(void **state) {
    struct world *world = *state;
    struct request requests[OVERLOAD_QUEUE_MIN];
    queue_many(world, requests);
    struct request late = post(body, NULL);
    api_take(world->api, &late, &late);
    assert_int_equal(world->reply_count, 1);
    assert_ptr_equal(world->tickets[0], &late);
    assert_int_equal(world->replies[0].status, 503);
    assert_string_equal(reply_header(&world->replies[0], "Retry-After"), "1");
    assert_non_null(strstr(world->replies[0].body, "#temporary-reduced-capacity"));
    assert_true(api_is_overloaded(world->api));

    commit(world, ERR_OK); /* who was in is served, and then there is room */
    assert_int_equal(stored_count(world), OVERLOAD_QUEUE_MIN);
    api_take(world->api, &late, &late);
    commit(world, ERR_OK);
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

int main(void) {
    log_set_level(LOG_LEVEL_ERROR); /* a line a stored preorder would bury the results */
    const struct CMUnitTest tests[] = {
        TEST(refuses_at_once_what_comes_behind_an_old_queue),
        TEST(refuses_a_large_body_unread_and_serves_webhooks),
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
        TEST(reads_a_preorder_back_without_personal_data),
        TEST(knows_no_preorder_by_another_id),
        TEST(judges_the_content_type_by_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
