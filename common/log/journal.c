/* Where a line stands in our source is of no use to an operator. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <assert.h>
#include <ctype.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/log/format.h"

static void begin_part(struct log_journal_message *message, struct log_line *line,
                       const char *name) {
    message->part_start = line->length;
    for (const char *next = name; *next != '\0'; next++) {
        unsigned char byte = (unsigned char)*next;
        char upper[2] = {(char)(isalnum(byte) ? (toupper)(byte) : '_'), '\0'};
        log_line_append(line, upper);
    }
    log_line_append(line, "=");
}

static void end_part(struct log_journal_message *message, struct log_line *line) {
    assert((size_t)message->part_count < sizeof message->parts / sizeof message->parts[0]);
    message->parts[message->part_count++] = (struct iovec){
        .iov_base = line->bytes + message->part_start,
        .iov_len = line->length - message->part_start,
    };
}

static void add_text(struct log_journal_message *message, struct log_line *line, const char *name,
                     const char *text) {
    begin_part(message, line, name);
    log_line_append_escaped(line, text, LOG_ESCAPE_CONTROLS);
    end_part(message, line);
}

static void add_field(struct log_journal_message *message, struct log_line *line,
                      const struct log_field *field) {
    if (field->kind == LOG_KIND_TEXT) {
        add_text(message, line, field->name, field->text);
        return;
    }
    begin_part(message, line, field->name);
    log_line_append_number(line, field, "nan");
    end_part(message, line);
}

static void add_priority(struct log_journal_message *message, struct log_line *line,
                         enum log_level level) {
    static const char *const digits[] = {
        [LOG_LEVEL_ERROR] = "3",   /* LOG_ERR of syslog.h */
        [LOG_LEVEL_WARNING] = "4", /* LOG_WARNING */
        [LOG_LEVEL_INFO] = "6",    /* LOG_INFO */
        [LOG_LEVEL_DEBUG] = "7",   /* LOG_DEBUG */
    };
    add_text(message, line, "PRIORITY", digits[level]);
}

void log_journal_build(struct log_line *line, const struct log_entry *entry,
                       struct log_journal_message *message) {
    message->part_count = 0;
    add_priority(message, line, entry->level);
    /* `journalctl` shows nothing but MESSAGE: without the fields it would tell people nothing. */
    begin_part(message, line, "MESSAGE");
    log_line_append_message(line, entry);
    end_part(message, line);
    if (entry->component != NULL) {
        add_text(message, line, "COMPONENT", entry->component);
    }
    for (const struct log_field *field = entry->fields; field->kind != LOG_KIND_END; field++) {
        if (log_field_is_shown(field)) {
            add_field(message, line, field);
        }
    }
}

bool log_journal_is_there(void) {
    return access("/run/systemd/journal/socket", W_OK) == 0;
}

enum err_code log_journal_send(struct log_line *line, const struct log_entry *entry,
                               struct err *err) {
    struct log_journal_message message;
    log_journal_build(line, entry, &message);
    int result = sd_journal_sendv(message.parts, message.part_count);
    if (result < 0) {
        return err_set_errno(err, ERR_BUSY, -result, "the journal did not take a line");
    }
    return ERR_OK;
}
