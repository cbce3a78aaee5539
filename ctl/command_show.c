#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/find.h"
#include "ctl/format.h"
#include "ctl/json_view.h"
#include "ctl/state.h"
#include "ctl/table.h"

enum { VALUE_BYTES = 4096, COLUMN_OUTCOME = 3 };

static void print_field(const char *name, const char *value) {
    char safe[VALUE_BYTES];
    if (value[0] != '\0') {
        format_safe(value, strlen(value), safe, sizeof safe);
        (void)printf("  %-12s %s\n", name, safe);
    }
}

static void print_time(const char *name, int64_t at_ms, int64_t now_ms) {
    char when[FORMAT_WHEN_BYTES];
    if (at_ms != 0) {
        format_when(at_ms, now_ms, when);
        print_field(name, when);
    }
}

static void print_preorder(const struct preorder_view *preorder, int64_t now_ms) {
    char amount[FORMAT_AMOUNT_BYTES];
    char product[PRODUCT_NAME_BYTES + PRODUCT_COLOR_BYTES + PRODUCT_PRICE_ID_BYTES + 8];
    format_amount(preorder->amount, preorder->currency, amount);
    (void)snprintf(product, sizeof product, "%s, %s (%s)", preorder->product, preorder->color,
                   preorder->price_id);
    (void)printf("Preorder %s\n", preorder->number);
    print_field("id", preorder->id.text);
    print_field("status", preorder->status);
    print_field("flag", preorder->flag);
    print_field("e-mail", preorder->email);
    print_field("product", product);
    print_field("amount", amount);
    print_field("locale", preorder->locale);
    print_field("source", preorder->source);
    print_time("created", preorder->created_at_ms, now_ms);
    print_time("updated", preorder->updated_at_ms, now_ms);
    print_field("payment", preorder->payment_url);
}

static void add_payment(struct table *table, const struct payment_view *payment) {
    char happened[FORMAT_TIME_BYTES];
    char total[FORMAT_AMOUNT_BYTES] = "";
    format_time(payment->created_at_ms, happened);
    if (payment->amount_total != PAYMENT_AMOUNT_UNKNOWN) {
        format_amount(payment->amount_total, payment->currency, total);
    }
    const char *const cells[] = {happened, payment->type,       payment->outcome,
                                 total,    payment->session_id, payment->id};
    table_add(table, cells);
}

static CHECKED enum err_code print_payments(const struct ctl *ctl,
                                            const struct payment_list *payments, struct err *err) {
    static const struct table_column columns[] = {
        {"HAPPENED", false, false}, {"STRIPE SAYS", false, false}, {"OUTCOME", false, false},
        {"TOTAL", true, false},     {"SESSION", false, true},      {"STRIPE'S EVENT", false, true},
    };
    struct table *table = NULL;
    enum err_code code =
        table_new(columns, sizeof columns / sizeof columns[0], ctl->colors, &table, err);
    if (code != ERR_OK) {
        return code;
    }
    (void)printf("\nPayment events\n");
    for (size_t i = 0; i < payments->payment_count; i++) {
        add_payment(table, &payments->payments[i]);
    }
    code = table_print(table, err);
    table_free(table);
    return code;
}

/* What one attempt says, as a row of the table. */
static void add_attempt(struct table *table, size_t number, const struct attempt_view *attempt) {
    char count[24];
    char started[FORMAT_TIME_BYTES];
    char took[FORMAT_DURATION_BYTES] = "?";
    char http[16] = "";
    char next[FORMAT_TIME_BYTES] = "";
    (void)snprintf(count, sizeof count, "%zu", number);
    format_time(attempt->started_at_ms, started);
    if (attempt->finished_at_ms != 0) {
        format_duration(attempt->finished_at_ms - attempt->started_at_ms, took);
    }
    if (attempt->http_status != 0) {
        (void)snprintf(http, sizeof http, "%" PRId32, attempt->http_status);
    }
    if (attempt->next_attempt_at_ms != 0) {
        format_time(attempt->next_attempt_at_ms, next);
    }
    const char *const cells[] = {count, started,         took, attempt->outcome,
                                 http,  attempt->worker, next, attempt->error};
    table_add(table, cells);
    table_color(table, COLUMN_OUTCOME, table_state_color(attempt->outcome));
}

static CHECKED enum err_code print_attempts(const struct ctl *ctl,
                                            const struct attempt_list *attempts, struct err *err) {
    static const struct table_column columns[] = {
        {"#", true, false},        {"STARTED", false, false}, {"TOOK", true, false},
        {"OUTCOME", false, false}, {"HTTP", true, false},     {"WORKER", false, true},
        {"NEXT", false, false},    {"ERROR", false, true},
    };
    struct table *table = NULL;
    enum err_code code =
        table_new(columns, sizeof columns / sizeof columns[0], ctl->colors, &table, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < attempts->attempt_count; i++) {
        add_attempt(table, i + 1, &attempts->attempts[i]);
    }
    code = table_print(table, err);
    table_free(table);
    return code;
}

static void print_event(const struct event_view *event, int64_t now_ms) {
    char attempts[16];
    char http[16] = "";
    (void)snprintf(attempts, sizeof attempts, "%" PRId32, event->attempts);
    if (event->last_http_status != 0) {
        (void)snprintf(http, sizeof http, "%" PRId32, event->last_http_status);
    }
    (void)printf("\nEvent %s\n", event->metric);
    print_field("id", event->id.text);
    print_field("state", state_name(event, now_ms));
    print_field("attempts", attempts);
    print_time("created", event->created_at_ms, now_ms);
    print_time("sent", event->sent_at_ms, now_ms);
    print_time("due", event->next_attempt_at_ms, now_ms);
    print_field("behind", event->behind_id.text);
    print_field("claimed by", event->claimed_by);
    print_time("claimed until", event->claim_expires_at_ms, now_ms);
    print_field("last HTTP", http);
    print_field("last error", event->last_error);
    print_field("request", event->request_id);
}

/* The body that Klaviyo gets and what it answered. */
static CHECKED enum err_code print_bodies(const struct ctl *ctl, const struct event_view *event,
                                          const struct attempt_list *attempts, struct err *err) {
    char *payload = NULL;
    size_t payload_bytes = 0;
    enum err_code code = store_event_payload(ctl->store, &event->id, &payload, &payload_bytes, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t room = payload_bytes > RESPONSE_BODY_BYTES_MAX ? payload_bytes : RESPONSE_BODY_BYTES_MAX;
    char *safe = malloc(room + 1);
    if (safe == NULL) {
        free(payload);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    format_safe(payload, payload_bytes, safe, room + 1);
    (void)printf("  payload\n    %s\n", safe);
    for (size_t i = 0; i < attempts->attempt_count; i++) {
        const struct attempt_view *attempt = &attempts->attempts[i];
        if (attempt->response_body != NULL) {
            format_safe(attempt->response_body, attempt->response_body_bytes, safe, room + 1);
            (void)printf("  answer to attempt %zu\n    %s\n", i + 1, safe);
        }
    }
    free(safe);
    free(payload);
    return ERR_OK;
}

static CHECKED enum err_code print_story(const struct ctl *ctl, const struct options *options,
                                         const struct story *story, struct err *err) {
    print_preorder(&story->preorder, ctl->now_ms);
    enum err_code code = ERR_OK;
    if (story->payments.payment_count > 0) {
        code = print_payments(ctl, &story->payments, err);
    }
    for (size_t i = 0; code == ERR_OK && i < story->events.event_count; i++) {
        print_event(&story->events.events[i], ctl->now_ms);
        if (story->attempts[i].attempt_count > 0) {
            code = print_attempts(ctl, &story->attempts[i], err);
        }
        if (code == ERR_OK && options->full) {
            code = print_bodies(ctl, &story->events.events[i], &story->attempts[i], err);
        }
    }
    return code;
}

/* The event with its journal, and with the payload if all is asked for. */
static json_t *json_of_told_event(const struct ctl *ctl, const struct options *options,
                                  const struct story *story, size_t index, struct err *err) {
    const struct event_view *event = &story->events.events[index];
    json_t *object = json_of_event(event, ctl->now_ms);
    if (object == NULL ||
        json_object_set_new(object, "journal", json_of_attempts(&story->attempts[index])) != 0) {
        json_decref(object);
        return NULL;
    }
    if (options->full) {
        char *payload = NULL;
        size_t payload_bytes = 0;
        enum err_code code =
            store_event_payload(ctl->store, &event->id, &payload, &payload_bytes, err);
        if (code != ERR_OK || json_object_set_new(object, "payload", json_of_text(payload)) != 0) {
            json_decref(object);
            object = NULL;
        }
        free(payload);
    }
    return object;
}

static CHECKED enum err_code print_json(const struct ctl *ctl, const struct options *options,
                                        const struct story *story, struct err *err) {
    json_t *root = json_of_preorder(&story->preorder);
    json_t *events = json_array();
    for (size_t i = 0; i < story->events.event_count; i++) {
        if (json_array_append_new(events, json_of_told_event(ctl, options, story, i, err)) != 0) {
            json_decref(events);
            json_decref(root);
            return err->code != ERR_OK ? err->code : err_set(err, ERR_FATAL, "out of memory");
        }
    }
    if (json_object_set_new(root, "events", events) != 0 ||
        json_object_set_new(root, "payments", json_of_payments(&story->payments)) != 0) {
        json_decref(root);
        root = NULL;
    }
    return json_print(root, err);
}

enum err_code command_show(struct ctl *ctl, const struct options *options, struct err *err) {
    const char *word = options->words[0];
    struct preorder_list preorders = {0};
    struct story story = {0};
    if (strchr(word, '@') != NULL) {
        return err_set(err, ERR_INVALID,
                       "show takes one preorder: preorderctl list --email %s shows which there are",
                       word);
    }
    enum err_code code = find_preorders(ctl->store, word, &preorders, err);
    if (code == ERR_OK) {
        code = story_load(ctl->store, &preorders.preorders[0].id, ctl->now_ms, &story, err);
    }
    if (code == ERR_OK) {
        code = options->json ? print_json(ctl, options, &story, err)
                             : print_story(ctl, options, &story, err);
    }
    story_release(&story);
    preorder_list_release(&preorders);
    return code;
}
