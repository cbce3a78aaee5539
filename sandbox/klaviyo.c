#include "sandbox/klaviyo.h"

#include <assert.h>

#define REQUIRED(member, type) .name = (member), .types = (type), .flags = SHAPE_REQUIRED
#define OPTIONAL(member, type) .name = (member), .types = (type)
#define NULLABLE(member, type) .name = (member), .types = (type), .flags = SHAPE_NULLABLE
#define CONSTANT(member, text)                                                                     \
    .name = (member), .types = SHAPE_TEXT, .flags = SHAPE_REQUIRED, .choices = (text)

/* ---- Profiles -------------------------------------------------------------------------------- */

static const struct shape location[] = {
    {NULLABLE("address1", SHAPE_TEXT)},
    {NULLABLE("address2", SHAPE_TEXT)},
    {NULLABLE("city", SHAPE_TEXT)},
    {NULLABLE("country", SHAPE_TEXT)},
    {NULLABLE("latitude", SHAPE_TEXT | SHAPE_NUMBER)},
    {NULLABLE("longitude", SHAPE_TEXT | SHAPE_NUMBER)},
    {NULLABLE("region", SHAPE_TEXT)},
    {NULLABLE("zip", SHAPE_TEXT)},
    {NULLABLE("timezone", SHAPE_TEXT)},
    {NULLABLE("ip", SHAPE_TEXT)},
    {0},
};

static const struct shape patch_properties[] = {
    {NULLABLE("append", SHAPE_OBJECT)},
    {NULLABLE("unappend", SHAPE_OBJECT)},
    {OPTIONAL("unset", SHAPE_TEXT | SHAPE_LIST)},
    {0},
};

static const struct shape patch_identifiers[] = {
    {OPTIONAL("append", SHAPE_OBJECT)},
    {OPTIONAL("unappend", SHAPE_OBJECT)},
    {0},
};

static const struct shape meta[] = {
    {OPTIONAL("patch_properties", SHAPE_OBJECT), .members = patch_properties},
    {OPTIONAL("patch_identifiers", SHAPE_OBJECT), .members = patch_identifiers},
    {0},
};

static const struct shape profile_attributes[] = {
    {NULLABLE("email", SHAPE_TEXT)},
    {NULLABLE("phone_number", SHAPE_TEXT)},
    {NULLABLE("external_id", SHAPE_TEXT)},
    {NULLABLE("anonymous_id", SHAPE_TEXT)},
    {NULLABLE("_kx", SHAPE_TEXT)},
    {NULLABLE("first_name", SHAPE_TEXT)},
    {NULLABLE("last_name", SHAPE_TEXT)},
    {NULLABLE("organization", SHAPE_TEXT)},
    {NULLABLE("locale", SHAPE_TEXT)},
    {NULLABLE("title", SHAPE_TEXT)},
    {NULLABLE("image", SHAPE_TEXT)},
    {NULLABLE("location", SHAPE_OBJECT), .members = location},
    {NULLABLE("properties", SHAPE_OBJECT)},
    {NULLABLE("meta", SHAPE_OBJECT), .members = meta},
    {0},
};

static const struct shape profile_data[] = {
    {CONSTANT("type", "profile")},
    {NULLABLE("id", SHAPE_TEXT)},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = profile_attributes},
    {NULLABLE("meta", SHAPE_OBJECT), .members = meta},
    {0},
};

static const struct shape profile[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = profile_data},
    {0},
};

/* ---- Events ---------------------------------------------------------------------------------- */

static const struct shape metric_attributes[] = {
    {REQUIRED("name", SHAPE_TEXT)},
    {NULLABLE("service", SHAPE_TEXT)},
    {0},
};

static const struct shape metric_data[] = {
    {CONSTANT("type", "metric")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = metric_attributes},
    {0},
};

static const struct shape metric[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = metric_data},
    {0},
};

/* The members that events have in both requests. */
#define EVENT_ATTRIBUTES                                                                           \
    {REQUIRED("properties", SHAPE_OBJECT)}, {REQUIRED("metric", SHAPE_OBJECT), .members = metric}, \
        {NULLABLE("time", SHAPE_TEXT)}, {NULLABLE("value", SHAPE_NUMBER)},                         \
        {NULLABLE("value_currency", SHAPE_TEXT)}, {NULLABLE("unique_id", SHAPE_TEXT)}, {           \
        NULLABLE("backfill", SHAPE_BOOLEAN)                                                        \
    }

static const struct shape event_attributes[] = {
    EVENT_ATTRIBUTES,
    {REQUIRED("profile", SHAPE_OBJECT), .members = profile},
    {0},
};

static const struct shape event_data[] = {
    {CONSTANT("type", "event")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = event_attributes},
    {0},
};

static const struct shape event[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = event_data},
    {0},
};

/* ---- Bulk events ----------------------------------------------------------------------------- */

static const struct shape entry_attributes[] = {
    EVENT_ATTRIBUTES,
    {0},
};

static const struct shape entry_data[] = {
    {CONSTANT("type", "event")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = entry_attributes},
    {0},
};
static const struct shape entry = {.types = SHAPE_OBJECT, .members = entry_data};

static const struct shape entries[] = {
    {REQUIRED("data", SHAPE_LIST), .element = &entry},
    {0},
};

static const struct shape group_attributes[] = {
    {NULLABLE("backfill", SHAPE_BOOLEAN)},
    {REQUIRED("profile", SHAPE_OBJECT), .members = profile},
    {REQUIRED("events", SHAPE_OBJECT), .members = entries},
    {0},
};

static const struct shape group_data[] = {
    {CONSTANT("type", "event-bulk-create")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = group_attributes},
    {0},
};
static const struct shape group = {.types = SHAPE_OBJECT, .members = group_data};

static const struct shape groups[] = {
    {REQUIRED("data", SHAPE_LIST), .element = &group},
    {0},
};

static const struct shape bulk_attributes[] = {
    {REQUIRED("events-bulk-create", SHAPE_OBJECT), .members = groups},
    {0},
};

static const struct shape bulk_data[] = {
    {CONSTANT("type", "event-bulk-create-job")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = bulk_attributes},
    {0},
};

static const struct shape bulk[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = bulk_data},
    {0},
};

/* ---- Subscriptions --------------------------------------------------------------------------- */

static const struct shape consent[] = {
    {CONSTANT("consent", "SUBSCRIBED")},
    {NULLABLE("consented_at", SHAPE_TEXT)},
    {0},
};

static const struct shape open_tracking[] = {
    {CONSTANT("consent", "SUBSCRIBED")},
    {0},
};

static const struct shape email_channel[] = {
    {OPTIONAL("marketing", SHAPE_OBJECT), .members = consent},
    {OPTIONAL("open_tracking", SHAPE_OBJECT), .members = open_tracking},
    {0},
};

static const struct shape message_channel[] = {
    {OPTIONAL("marketing", SHAPE_OBJECT), .members = consent},
    {OPTIONAL("transactional", SHAPE_OBJECT), .members = consent},
    {0},
};

static const struct shape push_token[] = {
    {REQUIRED("token", SHAPE_TEXT)},
    {CONSTANT("platform", "android|ios")},
    {CONSTANT("vendor", "apns|fcm")},
    {0},
};
static const struct shape push_token_element = {.types = SHAPE_OBJECT, .members = push_token};

static const struct shape push_channel[] = {
    {REQUIRED("marketing", SHAPE_OBJECT), .members = consent},
    {NULLABLE("tokens", SHAPE_LIST), .element = &push_token_element},
    {NULLABLE("anonymous_id", SHAPE_TEXT)},
    {0},
};

static const struct shape channels[] = {
    {OPTIONAL("email", SHAPE_OBJECT), .members = email_channel},
    {OPTIONAL("sms", SHAPE_OBJECT), .members = message_channel},
    {OPTIONAL("whatsapp", SHAPE_OBJECT), .members = message_channel},
    {OPTIONAL("push", SHAPE_OBJECT), .members = push_channel},
    {0},
};

static const struct shape subscriber_attributes[] = {
    {NULLABLE("email", SHAPE_TEXT)},
    {NULLABLE("phone_number", SHAPE_TEXT)},
    {REQUIRED("subscriptions", SHAPE_OBJECT), .members = channels},
    {NULLABLE("age_gated_date_of_birth", SHAPE_TEXT)},
    {0},
};

static const struct shape subscriber_data[] = {
    {CONSTANT("type", "profile")},
    {NULLABLE("id", SHAPE_TEXT)},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = subscriber_attributes},
    {0},
};
static const struct shape subscriber = {.types = SHAPE_OBJECT, .members = subscriber_data};

static const struct shape subscribers[] = {
    {REQUIRED("data", SHAPE_LIST), .element = &subscriber},
    {0},
};

static const struct shape subscription_attributes[] = {
    {NULLABLE("custom_source", SHAPE_TEXT)},
    {REQUIRED("profiles", SHAPE_OBJECT), .members = subscribers},
    {NULLABLE("historical_import", SHAPE_BOOLEAN)},
    {0},
};

static const struct shape list_data[] = {
    {CONSTANT("type", "list")},
    {REQUIRED("id", SHAPE_TEXT)},
    {0},
};

static const struct shape list[] = {
    {OPTIONAL("data", SHAPE_OBJECT), .members = list_data},
    {0},
};

static const struct shape relationships[] = {
    {OPTIONAL("list", SHAPE_OBJECT), .members = list},
    {0},
};

static const struct shape subscription_data[] = {
    {CONSTANT("type", "profile-subscription-bulk-create-job")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = subscription_attributes},
    {OPTIONAL("relationships", SHAPE_OBJECT), .members = relationships},
    {0},
};

static const struct shape subscription[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = subscription_data},
    {0},
};

/* ---- Deletions ------------------------------------------------------------------------------- */

static const struct shape deletion_attributes[] = {
    {REQUIRED("profile", SHAPE_OBJECT), .members = profile},
    {0},
};

static const struct shape deletion_data[] = {
    {CONSTANT("type", "data-privacy-deletion-job")},
    {REQUIRED("attributes", SHAPE_OBJECT), .members = deletion_attributes},
    {0},
};

static const struct shape deletion[] = {
    {REQUIRED("data", SHAPE_OBJECT), .members = deletion_data},
    {0},
};

const struct shape *klaviyo_shape(enum endpoint endpoint) {
    static const struct shape bodies[ENDPOINT_COUNT] = {
        [ENDPOINT_EVENT] = {.types = SHAPE_OBJECT, .members = event},
        [ENDPOINT_BULK] = {.types = SHAPE_OBJECT, .members = bulk},
        [ENDPOINT_PROFILE] = {.types = SHAPE_OBJECT, .members = profile},
        [ENDPOINT_SUBSCRIPTION] = {.types = SHAPE_OBJECT, .members = subscription},
        [ENDPOINT_DELETION] = {.types = SHAPE_OBJECT, .members = deletion},
    };
    assert((int)endpoint >= 0 && (int)endpoint < ENDPOINT_COUNT);
    return &bodies[endpoint];
}
