#include <ctype.h>
#include <ini.h>
#include <string.h>

#include "common/config/state.h"

#if INI_HANDLER_LINENO
#error "this inih hands line numbers to its handler: take_setting must accept one"
#endif

/* The config file while inih reads it. inih tells no line numbers, so the reader counts. */
struct reading {
    struct config_state *state;
    const char *rest;   /* of the file's text */
    int line;           /* of what inih works on now */
    bool is_too_long;   /* that line */
    enum err_code code; /* of the first bad setting */
    struct err *err;
};

/* As fgets, but leading white space is dropped, so that inih takes no line for the continuation of
   the one before: a value of two lines would come as the same key twice. */
static char *read_line(char *line, int room, void *context) {
    struct reading *reading = context;
    if (*reading->rest == '\0' || reading->code != ERR_OK) {
        return NULL; /* ends the parsing */
    }
    reading->line++;
    const char *start = reading->rest;
    size_t length = strcspn(start, "\n");
    reading->rest = start + length + (start[length] == '\n');
    while (length > 0 && isspace((unsigned char)*start)) {
        start++;
        length--;
    }
    if (length + 2 > (size_t)room) {
        reading->is_too_long = true;
        return NULL;
    }
    memcpy(line, start, length);
    line[length] = '\n';
    line[length + 1] = '\0';
    return line;
}

static enum err_code set(struct reading *reading, size_t index, enum config_name_kind kind,
                         const char *text) {
    if (kind == CONFIG_NAME_OF_PATH) {
        return config_state_set_from_path(reading->state, index, CONFIG_PLACE_FILE, text,
                                          reading->err);
    }
    return config_state_set(reading->state, index, CONFIG_PLACE_FILE, text, reading->err);
}

static enum err_code take_setting(struct reading *reading, const char *name, const char *text) {
    struct config_state *state = reading->state;
    size_t index = 0;
    enum config_name_kind kind = config_find_variable(state->table, name, &index);
    if (kind == CONFIG_NAME_UNKNOWN) {
        kind = config_find_flag(state->table, name, &index);
    }
    if (kind == CONFIG_NAME_UNKNOWN) {
        return config_unknown_setting(state->table, name, reading->err);
    }
    struct config_value *value = &state->values[index];
    if (value->file_line != 0) {
        return err_set(reading->err, ERR_INVALID, "%s is given in line %d already: leave one out",
                       state->table->entries[index].name, value->file_line);
    }
    value->file_line = reading->line;
    if (set(reading, index, kind, text) != ERR_OK) {
        struct err *err = reading->err;
        err->code = err->code == ERR_NOT_FOUND ? ERR_INVALID : err->code;
        return err_wrap(err, "%s", name);
    }
    return ERR_OK;
}

static int handle_setting(void *context, const char *section, const char *name, const char *value) {
    struct reading *reading = context;
    (void)section;
    reading->code = take_setting(reading, name, value);
    if (reading->code != ERR_OK) {
        reading->code = err_wrap(reading->err, "%s:%d", reading->state->config_path, reading->line);
    }
    return 1;
}

static enum err_code parse(struct config_state *state, const char *text, struct err *err) {
    struct reading reading = {.state = state, .rest = text, .err = err};
    ini_max_line = CONFIG_LINE_BYTES_MAX;
    int bad_line = ini_parse_stream(read_line, &reading, handle_setting, &reading);
    if (reading.code != ERR_OK) {
        return reading.code;
    }
    if (reading.is_too_long) {
        return err_set(err, ERR_INVALID, "%s:%d: the line is longer than %d bytes",
                       state->config_path, reading.line, CONFIG_LINE_BYTES_MAX - 2);
    }
    if (bad_line > 0) {
        return err_set(err, ERR_INVALID,
                       "%s:%d: neither NAME = VALUE, nor [section], nor a comment",
                       state->config_path, bad_line);
    }
    return ERR_OK;
}

enum err_code config_read_file(struct config_state *state, struct err *err) {
    if (state->config_path == NULL) {
        return ERR_OK;
    }
    struct buf content;
    buf_init(&content, CONFIG_FILE_BYTES_MAX);
    enum err_code code = config_slurp(state->config_path, CONFIG_FILE_BYTES_MAX, &content, err);
    if (code == ERR_OK) {
        code = parse(state, buf_text(&content), err);
    } else {
        err->code = ERR_INVALID;
        code = err_wrap(err, "--config");
    }
    if (content.bytes != NULL) {
        explicit_bzero(content.bytes, content.capacity); /* secrets may be in it */
    }
    buf_release(&content);
    return code;
}
