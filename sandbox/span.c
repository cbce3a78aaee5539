#include "sandbox/span.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(struct span text, size_t at) {
    while (at < text.byte_count && is_space(text.bytes[at])) {
        at++;
    }
    return at;
}

/* `at` is the opening quote; the result is behind the closing one. */
static size_t skip_string(struct span text, size_t at) {
    assert(text.bytes[at] == '"');
    for (at++; at < text.byte_count && text.bytes[at] != '"'; at++) {
        if (text.bytes[at] == '\\') {
            at++;
        }
    }
    return at < text.byte_count ? at + 1 : text.byte_count;
}

static bool ends_scalar(char c) {
    return is_space(c) || c == ',' || c == '}' || c == ']';
}

static size_t skip_value(struct span text, size_t at) {
    size_t depth = 0;
    while (at < text.byte_count) {
        char c = text.bytes[at];
        if (c == '"') {
            at = skip_string(text, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
            continue;
        } else {
            while (at < text.byte_count && !ends_scalar(text.bytes[at])) {
                at++;
            }
        }
        if (depth == 0) {
            break;
        }
    }
    return at;
}

static bool name_is(struct span quoted, const char *name) {
    if (memchr(quoted.bytes, '\\', quoted.byte_count) == NULL) {
        return quoted.byte_count == strlen(name) + 2 &&
               memcmp(quoted.bytes + 1, name, quoted.byte_count - 2) == 0;
    }
    json_t *decoded = json_loadb(quoted.bytes, quoted.byte_count, JSON_DECODE_ANY, NULL);
    const char *text = json_string_value(decoded);
    bool is_same = text != NULL && strcmp(text, name) == 0;
    json_decref(decoded);
    return is_same;
}

struct span span_of(const char *text, size_t byte_count) {
    struct span whole = {text, byte_count};
    size_t begin = skip_space(whole, 0);
    size_t end = skip_value(whole, begin);
    return (struct span){text + begin, end - begin};
}

bool span_member(struct span object, const char *name, struct span *value_out) {
    if (object.byte_count < 2 || object.bytes[0] != '{') {
        return false;
    }
    size_t at = skip_space(object, 1);
    while (at < object.byte_count && object.bytes[at] == '"') {
        size_t name_end = skip_string(object, at);
        struct span quoted = {object.bytes + at, name_end - at};
        at = skip_space(object, name_end); /* at the colon */
        at = skip_space(object, at + 1);   /* at the value */
        size_t value_end = skip_value(object, at);
        if (name_is(quoted, name)) {
            *value_out = (struct span){object.bytes + at, value_end - at};
            return true;
        }
        at = skip_space(object, value_end); /* at the comma or the brace */
        at = skip_space(object, at + 1);
    }
    return false;
}

bool span_descend(struct span object, const char *const *path, struct span *value_out) {
    struct span value = object;
    for (; *path != NULL; path++) {
        if (!span_member(value, *path, &value)) {
            return false;
        }
    }
    *value_out = value;
    return true;
}

bool span_element(struct span array, size_t *offset, struct span *value_out) {
    if (array.byte_count < 2 || array.bytes[0] != '[') {
        return false;
    }
    size_t at = skip_space(array, *offset + 1); /* behind the bracket or the comma */
    if (at >= array.byte_count || array.bytes[at] == ']') {
        return false;
    }
    size_t end = skip_value(array, at);
    *value_out = (struct span){array.bytes + at, end - at};
    *offset = skip_space(array, end);
    return true;
}
