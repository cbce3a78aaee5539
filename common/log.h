#pragma once
/*
 * One line on stderr for each thing worth knowing: a message and named fields.
 *
 * Formats: `text` for people, `json` for collectors (one object a line: ts, level, msg, component,
 * then the fields), `journal` for systemd's native fields (upper-cased names). `auto` takes the
 * journal when stderr is connected to it, text on a terminal, json otherwise. `journal` on a machine
 * that has none becomes text.
 *
 * Never log an e-mail address, a payload or a secret; ids only. Control characters, C1 controls and
 * U+2028/9 are escaped, invalid UTF-8 is replaced, a field is cut at LOG_FIELD_BYTES_MAX, so a
 * hostile value can neither forge a line nor flood one.
 *
 * Threads: any; a line is written with one write(2) and is never mixed with another's.
 * Failure: a line that cannot be written is lost; logging never fails its caller.
 *
 * A loop that writes thousands of lines a second lets them gather (log_gather) and writes them once a
 * turn (log_flush): until then they are only in this process.
 */
#include <stdint.h>

#include "common/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JSON, LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL };

enum { LOG_FIELD_BYTES_MAX = 2048, LOG_FIELDS_MAX = 24 };

enum log_kind {
    LOG_KIND_END = 0,
    LOG_KIND_MESSAGE,
    LOG_KIND_TEXT,
    LOG_KIND_INTEGER,
    LOG_KIND_NUMBER
};

struct log_field {
    enum log_kind kind;
    const char *name;
    const char *text; /* LOG_KIND_MESSAGE, LOG_KIND_TEXT; a NULL or empty text drops the field */
    int64_t integer;
    double number;
};

#define LOG_MSG(value)                                                                             \
    { .kind = LOG_KIND_MESSAGE, .name = "msg", .text = (value) }
#define LOG_TEXT(key, value)                                                                       \
    { .kind = LOG_KIND_TEXT, .name = (key), .text = (value) }
#define LOG_INT(key, value)                                                                        \
    { .kind = LOG_KIND_INTEGER, .name = (key), .integer = (value) }
#define LOG_NUMBER(key, value)                                                                     \
    { .kind = LOG_KIND_NUMBER, .name = (key), .number = (value) }

/* log_info(LOG_MSG("attempt"), LOG_TEXT("preorder_id", id), LOG_INT("http_status", 202)); */
#define log_at(level, ...) log_write((level), (const struct log_field[]){__VA_ARGS__, {0}})
#define log_error(...)     log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...)   log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)      log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)     log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Call once in main before threads start. `component` ("api", "worker", …) is borrowed for ever.
   Before this call lines go out as text at level info. Also call it before anything is opened that
   stays open: a missing standard descriptor is put in place, so that no file gets its number. */
void log_init(const char *component, enum log_format format, enum log_level level);

/* May be called at any time (SIGHUP). */
void log_set_level(enum log_level level);

/* From here on lines wait for log_flush: those of level info and debug, in the formats that go to
   stderr. A warning or an error takes all before it along at once; so does a full buffer (64 KiB),
   and exit(3). Who may be killed at any time flushes before others can see what a line tells. */
void log_gather(void);
void log_flush(void);

/* `fields` ends with an entry of kind LOG_KIND_END and has at most LOG_FIELDS_MAX entries. */
void log_write(enum log_level level, const struct log_field *fields);

/* Names as in PREORDER_LOG_LEVEL and PREORDER_LOG_FORMAT. ERR_INVALID: `text` is no such name. */
CHECKED enum err_code log_level_parse(const char *text, enum log_level *level_out, struct err *err);
CHECKED enum err_code log_format_parse(const char *text, enum log_format *format_out,
                                       struct err *err);
