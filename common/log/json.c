#include "common/clock.h"
#include "common/log/format.h"

static void append_text_member(struct log_line *line, const char *name, const char *text) {
    log_line_append(line, ",\"");
    log_line_append(line, name);
    log_line_append(line, "\":\"");
    log_line_append_escaped(line, text, LOG_ESCAPE_QUOTES);
    log_line_append(line, "\"");
}

static void append_number_member(struct log_line *line, const struct log_field *field) {
    log_line_append(line, ",\"");
    log_line_append(line, field->name);
    log_line_append(line, "\":");
    log_line_append_number(line, field, "null");
}

void log_line_append_json(struct log_line *line, const struct log_entry *entry) {
    char at[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(entry->wall_ms, at);
    log_line_append(line, "{\"ts\":\"");
    log_line_append(line, at);
    log_line_append(line, "\"");
    append_text_member(line, "level", log_level_name(entry->level));
    append_text_member(line, "msg", log_entry_message(entry));
    if (entry->component != NULL) {
        append_text_member(line, "component", entry->component);
    }
    for (const struct log_field *field = entry->fields; field->kind != LOG_KIND_END; field++) {
        if (!log_field_is_shown(field)) {
            continue;
        }
        if (field->kind == LOG_KIND_TEXT) {
            append_text_member(line, field->name, field->text);
        } else {
            append_number_member(line, field);
        }
    }
    log_line_append(line, "}\n");
}
