/*
 * From the queue of payment events to their answers.
 *
 * Method: a store that remembers what it was given and answers as the test wants it.
 */
#include "api/payment_commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/context.h"
#include "api/metrics.h"
#include "common/log.h"
#include "common/store/ops.h"

enum { REPLIES_MAX = 2 * PAYMENT_COMMIT_MAX };

struct world {
    struct store store; /* first: the engine gets a pointer to it */
    struct store_ops ops;
    enum err_code code;         /* of the next call */
    enum payment_result result; /* of each event */
    size_t call_count;
    size_t apply_count; /* of the last call */
    char ids[REPLIES_MAX][PAYMENT_ID_BYTES];
    char metric_prefix[8];
    struct settings settings;
    struct api api;
    struct request request;
    struct reply replies[REPLIES_MAX];
    void *tickets[REPLIES_MAX];
    size_t reply_count;
};

static enum err_code apply(struct store *store, const struct payment_terms *terms,
                           struct payment_apply *applies, size_t count, struct err *err) {
    struct world *world = (struct world *)store;
    world->call_count++;
    world->apply_count = count;
    (void)snprintf(world->metric_prefix, sizeof world->metric_prefix, "%s", terms->metric_prefix);
    assert_int_not_equal(terms->now_ms, 0);
    if (world->code != ERR_OK) {
        return err_set(err, world->code, "as the test wants it");
    }
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(world->ids[i], sizeof world->ids[i], "%s", applies[i].event->id);
        applies[i].result = world->result;
    }
    return ERR_OK;
}

static void on_reply(void *context, void *ticket, struct reply *reply) {
    struct world *world = context;
    assert_true(world->reply_count < REPLIES_MAX);
    world->tickets[world->reply_count] = ticket;
    world->replies[world->reply_count++] = *reply;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    static char prefix[] = "Shop";
    static struct err err;
    world->ops = (struct store_ops){.name = "fake", .apply_payments = apply};
    world->store.ops = &world->ops;
    world->result = PAYMENT_APPLIED;
    world->settings.klaviyo_metric_prefix = prefix;
    world->request = (struct request){.method = "POST", .path = "/webhooks/stripe", .id = "req"};
    world->api.options = (struct api_options){
        .settings = &world->settings,
        .store = &world->store,
        .clock = clock_system(),
        .random = random_system(),
        .on_reply = on_reply,
        .context = world,
    };
    assert_int_equal(metrics_open(api_metrics, API_METRIC_COUNT, &world->api.options.metrics, &err),
                     ERR_OK);
    payments_init(&world->api.payments);
    intake_init(&world->api.intake);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < world->reply_count; i++) {
        reply_release(&world->replies[i]);
    }
    payments_release(&world->api.payments);
    metrics_close(world->api.options.metrics);
    free(world);
    return 0;
}

/* Queues so many events, numbered from 0. */
static void push(struct world *world, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct payments_item *item = calloc(1, sizeof *item);
        assert_non_null(item);
        item->request = &world->request;
        item->ticket = (char *)world + i;
        (void)snprintf(item->event.id, sizeof item->event.id, "%zu", i);
        (void)snprintf(item->event.traceparent, sizeof item->event.traceparent, "00-%032d-%016d-01",
                       1, 1);
        (void)snprintf(item->event.session_id, sizeof item->event.session_id, "cs_1");
        (void)snprintf(item->event.type, sizeof item->event.type, "checkout.session.expired");
        payments_push(&world->api.payments, item);
    }
}

static void commit(struct world *world, enum err_code expected) {
    struct err err = {0};
    assert_int_equal(payment_commit(&world->api, &err), expected);
}

static double counted(struct world *world, const char *outcome) {
    struct buf text;
    char wanted[128];
    buf_init(&text, 65536);
    metrics_render(world->api.options.metrics, &text);
    (void)snprintf(
        wanted, sizeof wanted,
        "preorder_payment_events_total{type=\"checkout.session.expired\",outcome=\"%s\"} ",
        outcome);
    const char *line = strstr(buf_text(&text), wanted);
    double count = line == NULL ? 0 : strtod(line + strlen(wanted), NULL);
    buf_release(&text);
    return count;
}

static void answers_only_after_the_commit(void **state) {
    struct world *world = *state;
    push(world, 3);
    assert_int_equal(world->reply_count, 0);
    commit(world, ERR_OK);
    assert_int_equal(world->call_count, 1);
    assert_string_equal(world->metric_prefix, "Shop");
    assert_int_equal(world->reply_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(world->tickets[i], (char *)world + i); /* in the order of arrival */
        assert_int_equal(strtol(world->ids[i], NULL, 10), i);
        assert_int_equal(world->replies[i].status, 200);
        assert_string_equal(world->replies[i].body, "{\"received\":true,\"outcome\":\"applied\"}");
    }
    assert_true(counted(world, "applied") == 3);
}

static void an_empty_queue_asks_nobody(void **state) {
    struct world *world = *state;
    commit(world, ERR_OK);
    assert_int_equal(world->call_count, 0);
}

static void takes_no_more_at_once_than_the_gate_can_bear(void **state) {
    struct world *world = *state;
    push(world, PAYMENT_COMMIT_MAX + 2);
    commit(world, ERR_OK);
    assert_int_equal(world->apply_count, PAYMENT_COMMIT_MAX);
    assert_int_equal(api_queued_count(&world->api), 2);
    commit(world, ERR_OK);
    assert_int_equal(world->apply_count, 2);
    assert_int_equal(world->reply_count, PAYMENT_COMMIT_MAX + 2);
    assert_int_equal(api_queued_count(&world->api), 0);
}

static void tells_what_became_of_each(void **state) {
    struct world *world = *state;
    static const struct {
        enum payment_result result;
        int status;
    } rows[] = {{PAYMENT_APPLIED, 200},  {PAYMENT_RECORDED, 200}, {PAYMENT_FLAGGED, 200},
                {PAYMENT_REPEATED, 200}, {PAYMENT_REFUSED, 500},  {PAYMENT_UNKNOWN_PREORDER, 200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->result = rows[i].result;
        push(world, 1);
        commit(world, ERR_OK);
        assert_int_equal(world->replies[i].status, rows[i].status);
        assert_true(counted(world, payment_result_name(rows[i].result)) == 1);
        if (rows[i].status == 200) {
            assert_non_null(strstr(world->replies[i].body, payment_result_name(rows[i].result)));
        }
    }
}

static void asks_stripe_to_come_again_when_the_database_fails(void **state) {
    struct world *world = *state;
    static const struct {
        enum err_code code;
        const char *text;
    } rows[] = {{ERR_BUSY, "Nothing was stored"},
                {ERR_UNKNOWN, "may or may not"},
                {ERR_FATAL, "may or may not"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->code = rows[i].code;
        push(world, 1);
        commit(world, rows[i].code);
        const struct reply *reply = &world->replies[i];
        assert_int_equal(reply->status, 503);
        assert_string_equal(reply->headers[0].name, "Retry-After");
        assert_non_null(strstr(reply->body, rows[i].text));
    }
    assert_true(counted(world, "unavailable") == 3);
}

static void whoever_queues_behind_a_failure_is_told_at_once(void **state) {
    struct world *world = *state;
    struct err err = {0};
    world->code = ERR_BUSY;
    push(world, PAYMENT_COMMIT_MAX + 5);
    assert_int_equal(api_commit(&world->api, &err), ERR_OK);
    assert_int_equal(world->call_count, 1);
    assert_int_equal(world->reply_count, PAYMENT_COMMIT_MAX + 5);
    assert_int_equal(world->replies[PAYMENT_COMMIT_MAX + 4].status, 503);
    assert_int_equal(api_queued_count(&world->api), 0);
}

static void a_queue_can_be_given_up(void **state) {
    struct world *world = *state;
    push(world, 3);
    payments_release(&world->api.payments);
    assert_int_equal(api_queued_count(&world->api), 0);
    assert_int_equal(world->reply_count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(answers_only_after_the_commit),
        TEST(an_empty_queue_asks_nobody),
        TEST(takes_no_more_at_once_than_the_gate_can_bear),
        TEST(tells_what_became_of_each),
        TEST(asks_stripe_to_come_again_when_the_database_fails),
        TEST(whoever_queues_behind_a_failure_is_told_at_once),
        TEST(a_queue_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
