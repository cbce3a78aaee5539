#include <string.h>

#include "common/config/state.h"

/* The command line while it is read. */
struct flags {
    struct config_state *state;
    int argc;
    char **argv;
    int next;
    enum config_question question;
};

/* One flag, split. `value` is NULL if none stood behind a '='. */
struct flag {
    char name[CONFIG_NAME_BYTES_MAX];
    const char *value;
};

/* The value behind '=', or else the next argument. */
static enum err_code take_value(struct flags *flags, const struct flag *flag,
                                const char **value_out, struct err *err) {
    if (flag->value != NULL) {
        *value_out = flag->value;
        return ERR_OK;
    }
    if (flags->next >= flags->argc) {
        return err_set(err, ERR_INVALID, "--%s needs a value: --%s=VALUE", flag->name, flag->name);
    }
    *value_out = flags->argv[flags->next++];
    return ERR_OK;
}

static enum err_code take_setting(struct flags *flags, const struct flag *flag, struct err *err) {
    struct config_state *state = flags->state;
    const struct config_table *table = state->table;
    size_t index = 0;
    if (config_find_flag(table, flag->name, &index) == CONFIG_NAME_UNKNOWN) {
        return config_unknown_flag(table, flag->name, err);
    }
    const struct config_entry *entry = &table->entries[index];
    if (entry->type == CONFIG_SECRET) {
        return err_set(err, ERR_INVALID,
                       "--%s: a secret on the command line can be seen by everyone on the machine; "
                       "set %s, or %s_FILE to a file that has it",
                       flag->name, entry->name, entry->name);
    }
    if ((entry->programs & table->program_bit) == 0) {
        return err_set(err, ERR_INVALID, "%s has no use for --%s: another program does",
                       table->program, flag->name);
    }
    const char *value = NULL;
    enum err_code code = take_value(flags, flag, &value, err);
    return code == ERR_OK ? config_state_set(state, index, CONFIG_PLACE_FLAG, value, err) : code;
}

static enum err_code take_plain(struct flags *flags, const struct flag *flag,
                                enum config_question question, struct err *err) {
    if (flag->value != NULL) {
        return err_set(err, ERR_INVALID, "--%s takes no value", flag->name);
    }
    flags->question = question;
    return ERR_OK;
}

static enum err_code take_flag(struct flags *flags, const struct flag *flag, struct err *err) {
    if (strcmp(flag->name, "help") == 0) {
        return take_plain(flags, flag, CONFIG_ASKED_HELP, err);
    }
    if (strcmp(flag->name, "version") == 0) {
        return take_plain(flags, flag, CONFIG_ASKED_VERSION, err);
    }
    if (strcmp(flag->name, "check-config") == 0) {
        flags->state->check_asked = true;
        return take_plain(flags, flag, CONFIG_ASKED_NOTHING, err);
    }
    if (strcmp(flag->name, "config") == 0) {
        return take_value(flags, flag, &flags->state->config_path, err);
    }
    return take_setting(flags, flag, err);
}

static enum err_code split(const struct config_table *table, const char *argument,
                           struct flag *flag, struct err *err) {
    if (argument[1] != '-') {
        return err_set(err, ERR_INVALID,
                       "unknown flag %s; flags begin with two dashes, %s --help "
                       "lists them",
                       argument, table->program);
    }
    const char *name = argument + 2;
    size_t length = strcspn(name, "=");
    if (length >= sizeof flag->name) {
        return config_unknown_flag(table, name, err);
    }
    memcpy(flag->name, name, length);
    flag->name[length] = '\0';
    flag->value = name[length] == '=' ? name + length + 1 : NULL;
    return ERR_OK;
}

/* "-" alone stands for standard input, where a program reads it. */
static bool is_flag(const char *argument) {
    return argument[0] == '-' && argument[1] != '\0';
}

enum err_code config_read_flags(struct config_state *state, int argc, char **argv, int *next_out,
                                enum config_question *question_out, struct err *err) {
    struct flags flags = {.state = state, .argc = argc, .argv = argv, .next = 1};
    while (flags.next < argc && flags.question == CONFIG_ASKED_NOTHING &&
           is_flag(argv[flags.next])) {
        const char *argument = argv[flags.next++];
        if (strcmp(argument, "--") == 0) {
            break;
        }
        struct flag flag = {0};
        if (split(state->table, argument, &flag, err) != ERR_OK ||
            take_flag(&flags, &flag, err) != ERR_OK) {
            return err->code;
        }
    }
    *next_out = flags.next < argc ? flags.next : argc;
    *question_out = flags.question;
    return ERR_OK;
}
