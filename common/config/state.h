#pragma once
/*
 * What the sources of settings said so far. Only the config*.c files use this.
 *
 * Sources may come in any order: what is set in a higher place stays.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/config.h"
#include "common/err.h"

/* Lowest first. */
enum config_place {
    CONFIG_PLACE_DEFAULT,
    CONFIG_PLACE_CREDENTIAL,
    CONFIG_PLACE_FILE,
    CONFIG_PLACE_ENVIRONMENT,
    CONFIG_PLACE_FLAG,
};

struct config_value {
    char *text; /* owned; NULL: nobody set it */
    enum config_place place;
    char *path;    /* owned; where the text was read from, NULL if nowhere */
    int file_line; /* where the config file has it; 0: nowhere */
};

struct config_state {
    const struct config_table *table;
    struct config_value *values; /* entry_count of them, in the table's order */
    const char *config_path;     /* of --config, borrowed from argv; NULL: none */
    bool check_asked;            /* --check-config */
};

enum {
    CONFIG_NAME_BYTES_MAX = 64,          /* of a name in a table, with "_FILE" and NUL */
    CONFIG_FILE_BYTES_MAX = 1024 * 1024, /* a config file is a few KiB */
    CONFIG_SECRET_BYTES_MAX = 64 * 1024,
    CONFIG_LINE_BYTES_MAX = 4096,
};

CHECKED enum err_code config_state_init(struct config_state *state,
                                        const struct config_table *table, struct err *err);
void config_state_release(struct config_state *state);

/* Takes a copy of `text`, unless the setting has one from a higher place. */
CHECKED enum err_code config_state_set(struct config_state *state, size_t index,
                                       enum config_place place, const char *text, struct err *err);

/* Reads a secret from `path`, unless the setting has one from a higher place. The error does not say
   whose path it was. */
CHECKED enum err_code config_state_set_from_path(struct config_state *state, size_t index,
                                                 enum config_place place, const char *path,
                                                 struct err *err);

/* "PREORDER_LEASE (flag --lease)", "KLAVIYO_API_KEY (environment, from key.txt)": who and where. */
void config_state_describe(const struct config_state *state, size_t index, struct buf *text);

/* The place alone: "flag --lease", "preorder.conf:12", "default". */
void config_state_describe_place(const struct config_state *state, size_t index, struct buf *text);

/* ---- Names (config/name.c) ---- */

/* The flag's name without its dashes: "log-level" for PREORDER_LOG_LEVEL. */
void config_flag_name(const struct config_table *table, size_t index,
                      char name[CONFIG_NAME_BYTES_MAX]);

enum config_name_kind { CONFIG_NAME_UNKNOWN, CONFIG_NAME_OF_VALUE, CONFIG_NAME_OF_PATH };

/* Whose variable `name` is: itself or, for a secret, with _FILE after it. */
enum config_name_kind config_find_variable(const struct config_table *table, const char *name,
                                           size_t *index_out);

/* As config_find_variable, for flags' names: "klaviyo-api-key-file". */
enum config_name_kind config_find_flag(const struct config_table *table, const char *name,
                                       size_t *index_out);

/* ERR_INVALID: names the nearest name there is or, if none is near, how to see them all. `name` is what
   stood behind the dashes of a flag, or in the environment or the config file. */
CHECKED enum err_code config_unknown_flag(const struct config_table *table, const char *name,
                                          struct err *err);
CHECKED enum err_code config_unknown_setting(const struct config_table *table, const char *name,
                                             struct err *err);

/* ---- Sources ---- */

enum config_question { CONFIG_ASKED_NOTHING, CONFIG_ASKED_HELP, CONFIG_ASKED_VERSION };

/* Flags up to the first argument that is none. Stops at --help and --version. */
CHECKED enum err_code config_read_flags(struct config_state *state, int argc, char **argv,
                                        int *next_out, enum config_question *question_out,
                                        struct err *err);
CHECKED enum err_code config_read_environment(struct config_state *state, struct err *err);
CHECKED enum err_code config_read_file(struct config_state *state, struct err *err);
CHECKED enum err_code config_read_credentials(struct config_state *state, struct err *err);

/* A whole file of at most `bytes_max` bytes without a NUL among them. ERR_NOT_FOUND: no such file. */
CHECKED enum err_code config_slurp(const char *path, size_t bytes_max, struct buf *content,
                                   struct err *err);

/* ---- What is shown (config/show.c) ---- */

void config_show_help(const struct config_table *table, struct buf *text);
void config_show_settings(const struct config_state *state, const void *target, struct buf *text);
