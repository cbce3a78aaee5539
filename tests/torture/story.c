#include "tests/torture/story.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/torture/fault.h"

enum {
    START_AT_S = 1780000000,
    WRITE_TIMEOUT_MS = 2000,
    /* What production does at 400 and 1,000 pages: the log of a story is short. */
    WORKER_LOG_PAGES = 12,
    API_LOG_PAGES = 24,
    HOUR_MS = 3600 * 1000,
    COMMITS_MAX = 10, /* of one turn's asks: numbers taken make a second one */
};

static const char catalog_text[] =
    "{\"currency\":\"USD\",\"products\":[{\"price_id\":\"price_1\",\"name\":\"Lamp\","
    "\"color\":\"black\",\"amount\":4999,\"payment_link\":\"https://pay.example/lamp\"}]}";

static void complain(struct story *story, const char *what, int number) {
    if (story->complaint[0] == '\0') {
        (void)snprintf(story->complaint, sizeof story->complaint, "%s: customer %d", what, number);
    }
}

static void promise(void *context) {
    struct story *story = context;
    if (story->on_promise != NULL) {
        story->on_promise(story->context);
    }
}

static int64_t story_wall_ms(void *context) {
    const struct story *story = context;
    return (int64_t)START_AT_S * MS_PER_S + story->now_us / US_PER_MS;
}

static int64_t story_mono_us(void *context) {
    const struct story *story = context;
    return story->now_us;
}

void story_pass_time(struct story *story, int64_t ms) {
    story->now_us += ms * US_PER_MS;
}

/* As they are when nobody sets any, and Stripe's secret. */
static void load_settings(struct settings *settings) {
    static char name[] = "story";
    char *arguments[] = {name, NULL};
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    int next = 0;
    (void)clearenv();
    (void)setenv("STRIPE_WEBHOOK_SECRET", TILL_SECRET, 1);
    enum err_code code =
        settings_load(SETTINGS_API, "", "", 1, arguments, settings, &next, &action, &err);
    assert(code == ERR_OK);
}

void story_begin(struct story *story, const char *folder, uint64_t seed) {
    memset(story, 0, sizeof *story);
    int length = snprintf(story->path, sizeof story->path, "%s/preorder.db", folder);
    assert(length > 0 && (size_t)length < sizeof story->path);
    (void)snprintf(story->url, sizeof story->url, "sqlite:%s", story->path);
    story->clock =
        (struct clock){.wall_ms = story_wall_ms, .mono_us = story_mono_us, .context = story};
    story->now_us = US_PER_MS;
    story->random = random_seeded(&story->seeded, seed);
    load_settings(&story->settings);
    story->bulk_threshold = seed % 2 == 0 ? 6 : 0;
    story->asks = calloc(STORY_ASKS_MAX, sizeof *story->asks);
    story->sent = calloc(1, sizeof *story->sent);
    assert(story->asks != NULL && story->sent != NULL);
    struct err err = {0};
    enum err_code code =
        catalog_parse("catalog", catalog_text, strlen(catalog_text), &story->catalog, &err);
    assert(code == ERR_OK);
}

void story_end(struct story *story) {
    story_close_api(story);
    for (size_t i = 0; i < STORY_WORKERS; i++) {
        story_close_worker(story, i);
    }
    settings_release(&story->settings);
    catalog_free(story->catalog);
    free(story->asks);
    free(story->sent);
    memset(story, 0, sizeof *story);
}

/* ---- Opening ---------------------------------------------------------------------------------- */

void story_place(const struct story *story, bool is_there) {
    if (!is_there) {
        (void)unlink(story->path);
        return;
    }
    int fd = open(story->path, O_CREAT | O_CLOEXEC | O_RDWR, 0600);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static struct store_options options_of(struct story *story, enum store_role role) {
    return (struct store_options){
        .role = role, .write_timeout_ms = WRITE_TIMEOUT_MS, .clock = &story->clock};
}

enum err_code story_migrate(struct story *story, struct err *err) {
    struct store_options options = options_of(story, STORE_BACKGROUND);
    struct store_migration migration = {0};
    return store_migrate(story->url, &options, false, &migration, err);
}

static struct ask *find_ask(struct story *story, const void *ticket) {
    size_t index = (size_t)((const struct ask *)ticket - story->asks);
    assert(index < STORY_ASKS_MAX);
    return &story->asks[index];
}

static void note_id(struct story *story, struct ask *ask, const struct reply *reply) {
    json_t *body = json_loadb(reply->body, reply->body_bytes, 0, NULL);
    const char *id = json_string_value(json_object_get(body, "id"));
    if (id == NULL) {
        complain(story, "201 without an id", ask->number);
    } else if (ask->status == 201 && strcmp(ask->id.text, id) != 0) {
        complain(story, "one key, two preorders", ask->number);
    } else {
        (void)snprintf(ask->id.text, sizeof ask->id.text, "%s", id);
        story->accepted_count += ask->status == 201 ? 0 : 1;
    }
    json_decref(body);
}

static void note_call(struct story *story, struct reply *reply) {
    struct ask *ask = story->called;
    story->called = NULL;
    if (reply->status == 200 && story->call_event == TILL_PAID) {
        story->paid_count += ask->is_paid ? 0 : 1;
        ask->is_paid = true;
    } else if (reply->status != 200 && reply->status != 503 && reply->status != 500) {
        complain(story, "a right event of Stripe's was refused", ask->number);
    }
    reply_release(reply);
    promise(story);
}

static void take_reply(void *context, void *ticket, struct reply *reply) {
    struct story *story = context;
    if (ticket == &story->call) {
        note_call(story, reply);
        return;
    }
    struct ask *ask = find_ask(story, ticket);
    assert(ask->is_waiting);
    ask->is_waiting = false;
    if (reply->status == 201) {
        note_id(story, ask, reply);
    } else if (reply->status != 503 && reply->status != 500) {
        complain(story, "a right request was refused", ask->number);
    }
    ask->status = ask->status == 201 ? 201 : reply->status;
    reply_release(reply);
    promise(story);
}

/* What happens at the customer's is no part of what may fail. */
static void on_reply(void *context, void *ticket, struct reply *reply) {
    fault_exempt();
    take_reply(context, ticket, reply);
    fault_resume();
}

enum err_code story_open_api(struct story *story, struct err *err) {
    struct store_options options = options_of(story, STORE_CHECKOUT);
    enum err_code code = store_open(story->url, &options, &story->store, err);
    if (code != ERR_OK) {
        return code;
    }
    struct api_options api_options = {
        .settings = &story->settings,
        .catalog = story->catalog,
        .store = story->store,
        .clock = &story->clock,
        .random = &story->random,
        .on_reply = on_reply,
        .context = story,
    };
    return api_open(&api_options, &story->api, err);
}

void story_close_api(struct story *story) {
    api_close(story->api);
    store_close(story->store);
    story->api = NULL;
    story->store = NULL;
    for (int i = 0; i < story->ask_count; i++) {
        story->asks[i].is_waiting = false; /* its connection ended */
    }
    story->called = NULL;
}

static enum err_code enter_register(struct story *story, struct worker_party *party,
                                    struct err *err) {
    struct worker_entry entry = {.name = party->name,
                                 .host_id = "host",
                                 .listen = "",
                                 .pid = 1000 + party->start_count,
                                 .now_ms = clock_wall_ms(&story->clock)};
    return store_register_worker(party->store, &entry, err);
}

enum err_code story_open_worker(struct story *story, size_t index, struct err *err) {
    struct worker_party *party = &story->workers[index];
    struct store_options options = options_of(story, STORE_BACKGROUND);
    wire_init(&party->wire, story->sent, promise, story);
    (void)snprintf(party->name, sizeof party->name, "worker-%zu-%d", index, party->start_count++);
    enum err_code code = store_open(story->url, &options, &party->store, err);
    if (code == ERR_OK) {
        code = enter_register(story, party, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct worker_options worker_options = {
        .id = party->name,
        .clock = &story->clock,
        .random = &story->random,
        .store = party->store,
        .transport = &party->wire.transport,
        .concurrency = STORY_CONCURRENCY,
        .lease_ms = STORY_LEASE_MS,
        .request_timeout_ms = 15000,
        .poll_interval_ms = 1000,
        .limits = {.burst_count = 350, .steady_count = 3500},
        .bulk_threshold = story->bulk_threshold,
        .policy = {.retry_base_ms = 500,
                   .retry_max_ms = 4000,
                   .retry_attempts_max = 8,
                   .retry_age_max_ms = INT64_C(72) * HOUR_MS,
                   .probe_interval_ms = 1000},
    };
    return worker_open(&worker_options, &party->worker, err);
}

void story_close_worker(struct story *story, size_t index) {
    struct worker_party *party = &story->workers[index];
    worker_close(party->worker);
    store_close(party->store);
    party->worker = NULL;
    party->store = NULL;
}

/* ---- Asking ----------------------------------------------------------------------------------- */

static struct ask *new_ask(struct story *story) {
    assert(story->ask_count < STORY_ASKS_MAX);
    struct ask *ask = &story->asks[story->ask_count];
    ask->number = story->ask_count++;
    (void)snprintf(ask->key, sizeof ask->key, "key-%d", ask->number);
    (void)snprintf(ask->email, sizeof ask->email, "customer%d@shop.example", ask->number);
    int length = snprintf(ask->body, sizeof ask->body,
                          "{\"email\":\"%s\",\"price_id\":\"price_1\",\"color\":\"black\","
                          "\"properties\":{\"n\":%d}}",
                          ask->email, ask->number);
    ask->headers[0] = (struct header){"Content-Type", "application/json"};
    ask->headers[1] = (struct header){"Idempotency-Key", ask->key};
    ask->request = (struct request){
        .method = "POST",
        .path = "/pre-order",
        .headers = ask->headers,
        .header_count = 2,
        .body = ask->body,
        .body_bytes = (size_t)length,
        .content_length = length,
        .id = "request",
    };
    return ask;
}

static void send_ask(struct story *story, struct ask *ask) {
    struct reply reply = {0};
    ask->is_waiting = true;
    if (api_refuse_head(story->api, &ask->request, &reply)) {
        on_reply(story, ask, &reply);
    } else {
        api_take(story->api, &ask->request, ask);
    }
}

/* As serve.c does at the end of a turn. */
static enum err_code commit_asks(struct story *story, struct err *err) {
    enum err_code code = ERR_OK;
    for (int i = 0; i < COMMITS_MAX && code == ERR_OK && api_queued_count(story->api) > 0; i++) {
        code = api_commit(story->api, err);
    }
    for (int i = 0; i < story->ask_count; i++) {
        if (story->asks[i].is_waiting) {
            complain(story, "no reply", i);
        }
    }
    if (story->called != NULL) {
        complain(story, "no reply to Stripe", story->called->number);
    }
    promise(story);
    if (code == ERR_OK && store_checkpoint(story->store, API_LOG_PAGES, err) == ERR_FATAL) {
        code = ERR_FATAL;
    }
    promise(story);
    return code;
}

enum err_code story_ask_again(struct story *story, struct ask *ask, struct err *err) {
    send_ask(story, ask);
    return commit_asks(story, err);
}

enum err_code story_ask(struct story *story, int count, struct err *err) {
    for (int i = 0; i < count; i++) {
        struct ask *ask = NULL;
        if (story->ask_count > 0 && random_below(&story->random, 6) == 0) {
            ask = &story->asks[random_below(&story->random, (uint64_t)story->ask_count)];
        }
        if (ask == NULL || ask->is_waiting) {
            ask = new_ask(story);
        }
        send_ask(story, ask);
    }
    return commit_asks(story, err);
}

enum err_code story_pay(struct story *story, struct err *err) {
    if (story->ask_count == 0) {
        return ERR_OK;
    }
    struct ask *ask = &story->asks[random_below(&story->random, (uint64_t)story->ask_count)];
    if (ask->status != 201) {
        return ERR_OK;
    }
    story->called = ask;
    story->call_event = (enum till_event)random_below(&story->random, TILL_EVENTS);
    fault_exempt();
    till_make(&story->call, story->call_event, story->call_count++, &ask->id,
              clock_wall_ms(&story->clock));
    fault_resume();
    api_take(story->api, &story->call.request, &story->call);
    return story_ask(story, (int)random_below(&story->random, 3), err);
}

/* ---- Working ---------------------------------------------------------------------------------- */

enum err_code story_work(struct story *story, size_t index, struct err *err) {
    struct worker_party *party = &story->workers[index];
    int64_t wait_ms = 0;
    enum err_code code = worker_step(party->worker, &wait_ms, err);
    promise(story);
    if (code == ERR_OK) {
        code = store_checkpoint(party->store, WORKER_LOG_PAGES, err);
        promise(story);
    }
    return code;
}

enum err_code story_checkpoint(struct story *story, struct err *err) {
    enum err_code code = store_checkpoint(story->store, 0, err);
    promise(story);
    return code;
}

static enum err_code restart_worker(struct story *story, size_t index, struct err *err) {
    enum err_code code = ERR_OK;
    if (random_below(&story->random, 2) == 0) {
        code =
            store_unregister_worker(story->workers[index].store, clock_wall_ms(&story->clock), err);
        promise(story);
    }
    story_close_worker(story, index);
    return code == ERR_OK ? story_open_worker(story, index, err) : code;
}

static enum err_code repair(struct story *story, struct err *err) {
    int64_t now_ms = clock_wall_ms(&story->clock);
    struct repair repair = {
        .filter = {.limit = 3}, .actor = "support", .reason = "", .now_ms = now_ms};
    struct account_order order = {.actor = "support", .reason = "", .now_ms = now_ms};
    int64_t count = 0;
    bool changed = false;
    switch (random_below(&story->random, 6)) {
    case 0:
        return store_pause_account(story->store, &order, &changed, err);
    case 1:
    case 2:
    case 3:
        return store_resume_account(story->store, &order, &changed, err);
    case 4:
        repair.filter.limit = 1;
        return store_cancel_events(story->store, &repair, &count, err);
    default:
        return store_retry_events(story->store, &repair, &count, err);
    }
}

enum err_code story_turn(struct story *story, struct err *err) {
    uint64_t dice = random_below(&story->random, 20);
    size_t index = (size_t)random_below(&story->random, STORY_WORKERS);
    enum err_code code = ERR_OK;
    story_pass_time(story, 1 + (int64_t)random_below(&story->random, 200));
    if (dice < 7) {
        code = story_ask(story, 1 + (int)random_below(&story->random, 4), err);
    } else if (dice < 9) {
        code = story_pay(story, err);
    } else if (dice < 17) {
        wire_answer(&story->workers[index].wire, &story->random, false);
        code = story_work(story, index, err);
    } else if (dice == 17) {
        code = repair(story, err);
    } else if (dice == 18) {
        code = restart_worker(story, index, err);
    } else {
        story_pass_time(story, 3000);
    }
    promise(story);
    return code;
}

/* ---- Judging ---------------------------------------------------------------------------------- */

static bool blame(const char *what, const char *whom, char why[STATE_TEXT_BYTES]) {
    (void)snprintf(why, STATE_TEXT_BYTES, "%s: %s", what, whom);
    return false;
}

/* The query's row for one text; NULL if there is none. Reset it afterwards. */
static bool find(sqlite3_stmt *statement, const char *text) {
    (void)sqlite3_reset(statement);
    (void)sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    return sqlite3_step(statement) == SQLITE_ROW;
}

static bool are_asks_kept(const struct story *story, sqlite3_stmt *statement,
                          char why[STATE_TEXT_BYTES]) {
    for (int i = 0; i < story->ask_count; i++) {
        const struct ask *ask = &story->asks[i];
        char properties[32];
        (void)snprintf(properties, sizeof properties, "{\"n\":%d}", ask->number);
        bool is_there = find(statement, ask->email);
        if (!is_there && ask->status == 201) {
            return blame("lost", ask->email, why);
        }
        if (is_there &&
            (strcmp((const char *)sqlite3_column_text(statement, 1), properties) != 0 ||
             sqlite3_column_int(statement, 2) != 1 || sqlite3_column_int(statement, 3) != 1)) {
            return blame("stored otherwise than asked", ask->email, why);
        }
        if (ask->status == 201 &&
            strcmp((const char *)sqlite3_column_text(statement, 0), ask->id.text) != 0) {
            return blame("stored otherwise than promised", ask->email, why);
        }
        if (ask->is_paid &&
            strcmp((const char *)sqlite3_column_text(statement, 4), "completed") != 0) {
            return blame("paid and not completed", ask->email, why);
        }
    }
    return true;
}

static bool are_tokens_kept(const struct story *story, sqlite3_stmt *statement,
                            char why[STATE_TEXT_BYTES]) {
    const struct wire_log *sent = story->sent;
    for (int i = 0; i < sent->event_count; i++) {
        if (!find(statement, sent->ids[i].text)) {
            return blame("delivered and not stored", sent->ids[i].text, why);
        }
        if (sqlite3_column_int(statement, 0) < sent->counts[i]) {
            return blame("sent more often than claimed", sent->ids[i].text, why);
        }
    }
    return true;
}

bool story_is_kept(const struct story *story, sqlite3 *db, char why[STATE_TEXT_BYTES]) {
    static const char ask_query[] =
        "SELECT p.id, p.properties, count(*), (SELECT count(*) FROM outbox AS o"
        " WHERE o.preorder_id = p.id AND o.sequence = 1), p.status FROM preorders AS p WHERE email "
        "= ?"
        " GROUP BY email";
    static const char token_query[] = "SELECT token FROM outbox WHERE id = ?";
    sqlite3_stmt *ask = NULL;
    sqlite3_stmt *token = NULL;
    bool is_kept = sqlite3_prepare_v2(db, ask_query, -1, &ask, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(db, token_query, -1, &token, NULL) == SQLITE_OK;
    if (!is_kept) {
        (void)blame("cannot be read", sqlite3_errmsg(db), why);
    }
    is_kept = is_kept && are_asks_kept(story, ask, why) && are_tokens_kept(story, token, why);
    (void)sqlite3_finalize(ask);
    (void)sqlite3_finalize(token);
    return is_kept;
}
