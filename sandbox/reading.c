#include "sandbox/reading.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "sandbox/instant.h"

static const char *const groups_path[] = {"data", "attributes", "events-bulk-create", "data", NULL};
static const char *const entries_path[] = {"attributes", "events", "data", NULL};

static json_t *descend(json_t *json, const char *const *path) {
    for (; *path != NULL; path++) {
        json = json_object_get(json, *path);
    }
    return json;
}

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static struct event read_event(const json_t *event_data, const json_t *profile) {
    const json_t *attributes = json_object_get(event_data, "attributes");
    const json_t *profile_data = json_object_get(profile, "data");
    const json_t *metric_data = json_object_get(json_object_get(attributes, "metric"), "data");
    return (struct event){
        .attributes = attributes,
        .profile_data = profile_data,
        .unique_id = text_of(attributes, "unique_id"),
        .email = text_of(json_object_get(profile_data, "attributes"), "email"),
        .metric = text_of(json_object_get(metric_data, "attributes"), "name"),
    };
}

static enum err_code read_single(struct reading *reading, const char *body, size_t body_bytes,
                                 struct err *err) {
    const json_t *data = json_object_get(reading->root, "data");
    const json_t *profile = json_object_get(json_object_get(data, "attributes"), "profile");
    reading->events = calloc(1, sizeof(*reading->events));
    if (reading->events == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for an event");
    }
    reading->events[0] = read_event(data, profile);
    reading->events[0].bytes = (struct span){body, body_bytes};
    reading->event_count = 1;
    return ERR_OK;
}

static size_t count_entries(const json_t *groups) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(groups); i++) {
        count += json_array_size(descend(json_array_get(groups, i), entries_path));
    }
    return count;
}

/* The text and the tree are walked side by side: the n-th element of one is the n-th of the
   other. */
static void read_group(struct reading *reading, json_t *group, struct span group_bytes,
                       size_t group_index) {
    const json_t *entries = descend(group, entries_path);
    const json_t *profile = json_object_get(json_object_get(group, "attributes"), "profile");
    struct span list;
    if (!span_descend(group_bytes, entries_path, &list)) {
        return;
    }
    size_t offset = 0;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        struct event *event = &reading->events[reading->event_count++];
        *event = read_event(json_array_get(entries, i), profile);
        event->group_index = group_index;
        event->entry_index = i;
        bool is_there = span_element(list, &offset, &event->bytes);
        assert(is_there);
    }
}

static enum err_code read_bulk(struct reading *reading, const char *body, size_t body_bytes,
                               struct err *err) {
    const json_t *groups = descend(reading->root, groups_path);
    size_t event_count = count_entries(groups);
    struct span list;
    if (event_count == 0 || !span_descend(span_of(body, body_bytes), groups_path, &list)) {
        return ERR_OK;
    }
    reading->events = calloc(event_count, sizeof(*reading->events));
    if (reading->events == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for %zu events", event_count);
    }
    size_t offset = 0;
    struct span group_bytes;
    reading->group_count = json_array_size(groups);
    for (size_t i = 0; i < reading->group_count; i++) {
        bool is_there = span_element(list, &offset, &group_bytes);
        assert(is_there);
        read_group(reading, json_array_get(groups, i), group_bytes, i);
    }
    assert(reading->event_count == event_count);
    return ERR_OK;
}

enum err_code reading_init(struct reading *reading, enum endpoint endpoint, const char *body,
                           size_t body_bytes, struct err *err) {
    *reading = (struct reading){0};
    json_error_t error;
    reading->root = json_loadb(body, body_bytes, JSON_REJECT_DUPLICATES, &error);
    if (reading->root == NULL) {
        (void)snprintf(reading->fault, sizeof(reading->fault), "%s", error.text);
        return ERR_OK;
    }
    if (endpoint == ENDPOINT_EVENT) {
        return read_single(reading, body, body_bytes, err);
    }
    if (endpoint == ENDPOINT_BULK) {
        return read_bulk(reading, body, body_bytes, err);
    }
    return ERR_OK;
}

void reading_release(struct reading *reading) {
    json_decref(reading->root);
    free(reading->events);
    *reading = (struct reading){0};
}

/* ---- Identity -------------------------------------------------------------------------------- */

struct dedup_key reading_key_of_email(const char *email, const char *metric,
                                      const char *unique_id) {
    char profile[512] = "email:";
    size_t length = strlen(profile);
    for (size_t i = 0; email[i] != '\0' && length < sizeof(profile) - 1; i++) {
        char c = email[i];
        profile[length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    profile[length] = '\0';
    return dedup_key_of(profile, metric, unique_id);
}

/* A profile without an e-mail address goes by the first other name it has. */
static const char *other_identifier(const json_t *profile_data) {
    static const char *const names[] = {"phone_number", "external_id", "anonymous_id", "_kx"};
    const char *id = text_of(profile_data, "id");
    const json_t *attributes = json_object_get(profile_data, "attributes");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && id == NULL; i++) {
        id = text_of(attributes, names[i]);
    }
    return id == NULL ? "" : id;
}

static int64_t second_of(const struct event *event, int64_t now_ms) {
    int64_t second = now_ms / MS_PER_S;
    const char *time = text_of(event->attributes, "time");
    if (time != NULL && instant_parse(time, &second)) {
        return second;
    }
    return now_ms / MS_PER_S;
}

struct dedup_key reading_key(const struct event *event, int64_t now_ms,
                             char unique_id_out[READING_ID_BYTES]) {
    assert(event->metric != NULL);
    if (event->unique_id == NULL) {
        (void)snprintf(unique_id_out, READING_ID_BYTES, "%lld",
                       (long long)second_of(event, now_ms));
    } else {
        (void)snprintf(unique_id_out, READING_ID_BYTES, "%s", event->unique_id);
    }
    if (event->email != NULL) {
        return reading_key_of_email(event->email, event->metric, unique_id_out);
    }
    return dedup_key_of(other_identifier(event->profile_data), event->metric, unique_id_out);
}

void reading_point_at_event(const struct event *event, enum endpoint endpoint, struct pointer *at) {
    if (endpoint == ENDPOINT_EVENT) {
        pointer_init(at, "/data/attributes");
        return;
    }
    pointer_init(at, "/data/attributes/events-bulk-create/data");
    (void)pointer_push_index(at, event->group_index);
    (void)pointer_push_name(at, "attributes");
    (void)pointer_push_name(at, "events");
    (void)pointer_push_name(at, "data");
    (void)pointer_push_index(at, event->entry_index);
    (void)pointer_push_name(at, "attributes");
}

void reading_point_at_profile(const struct event *event, enum endpoint endpoint,
                              struct pointer *at) {
    if (endpoint == ENDPOINT_EVENT) {
        pointer_init(at, "/data/attributes/profile/data");
        return;
    }
    pointer_init(at, "/data/attributes/events-bulk-create/data");
    (void)pointer_push_index(at, event->group_index);
    (void)pointer_push_name(at, "attributes");
    (void)pointer_push_name(at, "profile");
    (void)pointer_push_name(at, "data");
}
