#include <stdbool.h>
#include <string.h>

#include "common/clock.h"
#include "common/log/format.h"

/* Whether a value must stand between quotes to be told from what follows it. */
static bool needs_quotes(const char *text) {
    for (const char *next = text; *next != '\0'; next++) {
        unsigned char byte = (unsigned char)*next;
        if (byte <= ' ' || byte >= 0x7F || byte == '"' || byte == '\\' || byte == '=') {
            return true;
        }
    }
    return false;
}

static void append_value(struct log_line *line, const struct log_field *field) {
    if (field->kind != LOG_KIND_TEXT) {
        log_line_append_number(line, field, "nan");
        return;
    }
    const char *quote = needs_quotes(field->text) ? "\"" : "";
    log_line_append(line, quote);
    log_line_append_escaped(line, field->text, LOG_ESCAPE_QUOTES);
    log_line_append(line, quote);
}

void log_line_append_message(struct log_line *line, const struct log_entry *entry) {
    log_line_append_escaped(line, log_entry_message(entry), LOG_ESCAPE_CONTROLS);
    for (const struct log_field *field = entry->fields; field->kind != LOG_KIND_END; field++) {
        if (!log_field_is_shown(field)) {
            continue;
        }
        log_line_append(line, " ");
        log_line_append(line, field->name);
        log_line_append(line, "=");
        append_value(line, field);
    }
}

void log_line_append_text(struct log_line *line, const struct log_entry *entry) {
    static const char padding[] = "     "; /* to the five letters of "error" and "debug" */
    char at[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(entry->wall_ms, at);
    const char *level = log_level_name(entry->level);
    size_t level_length = strlen(level);
    log_line_append(line, at);
    log_line_append(line, " ");
    log_line_append(line, level);
    if (level_length < sizeof padding - 1) {
        log_line_append(line, padding + level_length);
    }
    log_line_append(line, " ");
    log_line_append_message(line, entry);
    log_line_append(line, "\n");
}
