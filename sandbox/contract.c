#include "sandbox/contract.h"

#include <string.h>
#include <strings.h>

#include "sandbox/klaviyo.h"
#include "sandbox/limits.h"
#include "sandbox/shape.h"

/* Two years before the revision whose contract this is: Klaviyo's revisions live that long. */
static const char oldest_live_revision[] = "2024-07-15";

bool contract_find_endpoint(const struct request *request, enum endpoint *endpoint_out) {
    return strcmp(request->method, "POST") == 0 && endpoint_find(request->path, endpoint_out);
}

/* ---- Head ------------------------------------------------------------------------------------ */

static void check_credentials(const struct request *request, struct refusal *refusal) {
    static const char scheme[] = "Klaviyo-API-Key ";
    const char *value = request_header(request, "Authorization");
    if (value == NULL) {
        refusal_add(refusal, 401, "/data/", "Missing or invalid private key.");
        return;
    }
    const char *key = value + strlen(scheme);
    if (strncmp(value, scheme, strlen(scheme)) != 0 || *key == '\0' ||
        strcspn(key, " \t") != strlen(key)) {
        refusal_add(refusal, 401, "/data/",
                    "The Authorization header must be 'Klaviyo-API-Key', one space and the key.");
    }
}

static bool is_revision(const char *text) {
    static const char pattern[] = "dddd-dd-dd";
    for (size_t i = 0; i < strlen(pattern); i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == 'd' ? !is_digit : text[i] != pattern[i]) {
            return false;
        }
    }
    const char *suffix = text + strlen(pattern);
    return *suffix == '\0' ||
           (*suffix == '.' && suffix[1] != '\0' &&
            strspn(suffix + 1, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(suffix + 1));
}

static void check_revision(const struct request *request, struct refusal *refusal) {
    const char *revision = request_header(request, "revision");
    if (revision == NULL) {
        refusal_add(refusal, 400, NULL, "The header 'revision' is required.");
        return;
    }
    if (!is_revision(revision)) {
        refusal_add(refusal, 400, NULL,
                    "The header 'revision' must be a date, YYYY-MM-DD[.suffix].");
        return;
    }
    const char *opt_out = request_header(request, "X-Klaviyo-Revision-Fall-Forward-Opt-Out");
    if (opt_out != NULL && strcmp(opt_out, "1") == 0 &&
        strncmp(revision, oldest_live_revision, strlen(oldest_live_revision)) < 0) {
        refusal_add(refusal, 410, NULL, "This revision is retired; the oldest live one is %s.",
                    oldest_live_revision);
    }
}

static bool is_json_type(const char *value) {
    static const char *const types[] = {"application/vnd.api+json", "application/json"};
    size_t length = strcspn(value, "; \t");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i]) == length && strncasecmp(value, types[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static void check_content_type(const struct request *request, struct refusal *refusal) {
    const char *type = request_header(request, "Content-Type");
    const char *encoding = request_header(request, "Content-Encoding");
    if (type == NULL || !is_json_type(type)) {
        refusal_add(refusal, 415, NULL,
                    "Unsupported media type in request: send application/vnd.api+json.");
    } else if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        refusal_add(refusal, 415, NULL, "The Content-Encoding is not supported.");
    }
}

static void check_place(const struct request *request, struct refusal *refusal) {
    enum endpoint endpoint;
    if (!endpoint_find(request->path, &endpoint)) {
        refusal_add(refusal, 404, NULL, "The path does not exist.");
    } else if (strcmp(request->method, "POST") != 0) {
        refusal_add(refusal, 405, NULL, "The method is not allowed here, only POST is.");
    }
}

void contract_check_head(const struct request *request, struct refusal *refusal) {
    check_credentials(request, refusal);
    if (refusal->status == 0) {
        check_revision(request, refusal);
    }
    if (refusal->status == 0 && strcmp(request->method, "POST") == 0) {
        check_content_type(request, refusal);
    }
    if (refusal->status == 0) {
        check_place(request, refusal);
    }
}

/* ---- Body ------------------------------------------------------------------------------------ */

static void check_events(enum endpoint endpoint, const struct reading *reading, int64_t now_ms,
                         struct refusal *refusal) {
    if (endpoint == ENDPOINT_BULK) {
        limits_check_event_count(reading->event_count, refusal);
    }
    const json_t *profile_seen = NULL;
    for (size_t i = 0; i < reading->event_count; i++) {
        const struct event *event = &reading->events[i];
        struct pointer at;
        reading_point_at_event(event, endpoint, &at);
        limits_check_event(event->attributes, &at, now_ms, refusal);
        if (event->profile_data != profile_seen) {
            reading_point_at_profile(event, endpoint, &at);
            limits_check_profile(event->profile_data, &at, refusal);
            profile_seen = event->profile_data;
        }
    }
}

static void check_limits(enum endpoint endpoint, const struct reading *reading, int64_t now_ms,
                         struct refusal *refusal) {
    const json_t *data = json_object_get(reading->root, "data");
    struct pointer at;
    switch (endpoint) {
    case ENDPOINT_EVENT:
    case ENDPOINT_BULK:
        check_events(endpoint, reading, now_ms, refusal);
        break;
    case ENDPOINT_PROFILE:
        pointer_init(&at, "/data");
        limits_check_profile(data, &at, refusal);
        break;
    case ENDPOINT_SUBSCRIPTION:
        limits_check_subscription(data, now_ms, refusal);
        break;
    case ENDPOINT_DELETION:
        limits_check_deletion(data, refusal);
        break;
    }
}

void contract_check_body(enum endpoint endpoint, const struct reading *reading, size_t body_bytes,
                         int64_t now_ms, struct refusal *refusal) {
    if ((int64_t)body_bytes > endpoint_facts(endpoint)->body_bytes_max) {
        refusal_add(refusal, 413, NULL, "The body must not be larger than %lld bytes.",
                    (long long)endpoint_facts(endpoint)->body_bytes_max);
        return;
    }
    if (reading->root == NULL) {
        refusal_add(refusal, 400, NULL, "The body is not JSON: %s.", reading->fault);
        return;
    }
    shape_check(reading->root, klaviyo_shape(endpoint), refusal);
    if (refusal->status == 0) {
        check_limits(endpoint, reading, now_ms, refusal);
    }
}
