#include <inttypes.h>
#include <string.h>

#include "common/config/state.h"

enum { SHOWN_LINE_BYTES_MAX = CONFIG_LINE_BYTES_MAX - 2 }; /* the feed and NUL */

static bool is_control(char c) {
    return (unsigned char)c < ' ' || c == 0x7F;
}

static const char *placeholder(enum config_type type) {
    switch (type) {
    case CONFIG_INTEGER:
        return "N";
    case CONFIG_BOOLEAN:
        return "0|1";
    case CONFIG_DURATION_MS:
        return "DURATION";
    case CONFIG_TEXT:
    case CONFIG_SECRET:
    case CONFIG_CHOICE:
        break;
    }
    return "TEXT";
}

static void show_limits(const struct config_entry *entry, struct buf *text) {
    char minimum[CONFIG_DURATION_BYTES];
    char maximum[CONFIG_DURATION_BYTES];
    if (entry->type == CONFIG_INTEGER) {
        buf_append_format(text, ", %" PRId64 " to %" PRId64, entry->minimum, entry->maximum);
    } else if (entry->type == CONFIG_DURATION_MS) {
        config_format_duration(entry->minimum, minimum);
        config_format_duration(entry->maximum, maximum);
        buf_append_format(text, ", %s to %s", minimum, maximum);
    }
}

static void show_secret_help(const struct config_entry *entry, struct buf *text) {
    buf_append_format(text,
                      "  %s or %s_FILE\n"
                      "        %s\n"
                      "        secret: environment, config file or credential, never a flag\n",
                      entry->name, entry->name, entry->help);
}

static void show_entry_help(const struct config_table *table, size_t index, struct buf *text) {
    const struct config_entry *entry = &table->entries[index];
    if (entry->type == CONFIG_SECRET) {
        show_secret_help(entry, text);
        return;
    }
    char flag[CONFIG_NAME_BYTES_MAX];
    config_flag_name(table, index, flag);
    const char *value = entry->type == CONFIG_CHOICE ? entry->choices : placeholder(entry->type);
    const char *default_text = entry->default_text[0] != '\0' ? entry->default_text : "empty";
    buf_append_format(text, "  --%s %s\n        %s\n        %s, default %s", flag, value,
                      entry->help, entry->name, default_text);
    show_limits(entry, text);
    buf_append_text(text, "\n");
}

void config_show_help(const struct config_table *table, struct buf *text) {
    buf_append_format(text, "usage: %s %s\n\n%s\n", table->program, table->usage, table->summary);
    buf_append_text(text,
                    "\n"
                    "  --help          shows this\n"
                    "  --version       shows the version\n"
                    "  --config FILE   takes settings from an INI file\n"
                    "  --check-config  shows the settings in effect and where each comes from\n"
                    "\n"
                    "Settings: a flag goes over the environment, that over the config file, that "
                    "over the default.\n"
                    "Durations are written 250ms, 2s, 5m, 1h or 3d.\n"
                    "\n");
    for (size_t i = 0; i < table->entry_count; i++) {
        if ((table->entries[i].programs & table->program_bit) != 0) {
            show_entry_help(table, i, text);
        }
    }
}

static void show_value(const struct config_entry *entry, const void *target, struct buf *text) {
    const char *field = (const char *)target + entry->offset;
    char duration[CONFIG_DURATION_BYTES];
    switch (entry->type) {
    case CONFIG_INTEGER:
        buf_append_format(text, "%" PRId64, *(const int64_t *)(const void *)field);
        break;
    case CONFIG_BOOLEAN:
        buf_append_text(text, *(const bool *)(const void *)field ? "1" : "0");
        break;
    case CONFIG_DURATION_MS:
        config_format_duration(*(const int64_t *)(const void *)field, duration);
        buf_append_text(text, duration);
        break;
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        buf_append_text(text, *(char *const *)(const void *)field);
        break;
    case CONFIG_SECRET:
        buf_append_text(text, "********");
        break;
    }
}

/* inih knows no escapes: it drops blanks around a value and takes ";" behind a blank for a comment. */
static bool is_written_in_files(const char *name, const char *value) {
    size_t length = strlen(value);
    if (strlen(name) + strlen(" = ") + length > SHOWN_LINE_BYTES_MAX) {
        return false;
    }
    if (value[0] == ' ' || value[0] == ';' || (length > 0 && value[length - 1] == ' ')) {
        return false;
    }
    for (const char *next = value; *next != '\0'; next++) {
        if (is_control(*next)) {
            return false;
        }
    }
    return strstr(value, " ;") == NULL;
}

static bool can_be_written(const struct config_entry *entry, const void *target) {
    const char *field = (const char *)target + entry->offset;
    return (entry->type != CONFIG_TEXT && entry->type != CONFIG_CHOICE) ||
           is_written_in_files(entry->name, *(char *const *)(const void *)field);
}

/* Keeps what was appended since `start` one line of a length that a config file may have. What goes is
   part of a comment. */
static void end_line(struct buf *text, size_t start) {
    if (buf_failed(text)) {
        return;
    }
    if (text->length - start > SHOWN_LINE_BYTES_MAX) {
        text->length = start + SHOWN_LINE_BYTES_MAX;
    }
    for (size_t i = start; i < text->length; i++) {
        text->bytes[i] = is_control(text->bytes[i]) ? ' ' : text->bytes[i];
    }
    buf_append_text(text, "\n");
}

static void show_setting(const struct config_state *state, size_t index, const void *target,
                         struct buf *text) {
    const struct config_entry *entry = &state->table->entries[index];
    bool is_given = state->values[index].text != NULL;
    bool is_secret = entry->type == CONFIG_SECRET;
    if (is_secret && !is_given) {
        buf_append_format(text, "; %s is not given\n", entry->name);
        return;
    }
    /* A masked secret must not be taken for one when the output becomes a config file, nor what would be
       read as something else. */
    size_t start = text->length;
    const char *before = is_secret                       ? "; "
                         : can_be_written(entry, target) ? ""
                                                         : "; no config file can hold this: ";
    buf_append_format(text, "%s%s = ", before, entry->name);
    show_value(entry, target, text);
    buf_append_text(text, " ; ");
    config_state_describe_place(state, index, text);
    end_line(text, start);
}

void config_show_settings(const struct config_state *state, const void *target, struct buf *text) {
    const struct config_table *table = state->table;
    for (size_t i = 0; i < table->entry_count; i++) {
        if ((table->entries[i].programs & table->program_bit) != 0) {
            show_setting(state, i, target, text);
        }
    }
}
