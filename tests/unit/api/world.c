#include "tests/unit/api/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char world_body[] = "{\"email\":\"a@klaviyo-demo.com\",\"price_id\":\"price_1\","
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
    return WALL_MS;
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

int world_set_up(void **state) {
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

int world_tear_down(void **state) {
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

struct request world_post(const char *text, const struct header *header) {
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

const char *world_reply_header(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

int64_t world_stored_count(struct world *world) {
    struct store_status status;
    struct err err = {0};
    assert_int_equal(store_read_status(world->store.inner, 1, &status, &err), ERR_OK);
    return status.preorder_count;
}

void world_commit(struct world *world, enum err_code expected) {
    struct err err = {0};
    assert_int_equal(api_commit(world->api, &err), expected);
}
