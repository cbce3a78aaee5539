#include "common/config/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err_code out_of_memory(struct err *err) {
    return err_set(err, ERR_FATAL, "out of memory while reading the settings");
}

enum err_code config_state_init(struct config_state *state, const struct config_table *table,
                                struct err *err) {
    *state = (struct config_state){.table = table};
    state->values = calloc(table->entry_count, sizeof *state->values);
    return state->values != NULL ? ERR_OK : out_of_memory(err);
}

static void value_release(struct config_value *value) {
    if (value->text != NULL) {
        explicit_bzero(value->text, strlen(value->text)); /* it may be a secret */
    }
    free(value->text);
    free(value->path);
    value->text = NULL;
    value->path = NULL;
}

void config_state_release(struct config_state *state) {
    for (size_t i = 0; state->values != NULL && i < state->table->entry_count; i++) {
        value_release(&state->values[i]);
    }
    free(state->values);
    state->values = NULL;
}

static bool is_set_higher(const struct config_state *state, size_t index, enum config_place place) {
    const struct config_value *value = &state->values[index];
    return value->text != NULL && value->place > place;
}

enum err_code config_state_set(struct config_state *state, size_t index, enum config_place place,
                               const char *text, struct err *err) {
    if (is_set_higher(state, index, place)) {
        return ERR_OK;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return out_of_memory(err);
    }
    struct config_value *value = &state->values[index];
    value_release(value);
    value->text = copy;
    value->place = place;
    return ERR_OK;
}

enum err_code config_state_set_from_path(struct config_state *state, size_t index,
                                         enum config_place place, const char *path,
                                         struct err *err) {
    bool is_ours = (state->table->entries[index].programs & state->table->program_bit) != 0;
    if (!is_ours || is_set_higher(state, index, place)) {
        return ERR_OK;
    }
    struct buf content;
    buf_init(&content, CONFIG_SECRET_BYTES_MAX);
    enum err_code code = config_slurp(path, CONFIG_SECRET_BYTES_MAX, &content, err);
    if (code != ERR_OK) {
        goto out;
    }
    size_t length = content.length;
    while (length > 0 && isspace((unsigned char)content.bytes[length - 1])) {
        length--;
    }
    if (length == 0) {
        code = err_set(err, ERR_INVALID, "%s is empty", path);
        goto out;
    }
    content.bytes[length] = '\0';
    code = config_state_set(state, index, place, content.bytes, err);
    if (code != ERR_OK) {
        goto out;
    }
    state->values[index].path = strdup(path);
    if (state->values[index].path == NULL) {
        code = out_of_memory(err);
    }
out:
    if (content.bytes != NULL) {
        explicit_bzero(content.bytes, content.capacity);
    }
    buf_release(&content);
    return code;
}

void config_state_describe_place(const struct config_state *state, size_t index, struct buf *text) {
    const struct config_value *value = &state->values[index];
    char flag[CONFIG_NAME_BYTES_MAX];
    switch (value->place) {
    case CONFIG_PLACE_DEFAULT:
        buf_append_text(text, "default");
        break;
    case CONFIG_PLACE_CREDENTIAL:
        buf_append_text(text, "credential");
        break;
    case CONFIG_PLACE_FILE:
        buf_append_format(text, "%s:%d", state->config_path, value->file_line);
        break;
    case CONFIG_PLACE_ENVIRONMENT:
        buf_append_text(text, "environment");
        break;
    case CONFIG_PLACE_FLAG:
        config_flag_name(state->table, index, flag);
        buf_append_format(text, "flag --%s", flag);
        break;
    }
    if (value->path != NULL) {
        buf_append_format(text, ", from %s", value->path);
    }
}

void config_state_describe(const struct config_state *state, size_t index, struct buf *text) {
    buf_append_format(text, "%s (", state->table->entries[index].name);
    config_state_describe_place(state, index, text);
    buf_append_text(text, ")");
}

static enum err_code slurp_descriptor(int fd, const char *path, size_t bytes_max,
                                      struct buf *content, struct err *err) {
    char chunk[4096];
    enum err_code code = ERR_OK;
    ssize_t got = 0;
    do {
        got = read(fd, chunk, sizeof chunk);
        if (got > 0) {
            buf_append(content, chunk, (size_t)got);
        }
    } while ((got > 0 || (got < 0 && errno == EINTR)) && !buf_failed(content));
    if (got < 0) {
        code = err_set_errno(err, ERR_INVALID, errno, "cannot read %s", path);
    } else if (buf_failed(content)) {
        code = err_set(err, ERR_INVALID, "%s has more than %zu bytes", path, bytes_max);
    } else if (memchr(buf_text(content), '\0', content->length) != NULL) {
        code = err_set(err, ERR_INVALID, "%s has a NUL byte in it: it is no text", path);
    }
    explicit_bzero(chunk, sizeof chunk);
    return code;
}

enum err_code config_slurp(const char *path, size_t bytes_max, struct buf *content,
                           struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID;
        return err_set_errno(err, code, errno, "cannot open %s", path);
    }
    enum err_code code = slurp_descriptor(fd, path, bytes_max, content, err);
    (void)close(fd);
    return code;
}
