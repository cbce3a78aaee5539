/*
 * Text from outside in the log: one line whatever comes, which the reader of JSON reads back as it was.
 *
 * The first line of the input is the message, the rest a field.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/log/format.h"
#include "common/utf8.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

static struct log_line line;
static struct log_journal_message message;

/* Nothing in it moves a cursor, ends a line or turns the direction of writing, but the feed at its end. */
static void check_line(void) {
    assert(line.length > 0 && line.bytes[line.length - 1] == '\n');
    size_t length;
    for (size_t i = 0; i < line.length - 1; i += length) {
        uint32_t c = 0;
        length = utf8_decode(line.bytes + i, line.length - i, &c);
        assert(length > 0);
        assert(c >= 0x20 && (c < 0x7F || c > 0x9F));
        assert((c < 0x2028 || c > 0x202E) && (c < 0x2066 || c > 0x2069));
    }
}

/* Whole unless it was too long; bytes that are no text are replaced. */
static void check_same(const char *read, const char *written) {
    json_t *text = json_string(written); /* NULL: no UTF-8 */
    bool is_short = 6 * strlen(written) < LOG_FIELD_BYTES_MAX;
    assert(read != NULL);
    assert(!is_short || text == NULL || strcmp(read, written) == 0);
    json_decref(text);
}

static void check_json(const struct log_entry *entry, const char *field) {
    line.length = 0;
    log_line_append_json(&line, entry);
    check_line();
    json_t *object = json_loadb(line.bytes, line.length, JSON_REJECT_DUPLICATES, NULL);
    assert(json_is_object(object));
    check_same(json_string_value(json_object_get(object, "msg")), log_entry_message(entry));
    const char *read = json_string_value(json_object_get(object, "error"));
    if (field[0] == '\0') {
        assert(read == NULL);
    } else {
        check_same(read, field);
    }
    json_decref(object);
}

/* Every field is a part of its own: NAME=value. */
static void check_journal(const struct log_entry *entry) {
    line.length = 0;
    log_journal_build(&line, entry, &message);
    assert(message.part_count >= 2 && line.length <= sizeof line.bytes);
    for (int i = 0; i < message.part_count; i++) {
        const char *part = message.parts[i].iov_base;
        const char *equals = memchr(part, '=', message.parts[i].iov_len);
        assert(part >= line.bytes && part + message.parts[i].iov_len <= line.bytes + line.length);
        assert(equals != NULL && equals > part);
        for (const char *at = part; at < equals; at++) {
            assert((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    const char *feed = memchr(bytes, '\n', byte_count);
    size_t length = feed != NULL ? (size_t)(feed - (const char *)bytes) : byte_count;
    size_t rest = feed != NULL ? length + 1 : byte_count;
    char *text = lines_text(bytes, length);
    char *field = lines_text(bytes + rest, byte_count - rest);
    const struct log_field fields[] = {
        LOG_MSG(text), LOG_TEXT("error", field), LOG_INT("count", (int64_t)byte_count), {0}};
    const struct log_entry entry = {
        .level = LOG_LEVEL_WARNING, .wall_ms = 1795353434123, .component = "api", .fields = fields};
    check_json(&entry, field);
    line.length = 0;
    log_line_append_text(&line, &entry);
    check_line();
    check_journal(&entry);
    free(field);
    free(text);
    return 0;
}
