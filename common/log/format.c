#include "common/log/format.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
static const char cut_mark[] = "\xE2\x80\xA6";    /* U+2026, an ellipsis */

const char *log_level_name(enum log_level level) {
    static const char *const names[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };
    assert(level <= LOG_LEVEL_DEBUG);
    return names[level];
}

const char *log_entry_message(const struct log_entry *entry) {
    for (const struct log_field *field = entry->fields; field->kind != LOG_KIND_END; field++) {
        if (field->kind == LOG_KIND_MESSAGE && field->text != NULL) {
            return field->text;
        }
    }
    return "";
}

bool log_field_is_shown(const struct log_field *field) {
    switch (field->kind) {
    case LOG_KIND_INTEGER:
    case LOG_KIND_NUMBER:
        return true;
    case LOG_KIND_TEXT:
        return field->text != NULL && field->text[0] != '\0';
    case LOG_KIND_MESSAGE:
    case LOG_KIND_END:
        break;
    }
    return false;
}

static void append_bytes(struct log_line *line, const char *bytes, size_t byte_count) {
    assert(byte_count <= sizeof line->bytes - line->length);
    memcpy(line->bytes + line->length, bytes, byte_count);
    line->length += byte_count;
}

void log_line_append(struct log_line *line, const char *text) {
    append_bytes(line, text, strlen(text));
}

/* Line breaks and what else moves the cursor, and the marks that make a terminal show text in another
   order than it is read (U+202A to U+202E, U+2066 to U+2069). */
static bool is_hostile(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) ||
           (code_point >= 0x2028 && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

struct piece {
    char bytes[8]; /* the longest is \uXXXX */
    size_t length;
};

static struct piece piece_from(const char *bytes, size_t byte_count) {
    struct piece piece = {.length = byte_count};
    memcpy(piece.bytes, bytes, byte_count);
    return piece;
}

/* Every escape is one that JSON knows. */
static struct piece escape_code_point(uint32_t code_point) {
    switch (code_point) {
    case '\n':
        return piece_from("\\n", 2);
    case '\r':
        return piece_from("\\r", 2);
    case '\t':
        return piece_from("\\t", 2);
    default:
        break;
    }
    struct piece piece = {.length = 6};
    int length = snprintf(piece.bytes, sizeof piece.bytes, "\\u%04x", code_point & 0xFFFFu);
    assert(length == 6);
    return piece;
}

/* Takes one character, or one byte that is none, off *rest. */
static struct piece next_piece(const char **rest, enum log_escape escape) {
    const char *bytes = *rest;
    uint32_t code_point = 0;
    size_t length = utf8_decode(bytes, strnlen(bytes, 4), &code_point);
    if (length == 0) {
        *rest = bytes + 1;
        return piece_from(replacement, sizeof replacement - 1);
    }
    *rest = bytes + length;
    if (is_hostile(code_point)) {
        return escape_code_point(code_point);
    }
    if (escape == LOG_ESCAPE_QUOTES && (code_point == '"' || code_point == '\\')) {
        char escaped[2] = {'\\', (char)code_point};
        return piece_from(escaped, sizeof escaped);
    }
    return piece_from(bytes, length);
}

/* How many bytes from here on, at most `max`, stand for themselves whatever the escaping. */
static size_t plain_length(const char *text, size_t max) {
    size_t length = 0;
    while (length < max && text[length] >= ' ' && text[length] <= '~' && text[length] != '"' &&
           text[length] != '\\') {
        length++;
    }
    return length;
}

void log_line_append_escaped(struct log_line *line, const char *text, enum log_escape escape) {
    size_t left = LOG_FIELD_BYTES_MAX - (sizeof cut_mark - 1);
    const char *rest = text;
    for (;;) {
        size_t plain = plain_length(rest, left);
        append_bytes(line, rest, plain);
        rest += plain;
        left -= plain;
        if (*rest == '\0') {
            return;
        }
        struct piece piece = next_piece(&rest, escape);
        if (piece.length > left) {
            log_line_append(line, cut_mark);
            return;
        }
        append_bytes(line, piece.bytes, piece.length);
        left -= piece.length;
    }
}

void log_line_append_number(struct log_line *line, const struct log_field *field,
                            const char *not_finite) {
    char text[64];
    if (field->kind == LOG_KIND_NUMBER && !isfinite(field->number)) {
        log_line_append(line, not_finite);
        return;
    }
    int length = field->kind == LOG_KIND_INTEGER
                     ? snprintf(text, sizeof text, "%" PRId64, field->integer)
                     : snprintf(text, sizeof text, "%.9g", field->number);
    assert(length > 0 && (size_t)length < sizeof text);
    log_line_append(line, text);
}
