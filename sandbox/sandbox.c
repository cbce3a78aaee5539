#include "sandbox/sandbox.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "sandbox/contract.h"
#include "sandbox/dedup.h"
#include "sandbox/ledger.h"
#include "sandbox/windows.h"

static const char answer_type[] = "application/vnd.api+json";

enum { PROFILE_BODY_BYTES_MAX = 64 * 1024, STATS_BYTES_MAX = 512 };

/* GET /sandbox/stats, counted since the start of this process. */
struct stats {
    int64_t request_count, accepted_count, duplicate_count;
    int64_t refused_count, throttled_count, bulk_request_count;
};

/* What a request gets, until the ledger is on disk. */
struct answer {
    int status;
    char *body;
    size_t body_bytes;
    bool has_place;
    struct windows_place place;
};

struct item {
    struct exchange *exchange;
    struct rule *rule; /* NULL: no misbehaviour */
    struct answer answer;
};

struct sandbox {
    struct sandbox_options options;
    struct windows windows;
    struct dedup *history;      /* events accepted, of all times */
    struct dedup *request_keys; /* of the bulk job in hand */
    struct dedup *profiles;     /* imported */
    struct ledger *ledger;
    struct plays *plays;
    struct stats stats;
    int64_t request_number; /* of the last request that was looked at, for "nth" */
    struct item *items;
    size_t item_count, item_capacity;
};

/* ---- Life ------------------------------------------------------------------------------------ */

static enum err_code remember(void *context, const struct ledger_line *line, struct err *err) {
    struct sandbox *sandbox = context;
    bool was_there;
    if (line->email == NULL) {
        return ERR_OK; /* the line does not say who it was */
    }
    return dedup_add(sandbox->history,
                     reading_key_of_email(line->email, line->metric, line->unique_id), &was_there,
                     err);
}

static enum err_code open_parts(struct sandbox *sandbox, struct err *err) {
    const struct sandbox_options *options = &sandbox->options;
    enum err_code code = dedup_open(&sandbox->history, err);
    if (code == ERR_OK) {
        code = dedup_open(&sandbox->request_keys, err);
    }
    if (code == ERR_OK) {
        code = dedup_open(&sandbox->profiles, err);
    }
    if (code == ERR_OK) {
        code = plays_open(options->clock, &sandbox->plays, err);
    }
    if (code == ERR_OK) {
        code = ledger_open(options->ledger_path, remember, sandbox, &sandbox->ledger, err);
    }
    return code;
}

enum err_code sandbox_open(const struct sandbox_options *options, struct sandbox **sandbox_out,
                           struct err *err) {
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (sandbox == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    sandbox->options = *options;
    windows_init(&sandbox->windows, options->burst_count, options->steady_count);
    enum err_code code = open_parts(sandbox, err);
    if (code != ERR_OK) {
        sandbox_close(sandbox);
        return code;
    }
    *sandbox_out = sandbox;
    return ERR_OK;
}

void sandbox_close(struct sandbox *sandbox) {
    if (sandbox == NULL) {
        return;
    }
    plays_close(sandbox->plays);
    ledger_close(sandbox->ledger);
    dedup_close(sandbox->history);
    dedup_close(sandbox->request_keys);
    dedup_close(sandbox->profiles);
    for (size_t i = 0; i < sandbox->item_count; i++) {
        free(sandbox->items[i].answer.body);
    }
    free(sandbox->items);
    free(sandbox);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static struct answer refuse(struct sandbox *sandbox, const struct refusal *refusal) {
    struct buf body;
    buf_init(&body, REFUSAL_BODY_BYTES_MAX);
    refusal_render(refusal, sandbox->options.random, &body);
    struct answer answer = {.status = refusal->status};
    answer.body = buf_take(&body, &answer.body_bytes);
    buf_release(&body);
    if (refusal->status == 429) {
        sandbox->stats.throttled_count++;
    } else {
        sandbox->stats.refused_count++;
    }
    return answer;
}

static struct answer throttle(struct sandbox *sandbox, const struct windows_place *place) {
    struct refusal refusal = {0};
    refusal_add(&refusal, 429, NULL, "Request was throttled. Expected available in %lld second%s.",
                (long long)place->retry_after_s, place->retry_after_s == 1 ? "" : "s");
    return refuse(sandbox, &refusal);
}

/* 201 for a profile that was not imported before, else 200. */
static enum err_code answer_import(struct sandbox *sandbox, const struct reading *reading,
                                   struct answer *answer, struct err *err) {
    const json_t *attributes =
        json_object_get(json_object_get(reading->root, "data"), "attributes");
    char *name = json_dumps(attributes, JSON_COMPACT | JSON_SORT_KEYS);
    const char *email = json_string_value(json_object_get(attributes, "email"));
    const char *identity = email != NULL ? email : name;
    if (identity == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for a profile");
    }
    struct dedup_key key = dedup_key_of(identity, "", "");
    free(name);
    bool was_there = false;
    enum err_code code = dedup_add(sandbox->profiles, key, &was_there, err);
    struct buf body;
    buf_init(&body, PROFILE_BODY_BYTES_MAX);
    buf_append_format(&body,
                      "{\"data\":{\"type\":\"profile\",\"id\":\"01%016llX\",\"attributes\":{},"
                      "\"links\":{\"self\":\"https://a.klaviyo.com/api/profiles/01%016llX/\"}}}",
                      (unsigned long long)key.words[0], (unsigned long long)key.words[0]);
    answer->status = was_there ? 200 : 201;
    answer->body = buf_take(&body, &answer->body_bytes);
    buf_release(&body);
    return code;
}

static void reply(struct exchange *exchange, struct answer *answer) {
    struct reply reply = {.status = answer->status,
                          .content_type = answer->body == NULL ? NULL : answer_type,
                          .body = answer->body,
                          .body_bytes = answer->body_bytes};
    answer->body = NULL;
    char value[32];
    if (answer->has_place && answer->place.is_throttled) {
        (void)snprintf(value, sizeof(value), "%lld", (long long)answer->place.retry_after_s);
        reply_add_header(&reply, "Retry-After", value);
    } else if (answer->has_place) {
        (void)snprintf(value, sizeof(value), "%lld", (long long)answer->place.limit_count);
        reply_add_header(&reply, "RateLimit-Limit", value);
        (void)snprintf(value, sizeof(value), "%lld", (long long)answer->place.remaining_count);
        reply_add_header(&reply, "RateLimit-Remaining", value);
        (void)snprintf(value, sizeof(value), "%lld", (long long)answer->place.reset_s);
        reply_add_header(&reply, "RateLimit-Reset", value);
    }
    if (answer->status == 405) {
        reply_add_header(&reply, "Allow", "POST");
    }
    exchange_reply(exchange, &reply);
}

static struct answer show_stats(const struct sandbox *sandbox) {
    const struct stats *stats = &sandbox->stats;
    struct buf body;
    buf_init(&body, STATS_BYTES_MAX);
    buf_append_format(&body,
                      "{\"requests\":%lld,\"accepted\":%lld,\"duplicates\":%lld,\"refused\":%lld,"
                      "\"throttled\":%lld,\"bulk_requests\":%lld}\n",
                      (long long)stats->request_count, (long long)stats->accepted_count,
                      (long long)stats->duplicate_count, (long long)stats->refused_count,
                      (long long)stats->throttled_count, (long long)stats->bulk_request_count);
    struct answer answer = {.status = 200};
    answer.body = buf_take(&body, &answer.body_bytes);
    buf_release(&body);
    return answer;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void hash(struct span bytes, char hex[LEDGER_SHA256_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)bytes.bytes, bytes.byte_count, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * sizeof(digest)] = '\0';
}

/* Klaviyo's file: "if a unique_id is repeated … the request will fail and no events will be
   processed". */
static enum err_code check_repeats(struct sandbox *sandbox, const struct reading *reading,
                                   int64_t now_ms, struct refusal *refusal, struct err *err) {
    dedup_clear(sandbox->request_keys);
    for (size_t i = 0; i < reading->event_count; i++) {
        const struct event *event = &reading->events[i];
        char unique_id[READING_ID_BYTES];
        struct dedup_key key = reading_key(event, now_ms, unique_id);
        bool was_there = false;
        if (dedup_add(sandbox->request_keys, key, &was_there, err) != ERR_OK) {
            return err->code;
        }
        bool was_earlier = sandbox->options.bulk_repeats == BULK_REPEATS_HISTORY &&
                           dedup_has(sandbox->history, key);
        if (was_there || was_earlier) {
            struct pointer at;
            reading_point_at_event(event, ENDPOINT_BULK, &at);
            (void)pointer_push_name(&at, "unique_id");
            refusal_add(refusal, 400, at.text,
                        was_there ? "The unique_id is repeated for this profile and metric."
                                  : "The unique_id was used for this profile and metric before.");
        }
    }
    return ERR_OK;
}

static enum err_code accept_events(struct sandbox *sandbox, const char *path,
                                   const struct reading *reading, int64_t now_ms, struct err *err) {
    for (size_t i = 0; i < reading->event_count; i++) {
        const struct event *event = &reading->events[i];
        char unique_id[READING_ID_BYTES];
        struct dedup_key key = reading_key(event, now_ms, unique_id);
        struct ledger_line line = {.at_ms = now_ms,
                                   .path = path,
                                   .unique_id = unique_id,
                                   .email = event->email,
                                   .metric = event->metric};
        if (dedup_add(sandbox->history, key, &line.is_duplicate, err) != ERR_OK) {
            return err->code;
        }
        hash(event->bytes, line.sha256);
        ledger_add(sandbox->ledger, &line);
        sandbox->stats.accepted_count++;
        sandbox->stats.duplicate_count += line.is_duplicate ? 1 : 0;
    }
    return ERR_OK;
}

/* ---- Judging --------------------------------------------------------------------------------- */

static enum err_code judge_body(struct sandbox *sandbox, enum endpoint endpoint,
                                const struct request *request, const struct reading *reading,
                                struct answer *answer, struct err *err) {
    int64_t now_ms = clock_wall_ms(sandbox->options.clock);
    struct refusal refusal = {0};
    contract_check_body(endpoint, reading, request->body_bytes, now_ms, &refusal);
    enum err_code code = ERR_OK;
    if (refusal.status == 0 && endpoint == ENDPOINT_BULK) {
        code = check_repeats(sandbox, reading, now_ms, &refusal, err);
    }
    if (refusal.status != 0) {
        *answer = refuse(sandbox, &refusal);
        return code;
    }
    if (code == ERR_OK && endpoint == ENDPOINT_PROFILE) {
        return answer_import(sandbox, reading, answer, err);
    }
    answer->status = 202;
    return code == ERR_OK ? accept_events(sandbox, request->path, reading, now_ms, err) : code;
}

/* What Klaviyo does behind its rate limits. `reading` may be made already. */
static enum err_code judge_request(struct sandbox *sandbox, enum endpoint endpoint,
                                   const struct request *request, struct reading *reading,
                                   struct answer *answer, struct err *err) {
    struct refusal refusal = {0};
    contract_check_head(request, &refusal);
    if (refusal.status != 0) {
        *answer = refuse(sandbox, &refusal);
        return ERR_OK;
    }
    if (reading->root == NULL &&
        reading_init(reading, endpoint, request->body, request->body_bytes, err) != ERR_OK) {
        return err->code;
    }
    return judge_body(sandbox, endpoint, request, reading, answer, err);
}

static enum err_code judge(struct sandbox *sandbox, const struct request *request,
                           struct reading *reading, struct answer *answer, struct err *err) {
    enum endpoint endpoint = ENDPOINT_EVENT;
    struct windows_place place = {0};
    bool has_place = contract_find_endpoint(request, &endpoint);
    if (has_place) {
        sandbox->stats.bulk_request_count += endpoint == ENDPOINT_BULK ? 1 : 0;
        place = windows_take(&sandbox->windows, endpoint, clock_mono_ms(sandbox->options.clock));
    }
    enum err_code code = ERR_OK;
    if (place.is_throttled) {
        *answer = throttle(sandbox, &place);
    } else {
        code = judge_request(sandbox, endpoint, request, reading, answer, err);
    }
    answer->has_place = has_place;
    answer->place = place;
    return code;
}

/* The rule for this request, if the script has one; reads the body for it. */
static enum err_code match(struct sandbox *sandbox, const struct request *request,
                           struct reading *reading, struct rule **rule_out, struct err *err) {
    enum endpoint endpoint = ENDPOINT_EVENT;
    int64_t number = ++sandbox->request_number;
    if (!script_has_stage(sandbox->options.script, STAGE_REQUEST)) {
        return ERR_OK;
    }
    bool is_known = contract_find_endpoint(request, &endpoint);
    enum err_code code =
        is_known ? reading_init(reading, endpoint, request->body, request->body_bytes, err)
                 : ERR_OK;
    struct occasion occasion = {number, request->path, is_known ? reading : NULL};
    *rule_out = script_match(sandbox->options.script, STAGE_REQUEST, &occasion);
    return code;
}

static bool is_success(int status) {
    return status >= 200 && status <= 299;
}

/*
 * A misbehaviour that accepts is one of a Klaviyo that took the event and then failed to say so: it
 * is used up only by a request that was accepted. The others stand before Klaviyo: nothing is
 * judged, and no window is touched.
 */
static enum err_code judge_item(struct sandbox *sandbox, struct item *item, struct err *err) {
    const struct request *request = exchange_request(item->exchange);
    if (strcmp(request->path, "/sandbox/stats") == 0 && strcmp(request->method, "GET") == 0) {
        item->answer = show_stats(sandbox);
        return ERR_OK;
    }
    sandbox->stats.request_count++;
    struct reading reading = {0};
    struct rule *rule = NULL;
    enum err_code code = match(sandbox, request, &reading, &rule, err);
    bool accepts = rule == NULL || rule_manner(rule)->accepts;
    if (code == ERR_OK && accepts) {
        code = judge(sandbox, request, &reading, &item->answer, err);
    }
    if (rule != NULL && (!accepts || is_success(item->answer.status))) {
        rule_use(rule);
        item->rule = rule;
    }
    reading_release(&reading);
    return code;
}

/* ---- Turns ----------------------------------------------------------------------------------- */

static struct stage stage_of(const struct sandbox *sandbox) {
    return (struct stage){sandbox->plays, sandbox->options.clock, sandbox->options.is_tls};
}

static void misbehave(struct sandbox *sandbox, const struct rule *rule, struct exchange *exchange) {
    const struct request *request = exchange_request(exchange);
    struct stage stage = stage_of(sandbox);
    log_info(LOG_MSG("misbehaviour"), LOG_TEXT("do", misbehaviour_name(rule_misbehaviour(rule))),
             LOG_TEXT("request_id", request->id),
             LOG_TEXT("traceparent", request_header(request, "traceparent")));
    misbehaviour_act(rule_misbehaviour(rule), rule_manner(rule), &stage, exchange);
}

void sandbox_take(struct sandbox *sandbox, struct exchange *exchange) {
    if (sandbox->item_count == sandbox->item_capacity) {
        size_t capacity = sandbox->item_capacity == 0 ? 64 : sandbox->item_capacity * 2;
        struct item *items = reallocarray(sandbox->items, capacity, sizeof(*items));
        if (items == NULL) {
            struct reply reply = {.status = 503, .closes = true};
            exchange_reply(exchange, &reply);
            return;
        }
        sandbox->items = items;
        sandbox->item_capacity = capacity;
    }
    sandbox->items[sandbox->item_count++] = (struct item){.exchange = exchange};
}

void sandbox_look_at_head(struct sandbox *sandbox, struct exchange *exchange) {
    struct occasion occasion = {.number = sandbox->request_number + 1,
                                .path = exchange_request(exchange)->path};
    struct rule *rule = script_match(sandbox->options.script, STAGE_HEAD, &occasion);
    if (rule != NULL) {
        sandbox->request_number++;
        sandbox->stats.request_count++;
        rule_use(rule);
        misbehave(sandbox, rule, exchange);
    }
}

bool sandbox_look_at_connection(struct sandbox *sandbox, int64_t number, int fd) {
    struct occasion occasion = {.number = number};
    struct rule *rule = script_match(sandbox->options.script, STAGE_CONNECT, &occasion);
    if (rule == NULL) {
        return true;
    }
    rule_use(rule);
    log_info(LOG_MSG("misbehaviour"), LOG_TEXT("do", misbehaviour_name(rule_misbehaviour(rule))),
             LOG_INT("connection", number));
    int own_fd = server_take_socket(fd);
    if (own_fd >= 0) {
        struct stage stage = stage_of(sandbox);
        misbehaviour_act_on_socket(rule_misbehaviour(rule), rule_manner(rule), &stage, own_fd);
    }
    return false;
}

struct reply sandbox_refuse(struct sandbox *sandbox, int status, const char *detail) {
    struct refusal refusal = {0};
    refusal_add(&refusal, status, NULL, "%s", detail);
    sandbox->stats.request_count++;
    struct answer answer = refuse(sandbox, &refusal);
    return (struct reply){.status = status,
                          .content_type = answer.body == NULL ? NULL : answer_type,
                          .body = answer.body,
                          .body_bytes = answer.body_bytes};
}

enum err_code sandbox_turn(struct sandbox *sandbox, struct err *err) {
    for (size_t i = 0; i < sandbox->item_count; i++) {
        if (judge_item(sandbox, &sandbox->items[i], err) != ERR_OK) {
            return err->code;
        }
    }
    if (ledger_sync(sandbox->ledger, err) != ERR_OK) {
        return err->code;
    }
    for (size_t i = 0; i < sandbox->item_count; i++) {
        struct item *item = &sandbox->items[i];
        if (item->rule != NULL) {
            free(item->answer.body);
            misbehave(sandbox, item->rule, item->exchange);
        } else {
            reply(item->exchange, &item->answer);
        }
    }
    sandbox->item_count = 0;
    plays_turn(sandbox->plays);
    return ERR_OK;
}

int32_t sandbox_wait_ms(const struct sandbox *sandbox) {
    return sandbox->item_count > 0 ? 0 : plays_wait_ms(sandbox->plays);
}

void sandbox_drain(struct sandbox *sandbox) {
    if (sandbox != NULL) {
        plays_drain(sandbox->plays);
    }
}

int32_t sandbox_stream_count(const struct sandbox *sandbox) {
    return plays_stream_count(sandbox->plays);
}
