#pragma once
/*
 * How a log entry looks: one function a format, each filling a line of bounded size. Only log.c and
 * the formats themselves use this.
 *
 * The line is large enough for LOG_FIELDS_MAX fields of LOG_FIELD_BYTES_MAX bytes after escaping, so
 * nothing is ever lost but the rest of an over-long field. Nothing is allocated: a process out of
 * memory can still say so.
 *
 * Threads: one at a time a line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"
#include "common/log.h"

enum {
    LOG_NAME_BYTES_MAX = 64, /* of a field's name: what the journal allows */
    LOG_TEXT_BYTES_MAX = (LOG_FIELDS_MAX + 3) * (LOG_FIELD_BYTES_MAX + LOG_NAME_BYTES_MAX + 16),
    /* Twice, because the journal gets each field by its name and once more in the message. */
    LOG_LINE_BYTES_MAX = 2 * LOG_TEXT_BYTES_MAX,
};

struct log_line {
    char bytes[LOG_LINE_BYTES_MAX];
    size_t length;
};

struct log_entry {
    enum log_level level;
    int64_t wall_ms;
    const char *component;          /* NULL before log_init */
    const struct log_field *fields; /* ends with LOG_KIND_END */
};

/* The name as in PREORDER_LOG_LEVEL. */
const char *log_level_name(enum log_level level);

/* The message among the fields, "" if there is none. */
const char *log_entry_message(const struct log_entry *entry);

/* Whether the field is to be shown after the message: neither message nor empty text. */
bool log_field_is_shown(const struct log_field *field);

void log_line_append(struct log_line *line, const char *text);

enum log_escape {
    LOG_ESCAPE_CONTROLS, /* what could forge or hide a line */
    LOG_ESCAPE_QUOTES,   /* that, and '"' and '\\': what stands between quotes, JSON too */
};

/* Appends at most LOG_FIELD_BYTES_MAX bytes of `text` escaped; "…" stands for what was cut. */
void log_line_append_escaped(struct log_line *line, const char *text, enum log_escape escape);

/* Appends the number of a LOG_KIND_INTEGER or LOG_KIND_NUMBER field. Infinite numbers and NaN become
   `not_finite`. The decimal point is a point in every locale. */
void log_line_append_number(struct log_line *line, const struct log_field *field,
                            const char *not_finite);

/* Each appends the whole entry, with the newline that ends it. */
void log_line_append_json(struct log_line *line, const struct log_entry *entry);
void log_line_append_text(struct log_line *line, const struct log_entry *entry);

/* As text, but from the message on and without the newline. */
void log_line_append_message(struct log_line *line, const struct log_entry *entry);

/* ---- The journal ---- */

/* The fields of one entry, NAME=value each, all within one line's bytes. */
struct log_journal_message {
    struct iovec parts[LOG_FIELDS_MAX + 3]; /* priority, message, component */
    int part_count;
    size_t part_start; /* in the line, of the part that is being written */
};

void log_journal_build(struct log_line *line, const struct log_entry *entry,
                       struct log_journal_message *message);

/* Without a journal libsystemd drops what it is given and says nothing. */
bool log_journal_is_there(void);

/* Sends the entry, with `line` as scratch. ERR_BUSY: the journal did not take it. */
CHECKED enum err_code log_journal_send(struct log_line *line, const struct log_entry *entry,
                                       struct err *err);
