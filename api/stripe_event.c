#include "api/stripe_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/stripe_amount.h"
#include "common/clock.h"
#include "common/domain/document.h"

static const int64_t created_max_s = INT64_C(253402300799); /* the end of the year 9999 */

static enum err_code wrong(const char *name, const char *wanted, const json_t *value,
                           struct err *err) {
    return err_set(err, ERR_INVALID, "the event's %s is %s, not %s", name,
                   document_type_name(value), wanted);
}

static bool is_visible_ascii(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

/* The member's text; NULL if it has none, whatever stands there. */
static const char *text_or_null(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* Into `text` if it fits, else "". */
static void take_extra(const json_t *object, const char *name, char *text, size_t text_bytes) {
    const char *value = text_or_null(object, name);
    bool fits = value != NULL && strlen(value) < text_bytes;
    (void)snprintf(text, text_bytes, "%s", fits ? value : "");
}

/* An id of Stripe's: 1 to 255 visible ASCII characters. */
static enum err_code read_id(const json_t *object, const char *name, char text[PAYMENT_ID_BYTES],
                             struct err *err) {
    const char *value = text_or_null(object, "id");
    if (value == NULL) {
        return wrong(name, "a string", json_object_get(object, "id"), err);
    }
    if (value[0] == '\0' || strlen(value) >= PAYMENT_ID_BYTES || !is_visible_ascii(value)) {
        return err_set(err, ERR_INVALID, "the event's %s is not 1 to %d visible ASCII characters",
                       name, PAYMENT_ID_BYTES - 1);
    }
    (void)snprintf(text, PAYMENT_ID_BYTES, "%s", value);
    return ERR_OK;
}

/* null and a missing member are as good as each other: the event does not say. */
static enum err_code read_amount(const json_t *object, const char *name, int64_t *amount_out,
                                 struct err *err) {
    const json_t *value = json_object_get(object, name);
    *amount_out = PAYMENT_AMOUNT_UNKNOWN;
    if (value == NULL || json_typeof(value) == JSON_NULL) {
        return ERR_OK;
    }
    if (json_typeof(value) != JSON_INTEGER) {
        return err_set(err, ERR_INVALID, "the event's %s is %s, not a whole number", name,
                       document_type_name(value));
    }
    if (json_integer_value(value) < 0) {
        return err_set(err, ERR_INVALID, "the event's %s is negative", name);
    }
    *amount_out = json_integer_value(value);
    return ERR_OK;
}

static bool is_currency(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return strlen(text) == CURRENCY_BYTES - 1 && strspn(text, letters) == CURRENCY_BYTES - 1;
}

static enum err_code read_currency(const json_t *object, char currency[CURRENCY_BYTES],
                                   struct err *err) {
    const json_t *value = json_object_get(object, "currency");
    const char *text = json_string_value(value);
    currency[0] = '\0';
    if (value == NULL || json_typeof(value) == JSON_NULL) {
        return ERR_OK;
    }
    if (text == NULL) {
        return wrong("currency", "a string", value, err);
    }
    if (!is_currency(text)) {
        return err_set(err, ERR_INVALID, "the event's currency has not three letters");
    }
    for (size_t i = 0; i < CURRENCY_BYTES; i++) {
        currency[i] = (char)(text[i] & ~0x20); /* to upper case; NUL stays */
    }
    return ERR_OK;
}

static enum err_code read_created(const json_t *root, int64_t *created_at_ms_out, struct err *err) {
    const json_t *value = json_object_get(root, "created");
    if (!json_is_integer(value)) {
        return wrong("created", "a whole number", value, err);
    }
    if (json_integer_value(value) < 0 || json_integer_value(value) > created_max_s) {
        return err_set(err, ERR_INVALID, "the event's created is out of range");
    }
    *created_at_ms_out = json_integer_value(value) * MS_PER_S;
    return ERR_OK;
}

/* A payment link puts our id into client_reference_id; who makes sessions otherwise can put it into
   the metadata of the session or the PaymentIntent. */
static bool read_preorder_id(const json_t *object, struct ident *id_out) {
    const char *reference = text_or_null(object, "client_reference_id");
    const char *metadata = text_or_null(json_object_get(object, "metadata"), "preorder_id");
    return (reference != NULL && ident_parse(reference, id_out)) ||
           (metadata != NULL && ident_parse(metadata, id_out));
}

static enum err_code read_object(const json_t *object, struct payment_event *payment,
                                 struct err *err) {
    if (read_id(object, "data.object.id", payment->session_id, err) != ERR_OK ||
        read_amount(object, "amount_subtotal", &payment->amount_subtotal, err) != ERR_OK ||
        read_amount(object, "amount_total", &payment->amount_total, err) != ERR_OK ||
        read_currency(object, payment->currency, err) != ERR_OK) {
        return err->code;
    }
    payment->amount_subtotal = stripe_amount_minor(payment->amount_subtotal, payment->currency);
    payment->amount_total = stripe_amount_minor(payment->amount_total, payment->currency);
    take_extra(json_object_get(object, "consent"), "promotions", payment->promotions_consent,
               sizeof payment->promotions_consent);
    const json_t *expiration = json_object_get(object, "after_expiration");
    take_extra(json_object_get(expiration, "recovery"), "url", payment->recovery_url,
               sizeof payment->recovery_url);
    return ERR_OK;
}

static enum err_code read_type(const json_t *root, struct payment_event *payment, struct err *err) {
    const char *type = text_or_null(root, "type");
    if (type == NULL) {
        return wrong("type", "a string", json_object_get(root, "type"), err);
    }
    if (!is_visible_ascii(type)) {
        return err_set(err, ERR_INVALID, "the event's type is not visible ASCII");
    }
    (void)snprintf(payment->type, sizeof payment->type, "%s", type);
    return ERR_OK;
}

static bool is_of_mode(const json_t *root, enum stripe_mode mode) {
    const json_t *livemode = json_object_get(root, "livemode");
    return mode == STRIPE_MODE_ANY || !json_is_boolean(livemode) ||
           (json_typeof(livemode) == JSON_TRUE) == (mode == STRIPE_MODE_LIVE);
}

static enum err_code read_payment(const json_t *root, enum stripe_mode mode,
                                  struct stripe_event *event, struct err *err) {
    struct payment_event *payment = &event->payment;
    const json_t *object = json_object_get(json_object_get(root, "data"), "object");
    if (read_id(root, "id", payment->id, err) != ERR_OK ||
        read_type(root, payment, err) != ERR_OK) {
        return err->code;
    }
    if (!payment_kind_find(payment->type, text_or_null(object, "payment_status"), &payment->kind)) {
        event->kind = STRIPE_EVENT_OTHER_TYPE;
        return ERR_OK;
    }
    if (!is_of_mode(root, mode)) {
        event->kind = STRIPE_EVENT_OTHER_MODE;
        return ERR_OK;
    }
    if (!json_is_object(object)) {
        return wrong("data.object", "an object", object, err);
    }
    if (read_created(root, &payment->created_at_ms, err) != ERR_OK ||
        read_object(object, payment, err) != ERR_OK) {
        return err->code;
    }
    event->kind = read_preorder_id(object, &payment->preorder_id) ? STRIPE_EVENT_PAYMENT
                                                                  : STRIPE_EVENT_NO_PREORDER;
    return ERR_OK;
}

static enum err_code read_event(const json_t *root, enum stripe_mode mode,
                                struct stripe_event *event, struct err *err) {
    if (json_typeof(root) != JSON_OBJECT) {
        return err_set(err, ERR_INVALID, "the body is %s, not an object", document_type_name(root));
    }
    const char *kind = text_or_null(root, "object");
    if (kind != NULL && strcmp(kind, "event") != 0) {
        event->kind = STRIPE_EVENT_THIN;
        take_extra(root, "id", event->payment.id, sizeof event->payment.id);
        take_extra(root, "type", event->payment.type, sizeof event->payment.type);
        return ERR_OK;
    }
    take_extra(root, "api_version", event->api_version, sizeof event->api_version);
    return read_payment(root, mode, event, err);
}

enum err_code stripe_event_parse(const char *body, size_t body_bytes, enum stripe_mode mode,
                                 struct stripe_event *event_out, struct err *err) {
    json_auto_t *root = NULL;
    if (document_parse("the body", body, body_bytes, STRIPE_DEPTH_MAX, &root, err) != ERR_OK) {
        return err->code;
    }
    struct stripe_event event = {.payment = {.amount_subtotal = PAYMENT_AMOUNT_UNKNOWN,
                                             .amount_total = PAYMENT_AMOUNT_UNKNOWN}};
    enum err_code code = read_event(root, mode, &event, err);
    if (code == ERR_OK) {
        *event_out = event;
    }
    return code;
}

const char *stripe_event_kind_name(enum stripe_event_kind kind) {
    switch (kind) {
    case STRIPE_EVENT_PAYMENT:
        return "payment";
    case STRIPE_EVENT_THIN:
        return "thin";
    case STRIPE_EVENT_OTHER_TYPE:
        return "other_type";
    case STRIPE_EVENT_OTHER_MODE:
        return "other_mode";
    case STRIPE_EVENT_NO_PREORDER:
        break;
    }
    return "unknown_preorder";
}
