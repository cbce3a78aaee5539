#include "ctl/json_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/utf8.h"
#include "ctl/format.h"
#include "ctl/state.h"

/* Text as it is if it is UTF-8, else with what is not replaced. */
static json_t *json_of_bytes(const char *bytes, size_t byte_count) {
    json_t *value = json_stringn(bytes, byte_count);
    if (value != NULL) {
        return value;
    }
    char *safe = malloc(byte_count + 1);
    if (safe == NULL) {
        return NULL;
    }
    format_safe(bytes, byte_count, safe, byte_count + 1);
    value = json_string(safe);
    free(safe);
    return value;
}

json_t *json_of_text(const char *text) {
    return text[0] == '\0' ? json_null() : json_of_bytes(text, strlen(text));
}

json_t *json_of_time(int64_t at_ms) {
    if (at_ms == 0) {
        return json_null();
    }
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(at_ms, text);
    return json_string(text);
}

static json_t *json_of_http_status(int32_t http_status) {
    return http_status == 0 ? json_null() : json_integer(http_status);
}

json_t *json_of_event(const struct event_view *event, int64_t now_ms) {
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "id", event->id.text, "preorder_id", event->preorder_id.text, "number",
        json_of_text(event->preorder_number), "email", json_of_text(event->email), "metric",
        json_of_text(event->metric), "status", event->status, "state", state_name(event, now_ms),
        "attempts", (int)event->attempts, "token", (json_int_t)event->token, "next_attempt_at",
        json_of_time(event->next_attempt_at_ms), "claimed_by", json_of_text(event->claimed_by),
        "claim_expires_at", json_of_time(event->claim_expires_at_ms), "last_http_status",
        json_of_http_status(event->last_http_status), "last_error", json_of_text(event->last_error),
        "request_id", json_of_text(event->request_id), "created_at",
        json_of_time(event->created_at_ms), "sent_at", json_of_time(event->sent_at_ms), "behind_id",
        json_of_text(event->behind_id.text));
}

json_t *json_of_attempt(const struct attempt_view *attempt) {
    json_t *response_body =
        attempt->response_body == NULL
            ? json_null()
            : json_of_bytes(attempt->response_body, attempt->response_body_bytes);
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o}", "token", (json_int_t)attempt->token,
        "worker", json_of_text(attempt->worker), "started_at", json_of_time(attempt->started_at_ms),
        "finished_at", json_of_time(attempt->finished_at_ms), "outcome", attempt->outcome, "burnt",
        attempt->is_burnt ? 1 : 0, "http_status", json_of_http_status(attempt->http_status),
        "error", json_of_text(attempt->error), "response_body", response_body, "next_attempt_at",
        json_of_time(attempt->next_attempt_at_ms));
}

json_t *json_of_attempts(const struct attempt_list *attempts) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < attempts->attempt_count; i++) {
        if (json_array_append_new(array, json_of_attempt(&attempts->attempts[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *json_of_preorder(const struct preorder_view *preorder) {
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:o, s:o}", "id",
        preorder->id.text, "number", json_of_text(preorder->number), "email",
        json_of_text(preorder->email), "price_id", json_of_text(preorder->price_id), "product",
        json_of_text(preorder->product), "color", json_of_text(preorder->color), "locale",
        json_of_text(preorder->locale), "source", json_of_text(preorder->source), "amount",
        (json_int_t)preorder->amount, "currency", json_of_text(preorder->currency), "status",
        preorder->status, "flag", json_of_text(preorder->flag), "payment_url",
        json_of_text(preorder->payment_url), "created_at", json_of_time(preorder->created_at_ms),
        "updated_at", json_of_time(preorder->updated_at_ms));
}

static json_t *json_of_amount(int64_t amount) {
    return amount == PAYMENT_AMOUNT_UNKNOWN ? json_null() : json_integer(amount);
}

static json_t *json_of_payment(const struct payment_view *payment) {
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id", json_of_text(payment->id),
        "type", json_of_text(payment->type), "session_id", json_of_text(payment->session_id),
        "outcome", payment->outcome, "amount_subtotal", json_of_amount(payment->amount_subtotal),
        "amount_total", json_of_amount(payment->amount_total), "currency",
        json_of_text(payment->currency), "created_at", json_of_time(payment->created_at_ms),
        "received_at", json_of_time(payment->received_at_ms), "event_id",
        json_of_text(payment->event_id.text));
}

json_t *json_of_payments(const struct payment_list *payments) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < payments->payment_count; i++) {
        if (json_array_append_new(array, json_of_payment(&payments->payments[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *json_of_account(const struct store_status *status) {
    json_t *held_back_by = status->account_reason == ACCOUNT_REASON_NONE
                               ? json_null()
                               : json_string(account_reason_name(status->account_reason));
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:I}", "not_before",
                     json_of_time(status->account_not_before_ms), "pause_reason",
                     json_of_text(status->account_pause_reason), "paused_at",
                     json_of_time(status->account_paused_since_ms), "paused_by_person",
                     status->account_is_paused_by_person ? 1 : 0, "breaker_opened_at",
                     json_of_time(status->breaker_opened_at_ms), "held_back_by", held_back_by,
                     "in_flight", (json_int_t)status->in_flight_count);
}

json_t *json_of_status(const struct store_status *status) {
    return json_pack(
        "{s:i, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:i, s:I}",
        "schema_version", (int)status->schema_version, "preorders",
        (json_int_t)status->preorder_count, "flagged", (json_int_t)status->flagged_count, "events",
        "due", (json_int_t)status->due_count, "waiting", (json_int_t)status->waiting_count,
        "sending", (json_int_t)status->claimed_count, "sent", (json_int_t)status->sent_count,
        "dead", (json_int_t)status->dead_count, "cancelled", (json_int_t)status->cancelled_count,
        "oldest_due_at", json_of_time(status->oldest_due_at_ms), "account", json_of_account(status),
        "last_sent_at", json_of_time(status->last_sent_at_ms), "wal_pages", (int)status->wal_pages,
        "database_bytes", (json_int_t)status->database_bytes);
}

static json_t *json_of_worker(const struct worker_view *worker) {
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:b}", "name", json_of_text(worker->name),
                     "host_id", json_of_text(worker->host_id), "pid", (json_int_t)worker->pid,
                     "listen", json_of_text(worker->listen), "started_at",
                     json_of_time(worker->started_at_ms), "seen_at",
                     json_of_time(worker->seen_at_ms), "in_flight",
                     (json_int_t)worker->in_flight_count, "alive", worker->is_alive ? 1 : 0);
}

json_t *json_of_workers(const struct worker_list *workers) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < workers->worker_count; i++) {
        if (json_array_append_new(array, json_of_worker(&workers->workers[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *json_of_check(const struct check *check, const struct store_status *status) {
    return json_pack("{s:s, s:i, s:o, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "state",
                     check_level_name(check->level), "exit_status", (int)check->level, "text",
                     json_of_text(check->text), "oldest_due_age_s",
                     (double)check->oldest_due_age_ms / (double)MS_PER_S, "due",
                     (json_int_t)status->due_count, "waiting", (json_int_t)status->waiting_count,
                     "sending", (json_int_t)status->claimed_count, "dead",
                     (json_int_t)status->dead_count, "flagged", (json_int_t)status->flagged_count,
                     "workers", (json_int_t)check->running_count, "paused",
                     status->account_paused_since_ms != 0 ? 1 : 0, "breaker_open",
                     status->breaker_opened_at_ms != 0 ? 1 : 0);
}

json_t *json_of_audit(const struct store_audit *audit) {
    return json_pack("{s:b, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I}",
                     "agrees", audit->agrees ? 1 : 0, "written", "preorders",
                     (json_int_t)audit->preorder_count, "payment_events",
                     (json_int_t)audit->payment_event_count, "held", "sent",
                     (json_int_t)audit->sent_count, "dead", (json_int_t)audit->dead_count,
                     "cancelled", (json_int_t)audit->cancelled_count, "pending",
                     (json_int_t)audit->pending_count, "pruned", (json_int_t)audit->pruned_count,
                     "preorders_without_event", (json_int_t)audit->preorders_without_event,
                     "events_without_preorder", (json_int_t)audit->events_without_preorder,
                     "sent_without_attempt", (json_int_t)audit->sent_without_attempt,
                     "payments_without_event", (json_int_t)audit->payments_without_event,
                     "events_without_payment", (json_int_t)audit->events_without_payment);
}

/* jansson leaves all but C0 as it is. Outside of its strings JSON has none of these. */
static int print_part(const char *bytes, size_t byte_count, void *context) {
    (void)context;
    size_t length;
    for (size_t i = 0; i < byte_count; i += length) {
        uint32_t c = 0;
        length = utf8_decode(bytes + i, byte_count - i, &c);
        if (c != '\n' && length > 0 && format_steers_terminal(c)) {
            (void)printf("\\u%04X", c);
            continue;
        }
        length = length == 0 ? 1 : length;
        (void)fwrite(bytes + i, 1, length, stdout);
    }
    return ferror(stdout) != 0 ? -1 : 0;
}

enum err_code json_print(json_t *value, struct err *err) {
    if (value == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    int result = json_dump_callback(value, print_part, NULL, JSON_INDENT(2));
    json_decref(value);
    if (result != 0 || putchar('\n') == EOF) {
        return err_set(err, ERR_FATAL, "standard output takes nothing");
    }
    return ERR_OK;
}
