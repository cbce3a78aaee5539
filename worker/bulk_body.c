#include "worker/bulk_body.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const char job_start[] = "{\"data\":{\"type\":\"event-bulk-create-job\",\"attributes\":"
                                "{\"events-bulk-create\":{\"data\":[";
static const char job_end[] = "]}}}}";
static const char member_start[] = "{\"type\":\"event-bulk-create\",\"attributes\":{\"profile\":";
static const char member_middle[] = ",\"events\":{\"data\":[{\"type\":\"event\",\"attributes\":";
static const char member_end[] = "}]}}}";

/* What event_render puts around the attributes. */
static const char event_start[] = "{\"data\":{\"type\":\"event\",\"attributes\":";
static const char event_end[] = "}}";

static const char profile_name[] = "\"profile\"";

struct text {
    const char *bytes;
    size_t length;
};

/* An event's attributes, cut around the profile. */
struct parts {
    struct text before, profile, after;
};

/* ---- Reading ---------------------------------------------------------------------------------- */

/* Behind the string that begins at `at`; 0 if it does not end. */
static size_t string_end(struct text text, size_t at) {
    for (size_t i = at + 1; i < text.length; i++) {
        if (text.bytes[i] == '\\') {
            i++;
        } else if (text.bytes[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* Behind the value that begins at `at`; 0 if it does not end. */
static size_t value_end(struct text text, size_t at) {
    size_t depth = 0;
    while (at < text.length) {
        char c = text.bytes[at];
        bool is_closing = c == '}' || c == ']';
        if (depth == 0 && (is_closing || c == ',')) {
            return at;
        }
        if (c == '"') {
            at = string_end(text, at);
            if (at == 0) {
                return 0;
            }
        } else {
            depth += c == '{' || c == '[' ? 1 : 0;
            depth -= is_closing ? 1 : 0;
            at++;
        }
        if (depth == 0 && (is_closing || c == '"')) {
            return at;
        }
    }
    return 0;
}

/* Fills in `parts` around the member from `name_at` to `end`, one of its commas gone with it. */
static void cut(struct text object, size_t name_at, size_t value_at, size_t end,
                struct parts *parts) {
    bool is_first = object.bytes[name_at - 1] == '{';
    size_t before = is_first ? name_at : name_at - 1;
    size_t after = is_first && object.bytes[end] == ',' ? end + 1 : end;
    parts->before = (struct text){object.bytes, before};
    parts->profile = (struct text){object.bytes + value_at, end - value_at};
    parts->after = (struct text){object.bytes + after, object.length - after};
}

/* Finds the profile among the members of the object, the text as it is rendered: without spaces. */
static bool split_object(struct text object, struct parts *parts) {
    size_t at = 1;
    while (at < object.length && object.bytes[at] == '"') {
        size_t name_at = at;
        size_t name_end = string_end(object, at);
        if (name_end == 0 || name_end >= object.length || object.bytes[name_end] != ':') {
            return false;
        }
        size_t end = value_end(object, name_end + 1);
        if (end == 0 || end >= object.length) {
            return false;
        }
        size_t name_bytes = name_end - name_at;
        if (name_bytes == sizeof profile_name - 1 &&
            memcmp(object.bytes + name_at, profile_name, name_bytes) == 0) {
            cut(object, name_at, name_end + 1, end, parts);
            return true;
        }
        at = end + 1;
    }
    return false;
}

static bool split(struct text payload, struct parts *parts) {
    size_t start = sizeof event_start - 1;
    size_t end = sizeof event_end - 1;
    if (payload.length < start + end + 2 || memcmp(payload.bytes, event_start, start) != 0 ||
        memcmp(payload.bytes + payload.length - end, event_end, end) != 0) {
        return false;
    }
    struct text object = {payload.bytes + start, payload.length - start - end};
    return object.bytes[0] == '{' && object.bytes[object.length - 1] == '}' &&
           split_object(object, parts);
}

/* ---- Writing ---------------------------------------------------------------------------------- */

static void append(struct buf *buf, struct text text) {
    buf_append(buf, text.bytes, text.length);
}

static size_t member_bytes(const struct parts *parts) {
    return sizeof member_start + sizeof member_middle + sizeof member_end - 3 +
           parts->profile.length + parts->before.length + parts->after.length;
}

void bulk_body_init(struct bulk_body *body) {
    buf_init(&body->buf, BULK_BODY_BYTES_MAX);
    body->member_count = 0;
}

void bulk_body_release(struct bulk_body *body) {
    buf_release(&body->buf);
    body->member_count = 0;
}

enum bulk_added bulk_body_add(struct bulk_body *body, const char *payload, size_t payload_bytes) {
    struct parts parts;
    if (!split((struct text){payload, payload_bytes}, &parts)) {
        return BULK_UNFIT;
    }
    bool is_first = body->member_count == 0;
    size_t length = is_first ? sizeof job_start - 1 : body->buf.length + 1;
    length += member_bytes(&parts) + sizeof job_end - 1;
    if (length > BULK_BODY_BYTES_MAX || body->member_count == BULK_MEMBERS_MAX) {
        return is_first ? BULK_UNFIT : BULK_FULL;
    }
    buf_append_text(&body->buf, is_first ? job_start : ",");
    buf_append_text(&body->buf, member_start);
    append(&body->buf, parts.profile);
    buf_append_text(&body->buf, member_middle);
    append(&body->buf, parts.before);
    append(&body->buf, parts.after);
    buf_append_text(&body->buf, member_end);
    body->member_count++;
    return BULK_ADDED;
}

enum err_code bulk_body_finish(struct bulk_body *body, char **payload_out,
                               size_t *payload_bytes_out, struct err *err) {
    assert(body->member_count > 0);
    buf_append_text(&body->buf, job_end);
    *payload_out = buf_take(&body->buf, payload_bytes_out);
    body->member_count = 0;
    return *payload_out == NULL ? err_set(err, ERR_BUSY, "out of memory for a bulk job") : ERR_OK;
}
