#include "common/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/state.h"

static void *field_at(void *target, size_t offset) {
    return (char *)target + offset;
}

static bool is_text(enum config_type type) {
    return type == CONFIG_TEXT || type == CONFIG_SECRET || type == CONFIG_CHOICE;
}

void config_release(const struct config_table *table, void *target) {
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct config_entry *entry = &table->entries[i];
        if (!is_text(entry->type)) {
            continue;
        }
        char **field = field_at(target, entry->offset);
        if (*field != NULL && entry->type == CONFIG_SECRET) {
            explicit_bzero(*field, strlen(*field));
        }
        free(*field);
        *field = NULL;
    }
}

static enum err_code apply_text(const char *text, void *field, struct err *err) {
    char *copy = strdup(text);
    if (copy == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while reading the settings");
    }
    char **slot = field;
    *slot = copy;
    return ERR_OK;
}

static enum err_code apply_boolean(const char *text, void *field, struct err *err) {
    bool *slot = field;
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        return err_set(err, ERR_INVALID, "\"%s\" is neither 0 nor 1", text);
    }
    *slot = text[0] == '1';
    return ERR_OK;
}

static enum err_code apply_integer(const struct config_entry *entry, const char *text, void *field,
                                   struct err *err) {
    int64_t *slot = field;
    int64_t value = 0;
    if (config_parse_integer(text, &value, err) != ERR_OK) {
        return err->code;
    }
    if (value < entry->minimum || value > entry->maximum) {
        return err_set(err, ERR_INVALID, "%s is out of range: %" PRId64 " to %" PRId64, text,
                       entry->minimum, entry->maximum);
    }
    *slot = value;
    return ERR_OK;
}

static enum err_code apply_duration(const struct config_entry *entry, const char *text, void *field,
                                    struct err *err) {
    int64_t *slot = field;
    int64_t value_ms = 0;
    if (config_parse_duration_ms(text, &value_ms, err) != ERR_OK) {
        return err->code;
    }
    if (value_ms < entry->minimum || value_ms > entry->maximum) {
        char minimum[CONFIG_DURATION_BYTES];
        char maximum[CONFIG_DURATION_BYTES];
        config_format_duration(entry->minimum, minimum);
        config_format_duration(entry->maximum, maximum);
        return err_set(err, ERR_INVALID, "%s is out of range: %s to %s", text, minimum, maximum);
    }
    *slot = value_ms;
    return ERR_OK;
}

static enum err_code apply_choice(const struct config_entry *entry, const char *text, void *field,
                                  struct err *err) {
    size_t length = strlen(text);
    const char *choice = entry->choices;
    while (true) {
        size_t choice_length = strcspn(choice, "|");
        if (choice_length == length && strncmp(choice, text, length) == 0) {
            return apply_text(text, field, err);
        }
        if (choice[choice_length] == '\0') {
            break;
        }
        choice += choice_length + 1;
    }
    return err_set(err, ERR_INVALID, "\"%s\" is none of %s", text, entry->choices);
}

static enum err_code apply_by_type(const struct config_entry *entry, const char *text, void *field,
                                   struct err *err) {
    switch (entry->type) {
    case CONFIG_INTEGER:
        return apply_integer(entry, text, field, err);
    case CONFIG_BOOLEAN:
        return apply_boolean(text, field, err);
    case CONFIG_DURATION_MS:
        return apply_duration(entry, text, field, err);
    case CONFIG_CHOICE:
        return apply_choice(entry, text, field, err);
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        break;
    }
    return apply_text(text, field, err);
}

static enum err_code apply_entry(const struct config_state *state, size_t index, void *target,
                                 struct err *err) {
    const struct config_entry *entry = &state->table->entries[index];
    const char *given = state->values[index].text;
    const char *text = given != NULL ? given : entry->default_text;
    if (text == NULL) {
        return ERR_OK; /* a secret that is not given */
    }
    if (entry->is_default_offset != 0) {
        bool *is_default = field_at(target, entry->is_default_offset);
        *is_default = given == NULL;
    }
    if (entry->check != NULL && entry->check(text, err) != ERR_OK) {
        return err->code;
    }
    return apply_by_type(entry, text, field_at(target, entry->offset), err);
}

/* Appends who and where for each setting that the error names; a secret that is not given is nowhere. */
static enum err_code append_places(const struct config_state *state, struct err *err) {
    const struct config_table *table = state->table;
    struct err told = *err;
    struct buf places;
    buf_init(&places, ERR_TEXT_BYTES);
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct config_entry *entry = &table->entries[i];
        bool is_somewhere = state->values[i].text != NULL || entry->default_text != NULL;
        if (is_somewhere && strstr(told.text, entry->name) != NULL) {
            buf_append_text(&places, places.length == 0 ? ": " : ", ");
            config_state_describe(state, i, &places);
        }
    }
    err_set(err, told.code, "%s%s", told.text, buf_text(&places));
    buf_release(&places);
    return told.code;
}

static enum err_code apply(const struct config_state *state, void *target, struct err *err) {
    const struct config_table *table = state->table;
    for (size_t i = 0; i < table->entry_count; i++) {
        if (apply_entry(state, i, target, err) != ERR_OK) {
            struct buf who;
            buf_init(&who, ERR_TEXT_BYTES);
            config_state_describe(state, i, &who);
            enum err_code code = err_wrap(err, "%s", buf_text(&who));
            buf_release(&who);
            return code;
        }
    }
    if (table->complete != NULL && table->complete(target, err) != ERR_OK) {
        return append_places(state, err);
    }
    return ERR_OK;
}

static enum err_code print(struct buf *text, struct err *err) {
    enum err_code code = ERR_OK;
    if (buf_failed(text)) {
        code = err_set(err, ERR_FATAL, "out of memory while showing the settings");
    } else if (fputs(buf_text(text), stdout) == EOF || fflush(stdout) != 0) {
        code = err_set(err, ERR_FATAL, "standard output takes nothing");
    }
    buf_release(text);
    return code;
}

enum { SHOWN_BYTES_MAX = 1024 * 1024 };

static enum err_code answer(const struct config_table *table, enum config_question question,
                            struct err *err) {
    struct buf text;
    buf_init(&text, SHOWN_BYTES_MAX);
    if (question == CONFIG_ASKED_HELP) {
        config_show_help(table, &text);
    } else {
        buf_append_format(&text, "%s %s\n", table->program, table->version);
    }
    return print(&text, err);
}

static enum err_code gather(struct config_state *state, struct err *err) {
    if (config_read_environment(state, err) != ERR_OK || config_read_file(state, err) != ERR_OK ||
        config_read_credentials(state, err) != ERR_OK) {
        return err->code;
    }
    return ERR_OK;
}

static enum err_code fill(struct config_state *state, void *target, enum config_action *action_out,
                          struct err *err) {
    if (gather(state, err) != ERR_OK || apply(state, target, err) != ERR_OK) {
        return err->code;
    }
    if (!state->check_asked) {
        *action_out = CONFIG_RUN;
        return ERR_OK;
    }
    struct buf text;
    buf_init(&text, SHOWN_BYTES_MAX);
    config_show_settings(state, target, &text);
    *action_out = CONFIG_DONE;
    return print(&text, err);
}

enum err_code config_load(const struct config_table *table, int argc, char **argv, void *target,
                          int *next_out, enum config_action *action_out, struct err *err) {
    memset(target, 0, table->target_bytes);
    struct config_state state;
    enum config_question question = CONFIG_ASKED_NOTHING;
    enum config_action action = CONFIG_DONE;
    int next = argc;
    enum err_code code = config_state_init(&state, table, err);
    if (code != ERR_OK) {
        return code;
    }
    code = config_read_flags(&state, argc, argv, &next, &question, err);
    if (code == ERR_OK) {
        code = question != CONFIG_ASKED_NOTHING ? answer(table, question, err)
                                                : fill(&state, target, &action, err);
    }
    config_state_release(&state);
    if (code != ERR_OK || action == CONFIG_DONE) {
        config_release(table, target);
    }
    if (code == ERR_OK) {
        *next_out = next;
        *action_out = action;
    }
    return code;
}
