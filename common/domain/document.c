#include "common/domain/document.h"

#include <stdbool.h>
#include <string.h>

#include "common/domain/document_load.h"

/* How deep brackets nest, counted no further than one above `depth_max`. Text in quotes does not
   count; what is not JSON is left to the parser. */
static size_t nesting_depth(const char *bytes, size_t byte_count, size_t depth_max) {
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < byte_count && deepest <= depth_max; i++) {
        char c = bytes[i];
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if (!in_string && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

static enum err_code refuse(const char *what, const json_error_t *error, struct err *err) {
    if (json_error_code(error) == json_error_numeric_overflow) {
        return err_set(
            err, ERR_INVALID,
            "%s holds a number out of range (line %d, column %d): whole numbers must fit "
            "in 64 bits, others in a double; send a longer one as a string",
            what, error->line, error->column);
    }
    if (json_error_code(error) == json_error_duplicate_key) {
        return err_set(err, ERR_INVALID, "%s has a member twice (line %d, column %d)", what,
                       error->line, error->column);
    }
    if (json_error_code(error) == json_error_null_character ||
        json_error_code(error) == json_error_null_byte_in_key) {
        return err_set(err, ERR_INVALID, "%s holds a NUL (line %d, column %d)", what, error->line,
                       error->column);
    }
    const char *near = strstr(error->text, " near ");
    size_t length = near == NULL ? strlen(error->text) : (size_t)(near - error->text);
    return err_set(err, ERR_INVALID, "%s is not JSON: %.*s (line %d, column %d)", what, (int)length,
                   error->text, error->line, error->column);
}

enum err_code document_parse(const char *what, const char *bytes, size_t byte_count,
                             size_t depth_max, json_t **document_out, struct err *err) {
    json_error_t error;
    bool is_out_of_memory = false;
    if (byte_count == 0) {
        return err_set(err, ERR_INVALID, "%s is empty, JSON is expected", what);
    }
    if (nesting_depth(bytes, byte_count, depth_max) > depth_max) {
        return err_set(err, ERR_INVALID, "%s is nested deeper than %zu levels", what, depth_max);
    }
    json_t *document = document_load(bytes, byte_count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                                     &error, &is_out_of_memory);
    if (document != NULL) {
        *document_out = document;
        return ERR_OK;
    }
    if (is_out_of_memory) {
        return err_set(err, ERR_FATAL, "out of memory while reading %s", what);
    }
    return refuse(what, &error, err);
}

const char *document_type_name(const json_t *value) {
    if (value == NULL) {
        return "missing";
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "of an unknown type";
}

static const char *short_escape(char c) {
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

void document_append_text(struct buf *buf, const char *text) {
    buf_append_text(buf, "\"");
    for (const char *rest = text; *rest != '\0'; rest++) {
        const char *escape = short_escape(*rest);
        if (escape != NULL) {
            buf_append_text(buf, escape);
        } else if ((unsigned char)*rest < 0x20) {
            buf_append_format(buf, "\\u%04x", (unsigned char)*rest);
        } else {
            buf_append(buf, rest, 1);
        }
    }
    buf_append_text(buf, "\"");
}
