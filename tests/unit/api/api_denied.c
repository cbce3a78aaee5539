/*
 * Whatever is missing, memory above all: each request gets one answer, right or 5xx, and nothing half-done is
 * committed.
 * Method: every allocation of the step fails once, ours, jansson's and OpenSSL's; the store is a fake that keeps what
 * it was given.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/idempotency.h"
#include "api/intake.h"
#include "api/stripe_signature.h"
#include "common/log.h"
#include "common/store/ops.h"
#include "tests/unit/deny.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { NTH_MAX = 2000, NOW_S = 1700000000 };

struct world {
    struct store store; /* first: the engine gets a pointer to it */
    struct store_ops ops;
    enum create_result result; /* of the next create; the ones behind it are stored */
    bool keeps_result;
    int stored_count, applied_count;
    struct settings settings;
    struct catalog *catalog;
    struct clock clock;
    struct random random;
    struct random_seeded seeded;
    struct api *api;
    struct reply reply; /* the last one */
    int reply_count;
};

static const char json_body[] =
    "{\"email\":\"a@klaviyo-demo.com\",\"price_id\":\"price_1\",\"color\":\"black\","
    "\"properties\":{\"size\":\"xl\"}}";
static const char form_body[] =
    "email=a%40klaviyo-demo.com&price_id=price_1&color=black&properties%5Bsize%5D=xl&"
    "idempotency_key=form-1";
static const char event_body[] =
    "{\"id\":\"evt_1\",\"type\":\"checkout.session.completed\",\"object\":\"event\",\"created\":"
    "1700000000,"
    "\"livemode\":false,\"data\":{\"object\":{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_"
    "total\":4999,"
    "\"currency\":\"usd\",\"client_reference_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}}}";
static const char catalog_text[] =
    "{\"currency\":\"USD\",\"products\":[{\"price_id\":\"price_1\",\"name\":\"Lamp\",\"color\":"
    "\"black\","
    "\"amount\":4999,\"payment_link\":\"https://pay.example/lamp\"}]}";

static enum err_code fake_create(struct store *store, struct create *creates, size_t count,
                                 struct err *err) {
    (void)err;
    struct world *world = (struct world *)store;
    for (size_t i = 0; i < count; i++) {
        assert_non_null(creates[i].reply);
        assert_non_null(creates[i].event->payload);
        creates[i].result = world->result;
        world->stored_count += world->result == CREATE_STORED;
        world->result = world->keeps_result ? world->result : CREATE_STORED;
    }
    return ERR_OK;
}

static enum err_code fake_apply(struct store *store, const struct payment_terms *terms,
                                struct payment_apply *applies, size_t count, struct err *err) {
    (void)terms;
    (void)err;
    struct world *world = (struct world *)store;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(applies[i].event->id, "evt_1");
        assert_int_equal(applies[i].event->amount_total, 4999);
        applies[i].result = PAYMENT_APPLIED;
        world->applied_count++;
    }
    return ERR_OK;
}

static enum err_code fake_find(struct store *store, const struct ident *id, int64_t now_ms,
                               struct preorder_view *preorder_out, struct event_list *events_out,
                               struct err *err) {
    (void)store;
    (void)now_ms;
    static const struct event_view view = {.metric = "Preorder Started", .status = "pending"};
    *preorder_out =
        (struct preorder_view){.id = *id, .number = "PRE-7K3M9QX2", .status = "initiated"};
    events_out->events = calloc(1, sizeof *events_out->events);
    if (events_out->events == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    events_out->events[0] = view;
    events_out->event_count = 1;
    return ERR_OK;
}

static void on_reply(void *context, void *ticket, struct reply *reply) {
    struct world *world = context;
    assert_ptr_equal(ticket, world);
    world->reply_count++;
    reply_release(&world->reply);
    world->reply = *reply;
}

static int64_t wall_ms(void *context) {
    (void)context;
    return (int64_t)NOW_S * MS_PER_S;
}

static int64_t mono_us(void *context) {
    (void)context;
    return 1;
}

static enum err_code open_api(struct world *world, struct err *err) {
    struct api_options options = {
        .settings = &world->settings,
        .catalog = world->catalog,
        .store = &world->store,
        .clock = &world->clock,
        .random = &world->random,
        .on_reply = on_reply,
        .context = world,
    };
    return api_open(&options, &world->api, err);
}

static void open_world(struct world *world) {
    static char prefix[] = "PRE", nothing[] = "", mode[] = "test", limit[] = "100/s",
                secret[] = "whsec_test";
    struct err err = {0};
    *world = (struct world){
        .ops = {.name = "fake",
                .create_preorders = fake_create,
                .apply_payments = fake_apply,
                .find_preorder = fake_find},
        .result = CREATE_STORED,
        .settings = {.number_prefix = prefix,
                     .klaviyo_metric_prefix = nothing,
                     .stripe_mode = mode,
                     .stripe_webhook_secret = secret,
                     .rate_limit = limit,
                     .trusted_proxies = nothing,
                     .allowed_origins = nothing},
        .clock = {wall_ms, mono_us, NULL},
    };
    world->store.ops = &world->ops;
    world->random = random_seeded(&world->seeded, 42);
    assert_int_equal(
        catalog_parse("catalog", catalog_text, strlen(catalog_text), &world->catalog, &err),
        ERR_OK);
}

static void close_world(struct world *world) {
    reply_release(&world->reply);
    api_close(world->api);
    catalog_free(world->catalog);
}

struct ask {
    const char *method, *path, *body, *type;
    const char *more_name, *more_value; /* one more header */
    int status;
    enum create_result first; /* of the create */
};

/* Of event_body, with whsec_test. */
static const char signature[] =
    "t=1700000000,v1=60f767ae72a42abc703ab55876489b2e5342edfe48a9229fd03db462986e2dba";

static const struct ask asks[] = {
    {"POST", "/pre-order", json_body, "application/json", "X-None", "", 201, CREATE_STORED},
    {"POST", "/pre-order", json_body, "application/json", "Idempotency-Key", "key-1", 201,
     CREATE_STORED},
    {"POST", "/pre-order", json_body, "application/json", "X-None", "", 201, CREATE_NUMBER_TAKEN},
    {"POST", "/pre-order", form_body, "application/x-www-form-urlencoded", "X-None", "", 201,
     CREATE_STORED},
    {"POST", "/pre-order", form_body, "application/x-www-form-urlencoded", "Accept", "text/html",
     303, CREATE_STORED},
    {"GET", "/pre-order/01890a5d-ac96-774b-bcce-b302099a8057", "", NULL, "X-None", "", 200,
     CREATE_STORED},
    {"GET", "/openapi.json", "", NULL, "X-None", "", 200, CREATE_STORED},
    {"POST", "/webhooks/stripe", event_body, "application/json", "Stripe-Signature", signature, 200,
     CREATE_STORED},
};

static void perform(struct world *world, const struct ask *ask, const struct request *request) {
    struct err err = {0};
    world->result = ask->first;
    api_take(world->api, request, world);
    for (int i = 0; i < 3 && api_queued_count(world->api) > 0; i++) {
        assert_int_equal(api_commit(world->api, &err), ERR_OK);
    }
}

static struct request request_of(const struct ask *ask, struct header headers[2]) {
    headers[0] = (struct header){ask->more_name, ask->more_value};
    headers[1] = (struct header){"Content-Type", ask->type};
    return (struct request){
        .method = ask->method,
        .path = ask->path,
        .headers = headers,
        .header_count = ask->type == NULL ? 1 : 2,
        .body = ask->body,
        .body_bytes = strlen(ask->body),
        .content_length = (int64_t)strlen(ask->body),
        .peer = "127.0.0.1",
        .id = "request-1",
    };
}

static void every_request_is_answered_right_or_with_an_error_of_ours(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct world world;
            struct err err = {0};
            struct header headers[2];
            struct request request = request_of(&asks[i], headers);
            open_world(&world);
            assert_int_equal(open_api(&world, &err), ERR_OK);
            deny(DENY_MEMORY, nth, ENOMEM);
            perform(&world, &asks[i], &request);
            was_denied = deny_end();
            assert_int_equal(world.reply_count, 1);
            assert_true(world.stored_count + world.applied_count <= 1);
            bool is_right = world.reply.status == asks[i].status;
            bool is_refused =
                was_denied && (world.reply.status == 503 || world.reply.status == 500);
            if (!is_right && !is_refused) {
                fail_msg("request %zu, allocation %d: %d", i, nth, world.reply.status);
            }
            close_world(&world);
        }
    }
}

static void an_api_that_cannot_open_says_so(void **state) {
    (void)state;
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct world world;
        struct err err = {0};
        open_world(&world);
        deny(DENY_MEMORY, nth, ENOMEM);
        enum err_code code = open_api(&world, &err);
        was_denied = deny_end();
        assert_int_equal(code, was_denied ? ERR_FATAL : ERR_OK);
        assert_true(!was_denied || strstr(err.text, "out of memory") != NULL);
        close_world(&world);
    }
}

/* ---- Whatever else is missing ----------------------------------------------------------------- */

static struct reply answer(const struct ask *ask, enum create_result result) {
    struct world world;
    struct err err = {0};
    struct header headers[2];
    struct request request = request_of(ask, headers);
    open_world(&world);
    assert_int_equal(open_api(&world, &err), ERR_OK);
    world.keeps_result = true;
    world.result = result;
    api_take(world.api, &request, &world);
    for (int i = 0; i < 10 && api_queued_count(world.api) > 0; i++) {
        assert_int_equal(api_commit(world.api, &err), ERR_OK);
    }
    assert_int_equal(world.reply_count, 1);
    struct reply reply = world.reply;
    world.reply = (struct reply){0};
    close_world(&world);
    return reply;
}

static void what_the_database_refuses_is_an_error_of_ours(void **state) {
    (void)state;
    static const enum create_result results[] = {CREATE_NUMBER_TAKEN, CREATE_REFUSED};
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        struct reply reply = answer(&asks[0], results[i]);
        assert_int_equal(reply.status, 500);
        assert_non_null(strstr(reply.body, "Nothing was stored"));
        reply_release(&reply);
    }
}

static void what_no_route_takes_is_answered_at_once(void **state) {
    (void)state;
    const struct ask ask = {
        .method = "GET", .path = "/nothing", .body = "", .more_name = "X-None", .more_value = ""};
    struct reply reply = answer(&ask, CREATE_STORED);
    assert_int_equal(reply.status, 404);
    reply_release(&reply);
}

static void a_webhook_takes_json_only(void **state) {
    (void)state;
    struct world world;
    struct err err = {0};
    struct ask ask = asks[COUNT_OF(asks) - 1];
    struct header headers[2];
    ask.type = "application/x-www-form-urlencoded";
    struct request request = request_of(&ask, headers);
    open_world(&world);
    assert_int_equal(open_api(&world, &err), ERR_OK);
    assert_true(api_refuse_head(world.api, &request, &world.reply));
    assert_int_equal(world.reply.status, 415);
    assert_non_null(strstr(world.reply.body, "Send the body as application/json in UTF-8."));
    close_world(&world);
}

/* ---- OpenSSL's allocations -------------------------------------------------------------------- */

static void *openssl_take(size_t byte_count, const char *file, int line) {
    (void)file;
    (void)line;
    return malloc(byte_count);
}

static void *openssl_resize(void *memory, size_t byte_count, const char *file, int line) {
    (void)file;
    (void)line;
    return realloc(memory, byte_count);
}

static void openssl_free(void *memory, const char *file, int line) {
    (void)file;
    (void)line;
    free(memory);
}

static void nothing_is_released_as_well(void **state) {
    (void)state;
    api_close(NULL);
    intake_item_free(NULL);
}

static void a_webhook_is_taken_behind_a_queue(void **state) {
    (void)state;
    struct world world;
    struct err err = {0};
    struct header headers[2][2];
    struct request create = request_of(&asks[0], headers[0]);
    struct request event = request_of(&asks[COUNT_OF(asks) - 1], headers[1]);
    open_world(&world);
    assert_int_equal(open_api(&world, &err), ERR_OK);
    api_take(world.api, &create, &world);
    api_take(world.api, &event, &world);
    assert_int_equal(api_queued_count(world.api), 2);
    api_refuse_queued(world.api); /* both at once: the world keeps one answer */
    assert_int_equal(world.reply_count, 2);
    assert_int_equal(world.reply.status, 503);
    close_world(&world);
}

int main(void) {
    if (CRYPTO_set_mem_functions(openssl_take, openssl_resize, openssl_free) != 1) {
        return 1;
    }
    /* What OpenSSL prepares at its first use it does not prepare again if that failed. */
    struct err err = {0};
    uint8_t fingerprint[FINGERPRINT_BYTES];
    const struct request request = {.method = "POST", .path = "/pre-order", .body = ""};
    if (idempotency_fingerprint(&request, fingerprint, &err) != ERR_OK ||
        stripe_signature_check(signature, event_body, strlen(event_body), "whsec_test", NOW_S) !=
            STRIPE_SIGNATURE_RIGHT) {
        return 1;
    }
    log_set_level(
        (enum log_level)(LOG_LEVEL_ERROR - 1)); /* a line a failure would bury the results */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered_right_or_with_an_error_of_ours),
        cmocka_unit_test(what_the_database_refuses_is_an_error_of_ours),
        cmocka_unit_test(what_no_route_takes_is_answered_at_once),
        cmocka_unit_test(a_webhook_takes_json_only),
        cmocka_unit_test(an_api_that_cannot_open_says_so),
        cmocka_unit_test(nothing_is_released_as_well),
        cmocka_unit_test(a_webhook_is_taken_behind_a_queue),
    };
    return cmocka_run_group_tests_name("api/api_denied", tests, NULL, NULL);
}
