#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log/format.h"
#include "common/streams.h"

/* The one log of a process: set up once by main, written by any thread. */
static const char *log_component;
static enum log_format log_chosen_format = LOG_FORMAT_TEXT;
static atomic_int log_chosen_level = LOG_LEVEL_INFO;

static pthread_mutex_t log_line_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_line log_line; /* guarded by log_line_mutex */

/* Lines that wait for log_flush; guarded by log_line_mutex. */
static struct {
    bool is_on;
    char bytes[64 * 1024];
    size_t length;
} log_gathered;

/* systemd sets JOURNAL_STREAM to the device and inode of the socket it put in place of stderr; a
   redirected stderr has others (systemd.exec(5)). */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat stat;
    if (stream == NULL || fstat(STDERR_FILENO, &stat) != 0) {
        return false; /* not even /dev/null could be put in place of stderr */
    }
    char expected[64];
    int length = snprintf(expected, sizeof expected, "%ju:%ju", (uintmax_t)stat.st_dev,
                          (uintmax_t)stat.st_ino);
    assert(length > 0 && (size_t)length < sizeof expected);
    return strcmp(expected, stream) == 0;
}

static enum log_format resolve_format(enum log_format format) {
    if (format == LOG_FORMAT_JOURNAL || (format == LOG_FORMAT_AUTO && stderr_is_journal())) {
        return log_journal_is_there() ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
    }
    if (format == LOG_FORMAT_AUTO) {
        return isatty(STDERR_FILENO) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    }
    return format;
}

void log_init(const char *component, enum log_format format, enum log_level level) {
    streams_reserve();
    log_component = component;
    log_chosen_format = resolve_format(format);
    log_set_level(level);
}

void log_set_level(enum log_level level) {
    atomic_store(&log_chosen_level, (int)level);
}

static void lock(void) {
    int result = pthread_mutex_lock(&log_line_mutex);
    assert(result == 0);
}

static void unlock(void) {
    int result = pthread_mutex_unlock(&log_line_mutex);
    assert(result == 0);
}

/* One write(2) unless the kernel takes only a part. */
static void write_bytes(const char *bytes, size_t length) {
    size_t written = 0;
    while (written < length) {
        ssize_t result = write(STDERR_FILENO, bytes + written, length - written);
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result <= 0) {
            return; /* nobody is left to be told */
        }
        written += (size_t)result;
    }
}

static void write_gathered(void) {
    write_bytes(log_gathered.bytes, log_gathered.length);
    log_gathered.length = 0;
}

static void write_line(const struct log_line *line, enum log_level level) {
    static_assert(sizeof log_gathered.bytes >= LOG_TEXT_BYTES_MAX, "any line can wait");
    assert(line->length <= LOG_TEXT_BYTES_MAX);
    bool may_wait = log_gathered.is_on && level > LOG_LEVEL_WARNING;
    if (!may_wait || line->length > sizeof log_gathered.bytes - log_gathered.length) {
        write_gathered();
    }
    if (!may_wait) {
        write_bytes(line->bytes, line->length);
        return;
    }
    memcpy(log_gathered.bytes + log_gathered.length, line->bytes, line->length);
    log_gathered.length += line->length;
}

static void write_entry(struct log_line *line, const struct log_entry *entry) {
    struct err ignored;
    line->length = 0;
    switch (log_chosen_format) {
    case LOG_FORMAT_JOURNAL:
        if (log_journal_send(line, entry, &ignored) == ERR_OK) {
            return;
        }
        line->length = 0;
        log_line_append_text(line, entry);
        break;
    case LOG_FORMAT_JSON:
        log_line_append_json(line, entry);
        break;
    case LOG_FORMAT_AUTO: /* log_init has resolved it */
    case LOG_FORMAT_TEXT:
        log_line_append_text(line, entry);
        break;
    }
    write_line(line, entry->level);
}

static void check_fields(const struct log_field *fields) {
    size_t field_count = 0;
    for (; fields[field_count].kind != LOG_KIND_END; field_count++) {
        assert(field_count < LOG_FIELDS_MAX);
        assert(strlen(fields[field_count].name) <= LOG_NAME_BYTES_MAX);
    }
}

void log_write(enum log_level level, const struct log_field *fields) {
    if ((int)level > atomic_load(&log_chosen_level)) {
        return;
    }
    check_fields(fields);
    int saved_errno = errno;
    struct log_entry entry = {
        .level = level,
        .wall_ms = clock_wall_ms(clock_system()),
        .component = log_component,
        .fields = fields,
    };
    lock();
    write_entry(&log_line, &entry);
    unlock();
    errno = saved_errno;
}

void log_gather(void) {
    lock();
    bool is_first = !log_gathered.is_on;
    log_gathered.is_on = true;
    unlock();
    if (is_first) {
        (void)atexit(log_flush); /* at worst the last turn's lines are lost */
    }
}

void log_flush(void) {
    int saved_errno = errno;
    lock();
    write_gathered();
    unlock();
    errno = saved_errno;
}

enum err_code log_level_parse(const char *text, enum log_level *level_out, struct err *err) {
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(text, log_level_name(level)) == 0) {
            *level_out = level;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "\"%s\" is no log level: error, warning, info, debug", text);
}

enum err_code log_format_parse(const char *text, enum log_format *format_out, struct err *err) {
    static const char *const names[] = {
        [LOG_FORMAT_AUTO] = "auto",
        [LOG_FORMAT_JSON] = "json",
        [LOG_FORMAT_TEXT] = "text",
        [LOG_FORMAT_JOURNAL] = "journal",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *format_out = (enum log_format)i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "\"%s\" is no log format: auto, json, text, journal", text);
}
