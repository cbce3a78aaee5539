#include "ctl/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/suggest.h"

struct option {
    const char *name;
    char letter; /* for a single dash; '\0': none */
    unsigned set;
    bool takes_value;
    size_t offset; /* of a const char * or a bool */
};

static const struct option table[] = {
    {"help", 'h', OPTIONS_ALWAYS, false, offsetof(struct options, help)},
    {"json", '\0', OPTIONS_ALWAYS, false, offsetof(struct options, json)},
    {"status", '\0', OPTIONS_FILTER, true, offsetof(struct options, status)},
    {"metric", '\0', OPTIONS_FILTER, true, offsetof(struct options, metric)},
    {"email", '\0', OPTIONS_FILTER, true, offsetof(struct options, email)},
    {"error", '\0', OPTIONS_FILTER, true, offsetof(struct options, error)},
    {"older", '\0', OPTIONS_FILTER, true, offsetof(struct options, older)},
    {"newer", '\0', OPTIONS_FILTER, true, offsetof(struct options, newer)},
    {"limit", '\0', OPTIONS_FILTER, true, offsetof(struct options, limit)},
    {"dry-run", '\0', OPTIONS_DRY_RUN, false, offsetof(struct options, dry_run)},
    {"yes", '\0', OPTIONS_CHANGE, false, offsetof(struct options, yes)},
    {"reason", '\0', OPTIONS_CHANGE, true, offsetof(struct options, reason)},
    {"warning", 'w', OPTIONS_CHECK, true, offsetof(struct options, warning)},
    {"critical", 'c', OPTIONS_CHECK, true, offsetof(struct options, critical)},
    {"dead-warning", '\0', OPTIONS_CHECK, true, offsetof(struct options, dead_warning)},
    {"dead-critical", '\0', OPTIONS_CHECK, true, offsetof(struct options, dead_critical)},
    {"flagged-warning", '\0', OPTIONS_CHECK, true, offsetof(struct options, flagged_warning)},
    {"flagged-critical", '\0', OPTIONS_CHECK, true, offsetof(struct options, flagged_critical)},
    {"workers", '\0', OPTIONS_CHECK, true, offsetof(struct options, workers)},
    {"flagged", '\0', OPTIONS_FLAGGED, false, offsetof(struct options, flagged)},
    {"refunded", '\0', OPTIONS_REFUND, false, offsetof(struct options, refunded)},
    {"full", '\0', OPTIONS_FULL, false, offsetof(struct options, full)},
};
enum { OPTION_COUNT = sizeof table / sizeof table[0] };

static const struct option *find_option(const char *name, size_t name_length, unsigned sets) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((table[i].set & sets) != 0 && strlen(table[i].name) == name_length &&
            strncmp(table[i].name, name, name_length) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static const struct option *find_letter(char letter, unsigned sets) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((table[i].set & sets) != 0 && table[i].letter == letter) {
            return &table[i];
        }
    }
    return NULL;
}

static enum err_code refuse_unknown(const char *argument, const char *name, size_t name_length,
                                    unsigned sets, struct err *err) {
    char typed[64];
    const char *names[OPTION_COUNT];
    size_t name_count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((table[i].set & sets) != 0) {
            names[name_count++] = table[i].name;
        }
    }
    const char *meant = NULL;
    if (name_length < sizeof typed) {
        memcpy(typed, name, name_length);
        typed[name_length] = '\0';
        meant = suggest_word(typed, names, name_count);
    }
    if (meant != NULL) {
        return err_set(err, ERR_INVALID, "unknown option %s: did you mean --%s?", argument, meant);
    }
    return err_set(err, ERR_INVALID,
                   "unknown option %s: settings such as --config stand before the command, --help "
                   "behind it lists its options",
                   argument);
}

/* Reads the flag argv[index]; *index moves on to the last argument that it used. */
static CHECKED enum err_code take_flag(struct options *options, unsigned sets, int argc,
                                       char **argv, int *index, struct err *err) {
    const char *argument = argv[*index];
    bool is_letter = argument[1] != '-';
    const char *name = is_letter ? "" : argument + 2;
    size_t name_length = strcspn(name, "=");
    const struct option *option = NULL;
    if (!is_letter) {
        option = find_option(name, name_length, sets);
    } else if (argument[2] == '\0') {
        option = find_letter(argument[1], sets);
    }
    if (option == NULL) {
        return refuse_unknown(argument, name, name_length, sets, err);
    }
    const char *value = name[name_length] == '=' ? name + name_length + 1 : NULL;
    if (!option->takes_value) {
        if (value != NULL) {
            return err_set(err, ERR_INVALID, "--%s takes no value", option->name);
        }
        *(bool *)((char *)options + option->offset) = true;
        return ERR_OK;
    }
    if (value == NULL && *index + 1 < argc) {
        value = argv[++*index];
    }
    if (value == NULL || value[0] == '\0') {
        return err_set(err, ERR_INVALID, "--%s needs a value", option->name);
    }
    const char **field = (const char **)(void *)((char *)options + option->offset);
    if (*field != NULL) {
        return err_set(err, ERR_INVALID, "--%s is given twice", option->name);
    }
    *field = value;
    return ERR_OK;
}

enum err_code options_parse(struct options *options, unsigned sets, int argc, char **argv,
                            struct err *err) {
    assert(argc >= 0);
    *options = (struct options){0};
    options->words = calloc((size_t)argc + 1, sizeof *options->words);
    if (options->words == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            enum err_code code = take_flag(options, sets | OPTIONS_ALWAYS, argc, argv, &i, err);
            if (code != ERR_OK) {
                return code;
            }
        } else {
            options->words[options->word_count++] = argv[i];
        }
    }
    return ERR_OK;
}

void options_release(struct options *options) {
    free(options->words);
    *options = (struct options){0};
}

bool options_name_events(const struct options *options) {
    return options->word_count > 0 || options->status != NULL || options->metric != NULL ||
           options->email != NULL || options->error != NULL || options->older != NULL ||
           options->newer != NULL;
}
