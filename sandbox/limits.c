#include "sandbox/limits.h"

#include <string.h>

#include "common/clock.h"
#include "common/utf8.h"
#include "sandbox/address.h"
#include "sandbox/instant.h"

enum {
    TIME_MIN_S = 662688000, /* 1991-01-01: "must be after the year 1990" */
    YEAR_S = 365 * 86400,
};

static size_t character_count(const char *text) {
    size_t byte_count = strlen(text), count = 0;
    for (size_t i = 0; i < byte_count; count++) {
        uint32_t code_point;
        size_t length = utf8_decode(text + i, byte_count - i, &code_point);
        i += length == 0 ? 1 : length;
    }
    return count;
}

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* ---- Properties ------------------------------------------------------------------------------ */

struct level {
    json_t *json;
    void *member; /* of an object: the iterator */
    size_t index; /* of a list */
    size_t pointer_length;
};

struct descent {
    struct level levels[LIMITS_NESTING_MAX];
    size_t depth;
    struct pointer *at;
    struct refusal *refusal;
};

static void check_string(struct descent *descent, const json_t *json) {
    if (json_string_length(json) > LIMITS_STRING_BYTES_MAX) {
        refusal_add(descent->refusal, 400, descent->at->text,
                    "A string must not be larger than 100 KB.");
    }
}

static void descend(struct descent *descent, json_t *json, size_t pointer_length) {
    if (descent->depth == LIMITS_NESTING_MAX) {
        refusal_add(descent->refusal, 400, descent->at->text,
                    "Objects must not be nested more than %d levels deep.", LIMITS_NESTING_MAX);
        pointer_pop(descent->at, pointer_length);
        return;
    }
    if (json_array_size(json) > LIMITS_LIST_ITEMS_MAX) {
        refusal_add(descent->refusal, 400, descent->at->text,
                    "An array must not have more than %d items.", LIMITS_LIST_ITEMS_MAX);
    }
    descent->levels[descent->depth++] = (struct level){
        .json = json,
        .member = json_object_iter(json),
        .pointer_length = pointer_length,
    };
}

static void enter(struct descent *descent, json_t *json, size_t pointer_length) {
    if (json_is_object(json) || json_is_array(json)) {
        descend(descent, json, pointer_length);
        return;
    }
    if (json_is_string(json)) {
        check_string(descent, json);
    }
    pointer_pop(descent->at, pointer_length);
}

/* The next value inside the level; NULL: there is none. */
static json_t *next_value(struct level *level, struct pointer *at, size_t *pointer_length_out) {
    json_t *value = NULL;
    if (json_is_object(level->json) && level->member != NULL) {
        value = json_object_iter_value(level->member);
        *pointer_length_out = pointer_push_name(at, json_object_iter_key(level->member));
        level->member = json_object_iter_next(level->json, level->member);
    } else if (level->index < json_array_size(level->json)) {
        value = json_array_get(level->json, level->index);
        *pointer_length_out = pointer_push_index(at, level->index++);
    }
    return value;
}

static void check_depths(json_t *json, struct pointer *at, struct refusal *refusal) {
    struct descent descent = {.at = at, .refusal = refusal};
    enter(&descent, json, at->length);
    while (descent.depth > 0) {
        struct level *level = &descent.levels[descent.depth - 1];
        size_t pointer_length = at->length;
        json_t *value = next_value(level, at, &pointer_length);
        if (value == NULL) {
            descent.depth--;
            pointer_pop(at, level->pointer_length);
        } else {
            enter(&descent, value, pointer_length);
        }
    }
}

static void check_properties(const json_t *attributes, struct pointer *at,
                             struct refusal *refusal) {
    json_t *properties = json_object_get(attributes, "properties");
    size_t before = pointer_push_name(at, "properties");
    if (json_object_size(properties) > LIMITS_PROPERTIES_MAX) {
        refusal_add(refusal, 400, at->text, "There must not be more than %d properties.",
                    LIMITS_PROPERTIES_MAX);
    }
    check_depths(properties, at, refusal);
    pointer_pop(at, before);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void check_metric(const json_t *attributes, struct pointer *at, struct refusal *refusal) {
    const json_t *data = json_object_get(json_object_get(attributes, "metric"), "data");
    const char *name = text_of(json_object_get(data, "attributes"), "name");
    size_t count = name == NULL ? 0 : character_count(name);
    if (count >= 1 && count <= LIMITS_METRIC_CHARACTERS_MAX) {
        return;
    }
    size_t before = pointer_push_name(at, "metric");
    (void)pointer_push_name(at, "data");
    (void)pointer_push_name(at, "attributes");
    (void)pointer_push_name(at, "name");
    refusal_add(refusal, 400, at->text, "A metric name must have 1 to %d characters.",
                LIMITS_METRIC_CHARACTERS_MAX);
    pointer_pop(at, before);
}

static void fault_at(struct pointer *at, const char *name, struct refusal *refusal,
                     const char *detail) {
    size_t before = pointer_push_name(at, name);
    refusal_add(refusal, 400, at->text, "%s", detail);
    pointer_pop(at, before);
}

static void check_time(const json_t *attributes, struct pointer *at, int64_t now_ms,
                       struct refusal *refusal) {
    const char *time = text_of(attributes, "time");
    int64_t second;
    if (time == NULL) {
        return;
    }
    if (!instant_parse(time, &second)) {
        fault_at(at, "time", refusal, "The value must be a date-time of RFC 3339.");
    } else if (second < TIME_MIN_S) {
        fault_at(at, "time", refusal, "The time must be after the year 1990.");
    } else if (second > now_ms / MS_PER_S + YEAR_S) {
        fault_at(at, "time", refusal, "The time must be at most 1 year in the future.");
    }
}

static void check_unique_id(const json_t *attributes, struct pointer *at, struct refusal *refusal) {
    const char *unique_id = text_of(attributes, "unique_id");
    size_t count = unique_id == NULL ? 1 : character_count(unique_id);
    if (count < 1 || count > LIMITS_UNIQUE_ID_CHARACTERS_MAX) {
        fault_at(at, "unique_id", refusal, "A unique_id must have 1 to 255 characters.");
    }
}

static void check_currency(const json_t *attributes, struct pointer *at, struct refusal *refusal) {
    const char *currency = text_of(attributes, "value_currency");
    if (currency != NULL &&
        (strlen(currency) != 3 || strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)) {
        fault_at(at, "value_currency", refusal, "The value must be an ISO 4217 currency code.");
    }
}

void limits_check_event(const json_t *attributes, struct pointer *at, int64_t now_ms,
                        struct refusal *refusal) {
    check_metric(attributes, at, refusal);
    check_properties(attributes, at, refusal);
    check_unique_id(attributes, at, refusal);
    check_time(attributes, at, now_ms, refusal);
    check_currency(attributes, at, refusal);
}

void limits_check_event_count(size_t event_count, struct refusal *refusal) {
    if (event_count < 1 || event_count > LIMITS_BULK_EVENTS_MAX) {
        refusal_add(refusal, 400, "/data/attributes/events-bulk-create/data",
                    "A request must have 1 to %d events, this one has %zu.", LIMITS_BULK_EVENTS_MAX,
                    event_count);
    }
}

/* ---- Profiles -------------------------------------------------------------------------------- */

static bool has_text(const json_t *object, const char *name) {
    return json_string_length(json_object_get(object, name)) > 0;
}

static size_t identifier_count(const json_t *data, const json_t *attributes) {
    static const char *const names[] = {"email", "phone_number", "external_id", "anonymous_id",
                                        "_kx"};
    size_t count = has_text(data, "id") ? 1 : 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        count += has_text(attributes, names[i]) ? 1 : 0;
    }
    return count;
}

static void check_addresses(const json_t *attributes, bool phone_matters, struct pointer *at,
                            struct refusal *refusal) {
    const char *email = text_of(attributes, "email");
    const char *phone = text_of(attributes, "phone_number");
    if (email != NULL && !address_is_email(email)) {
        fault_at(at, "email", refusal, "Invalid email address");
    }
    if (phone != NULL && phone_matters && !address_is_phone(phone)) {
        fault_at(at, "phone_number", refusal,
                 "Invalid phone number format (Example of a valid format: +12345678901)");
    }
}

static void check_profile_size(const json_t *attributes, struct pointer *at,
                               struct refusal *refusal) {
    if (json_dumpb(attributes, NULL, 0, JSON_COMPACT) > LIMITS_PROFILE_BYTES_MAX) {
        refusal_add(refusal, 400, at->text, "A profile must not be larger than 95 KB.");
    }
}

void limits_check_profile(const json_t *data, struct pointer *at, struct refusal *refusal) {
    const json_t *attributes = json_object_get(data, "attributes");
    size_t count = identifier_count(data, attributes);
    size_t before = pointer_push_name(at, "attributes");
    check_addresses(attributes, count < 2, at, refusal);
    if (count == 0 && refusal->status == 0) {
        refusal_add(refusal, 400, at->text,
                    "One of email, phone_number, external_id, anonymous_id, _kx or id is needed.");
    }
    check_profile_size(attributes, at, refusal);
    pointer_pop(at, before);
}

/* ---- Subscriptions and deletions ------------------------------------------------------------- */

static void check_consent(const json_t *marketing, bool is_historical, struct pointer *at,
                          int64_t now_ms, struct refusal *refusal) {
    const char *consented_at = text_of(marketing, "consented_at");
    int64_t second = 0;
    if (consented_at == NULL) {
        if (is_historical) {
            fault_at(at, "consented_at", refusal,
                     "'consented_at' is required when historical_import is true.");
        }
    } else if (!is_historical) {
        fault_at(at, "consented_at", refusal, "'consented_at' goes with historical_import only.");
    } else if (!instant_parse(consented_at, &second) || second > now_ms / MS_PER_S) {
        fault_at(at, "consented_at", refusal, "The value must be a date-time in the past.");
    }
}

static void check_channels(const json_t *attributes, bool is_historical, struct pointer *at,
                           int64_t now_ms, struct refusal *refusal) {
    static const char *const names[] = {"email", "sms", "whatsapp", "push"};
    const json_t *channels = json_object_get(attributes, "subscriptions");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *marketing = json_object_get(json_object_get(channels, names[i]), "marketing");
        if (marketing == NULL) {
            continue;
        }
        size_t before = pointer_push_name(at, "subscriptions");
        (void)pointer_push_name(at, names[i]);
        (void)pointer_push_name(at, "marketing");
        check_consent(marketing, is_historical, at, now_ms, refusal);
        pointer_pop(at, before);
    }
    if (json_object_get(channels, "sms") != NULL && !has_text(attributes, "phone_number")) {
        fault_at(at, "phone_number", refusal, "The sms channel needs a phone_number.");
    }
}

static void check_subscriber(const json_t *data, bool is_historical, struct pointer *at,
                             int64_t now_ms, struct refusal *refusal) {
    const json_t *attributes = json_object_get(data, "attributes");
    size_t before = pointer_push_name(at, "attributes");
    check_addresses(attributes, true, at, refusal);
    if (!has_text(data, "id") && !has_text(attributes, "email") &&
        !has_text(attributes, "phone_number")) {
        refusal_add(refusal, 400, at->text, "One of email, phone_number or id is needed.");
    }
    check_channels(attributes, is_historical, at, now_ms, refusal);
    pointer_pop(at, before);
}

void limits_check_subscription(const json_t *data, int64_t now_ms, struct refusal *refusal) {
    const json_t *attributes = json_object_get(data, "attributes");
    const json_t *profiles = json_object_get(json_object_get(attributes, "profiles"), "data");
    bool is_historical = json_is_true(json_object_get(attributes, "historical_import"));
    struct pointer at;
    pointer_init(&at, "/data/attributes/profiles/data");
    size_t count = json_array_size(profiles);
    if (count < 1 || count > LIMITS_SUBSCRIBERS_MAX) {
        refusal_add(refusal, 400, at.text, "A request must have 1 to %d profiles.",
                    LIMITS_SUBSCRIBERS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t before = pointer_push_index(&at, i);
        check_subscriber(json_array_get(profiles, i), is_historical, &at, now_ms, refusal);
        pointer_pop(&at, before);
    }
}

void limits_check_deletion(const json_t *data, struct refusal *refusal) {
    const json_t *profile =
        json_object_get(json_object_get(json_object_get(data, "attributes"), "profile"), "data");
    const json_t *attributes = json_object_get(profile, "attributes");
    struct pointer at;
    pointer_init(&at, "/data/attributes/profile/data/attributes");
    int count = (has_text(profile, "id") ? 1 : 0) + (has_text(attributes, "email") ? 1 : 0) +
                (has_text(attributes, "phone_number") ? 1 : 0);
    if (count != 1) {
        refusal_add(refusal, 400, at.text,
                    "Exactly one of id, email and phone_number is needed, these are %d.", count);
    }
    check_addresses(attributes, true, &at, refusal);
}
