#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/state.h"

/* An empty secret counts as not given: NAME= is how one unsets it in many a tool. */
static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static enum err_code take_path(struct config_state *state, size_t index, const char *path,
                               struct err *err) {
    const char *name = state->table->entries[index].name;
    if (!is_given(path)) {
        return ERR_OK;
    }
    if (is_given(getenv(name))) {
        return err_set(err, ERR_INVALID,
                       "%s and %s_FILE are both in the environment: leave one out", name, name);
    }
    if (config_state_set_from_path(state, index, CONFIG_PLACE_ENVIRONMENT, path, err) != ERR_OK) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_INVALID : err->code;
        return err_wrap(err, "%s_FILE (environment)", name);
    }
    return ERR_OK;
}

static enum err_code take_variable(struct config_state *state, const char *name, const char *value,
                                   struct err *err) {
    const struct config_table *table = state->table;
    size_t index = 0;
    switch (config_find_variable(table, name, &index)) {
    case CONFIG_NAME_OF_VALUE:
        if (table->entries[index].type == CONFIG_SECRET && !is_given(value)) {
            return ERR_OK;
        }
        return config_state_set(state, index, CONFIG_PLACE_ENVIRONMENT, value, err);
    case CONFIG_NAME_OF_PATH:
        return take_path(state, index, value, err);
    case CONFIG_NAME_UNKNOWN:
        break;
    }
    size_t prefix_length = strlen(table->prefix);
    if (prefix_length == 0 || strncmp(name, table->prefix, prefix_length) != 0) {
        return ERR_OK;
    }
    enum err_code code = config_unknown_setting(table, name, err);
    assert(code == ERR_INVALID);
    return err_wrap(err, "environment");
}

enum err_code config_read_environment(struct config_state *state, struct err *err) {
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        char name[CONFIG_NAME_BYTES_MAX * 4];
        size_t length = equals != NULL ? (size_t)(equals - *variable) : sizeof name;
        if (length >= sizeof name) {
            continue; /* no name of ours is so long */
        }
        memcpy(name, *variable, length);
        name[length] = '\0';
        enum err_code code = take_variable(state, name, equals + 1, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code take_credential(struct config_state *state, size_t index,
                                     const char *directory, struct err *err) {
    const char *name = state->table->entries[index].name;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    assert(length > 0);
    if ((size_t)length >= sizeof path) {
        return err_set(err, ERR_INVALID, "CREDENTIALS_DIRECTORY: the path is too long");
    }
    for (char *next = path + strlen(directory); *next != '\0'; next++) {
        *next = (char)(tolower)((unsigned char)*next);
    }
    enum err_code code =
        config_state_set_from_path(state, index, CONFIG_PLACE_CREDENTIAL, path, err);
    if (code == ERR_OK || code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    return err_wrap(err, "%s (credential)", name);
}

enum err_code config_read_credentials(struct config_state *state, struct err *err) {
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!is_given(directory)) {
        return ERR_OK;
    }
    for (size_t i = 0; i < state->table->entry_count; i++) {
        if (state->table->entries[i].type != CONFIG_SECRET) {
            continue;
        }
        enum err_code code = take_credential(state, i, directory, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}
