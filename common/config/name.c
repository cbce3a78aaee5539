#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/config/state.h"

static const char variable_path_suffix[] = "_FILE";
static const char flag_path_suffix[] = "-file";

void config_flag_name(const struct config_table *table, size_t index,
                      char name[CONFIG_NAME_BYTES_MAX]) {
    const char *variable = table->entries[index].name;
    size_t prefix_length = strlen(table->prefix);
    if (strncmp(variable, table->prefix, prefix_length) == 0) {
        variable += prefix_length;
    }
    size_t length = strlen(variable);
    assert(length + sizeof variable_path_suffix <= CONFIG_NAME_BYTES_MAX);
    for (size_t i = 0; i < length; i++) {
        int lower = (tolower)((unsigned char)variable[i]);
        name[i] = (char)(lower == '_' ? '-' : lower);
    }
    name[length] = '\0';
}

/* How `name` follows from `base`. */
static enum config_name_kind match(const struct config_entry *entry, const char *base,
                                   const char *path_suffix, const char *name) {
    size_t base_length = strlen(base);
    if (strncmp(base, name, base_length) != 0) {
        return CONFIG_NAME_UNKNOWN;
    }
    if (name[base_length] == '\0') {
        return CONFIG_NAME_OF_VALUE;
    }
    bool is_path = entry->type == CONFIG_SECRET && strcmp(name + base_length, path_suffix) == 0;
    return is_path ? CONFIG_NAME_OF_PATH : CONFIG_NAME_UNKNOWN;
}

enum config_name_kind config_find_variable(const struct config_table *table, const char *name,
                                           size_t *index_out) {
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct config_entry *entry = &table->entries[i];
        enum config_name_kind kind = match(entry, entry->name, variable_path_suffix, name);
        if (kind != CONFIG_NAME_UNKNOWN) {
            *index_out = i;
            return kind;
        }
    }
    return CONFIG_NAME_UNKNOWN;
}

enum config_name_kind config_find_flag(const struct config_table *table, const char *name,
                                       size_t *index_out) {
    for (size_t i = 0; i < table->entry_count; i++) {
        char flag[CONFIG_NAME_BYTES_MAX] = "";
        config_flag_name(table, i, flag);
        enum config_name_kind kind = match(&table->entries[i], flag, flag_path_suffix, name);
        if (kind != CONFIG_NAME_UNKNOWN) {
            *index_out = i;
            return kind;
        }
    }
    return CONFIG_NAME_UNKNOWN;
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must be changed, added or dropped to get from one to the other (Levenshtein). */
static size_t distance(const char *from, const char *to) {
    size_t
        costs[CONFIG_NAME_BYTES_MAX]; /* for the part of `from` seen so far and each part of `to` */
    size_t to_length = strlen(to);
    assert(to_length < CONFIG_NAME_BYTES_MAX);
    for (size_t j = 0; j <= to_length; j++) {
        costs[j] = j;
    }
    for (size_t i = 0; from[i] != '\0'; i++) {
        size_t diagonal = costs[0];
        costs[0] = i + 1;
        for (size_t j = 0; j < to_length; j++) {
            size_t changed = diagonal + (from[i] != to[j]);
            diagonal = costs[j + 1];
            costs[j + 1] = smallest(changed, diagonal + 1, costs[j] + 1);
        }
    }
    return costs[to_length];
}

struct nearest {
    char name[CONFIG_NAME_BYTES_MAX];
    size_t distance;
};

static void consider(struct nearest *nearest, const char *name, const char *candidate) {
    size_t candidate_distance = distance(name, candidate);
    if (candidate_distance < nearest->distance) {
        nearest->distance = candidate_distance;
        int length = snprintf(nearest->name, sizeof nearest->name, "%s", candidate);
        assert(length > 0 && (size_t)length < sizeof nearest->name);
    }
}

/* Four letters off, or more than half of a short name, is no slip any more. */
static struct nearest nothing_near(const char *name) {
    size_t length = strnlen(name, CONFIG_NAME_BYTES_MAX);
    return (struct nearest){.distance = length < 6 ? length / 2 + 1 : 4};
}

static enum err_code set_unknown(const struct config_table *table, const char *what,
                                 const char *dashes, const char *name,
                                 const struct nearest *nearest, struct err *err) {
    if (nearest->name[0] != '\0') {
        return err_set(err, ERR_INVALID, "unknown %s %s%s; did you mean %s%s?", what, dashes, name,
                       dashes, nearest->name);
    }
    return err_set(err, ERR_INVALID, "unknown %s %s%s; %s --help lists what there is", what, dashes,
                   name, table->program);
}

enum err_code config_unknown_flag(const struct config_table *table, const char *name,
                                  struct err *err) {
    static const char *const others[] = {"help", "version", "config", "check-config"};
    struct nearest nearest = nothing_near(name);
    for (size_t i = 0; i < table->entry_count; i++) {
        char flag[CONFIG_NAME_BYTES_MAX] = "";
        config_flag_name(table, i, flag);
        if ((table->entries[i].programs & table->program_bit) != 0) {
            consider(&nearest, name, flag);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        consider(&nearest, name, others[i]);
    }
    return set_unknown(table, "flag", "--", name, &nearest, err);
}

enum err_code config_unknown_setting(const struct config_table *table, const char *name,
                                     struct err *err) {
    struct nearest nearest = nothing_near(name);
    for (size_t i = 0; i < table->entry_count; i++) {
        char flag[CONFIG_NAME_BYTES_MAX] = "";
        config_flag_name(table, i, flag);
        consider(&nearest, name, flag);
        consider(&nearest, name, table->entries[i].name);
    }
    return set_unknown(table, "setting", "", name, &nearest, err);
}
