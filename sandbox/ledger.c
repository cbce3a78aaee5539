#include "sandbox/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "sandbox/escape.h"

/* Lines are handed to the kernel in pieces of about this size, so a turn's memory stays bounded. */
enum { PIECE_BYTES = 1024 * 1024, PENDING_BYTES_MAX = 8 * 1024 * 1024 };

struct ledger {
    int fd;
    char *path;
    struct buf pending;
    int64_t unsynced_count;
    int write_errno; /* the first failure; sticks */
};

static enum err_code read_line(json_t *json, ledger_reader *reader, void *context,
                               struct err *err) {
    struct ledger_line line = {
        .at_ms = json_integer_value(json_object_get(json, "at_ms")),
        .path = json_string_value(json_object_get(json, "path")),
        .unique_id = json_string_value(json_object_get(json, "unique_id")),
        .email = json_string_value(json_object_get(json, "email")),
        .metric = json_string_value(json_object_get(json, "metric")),
        .is_duplicate = json_is_true(json_object_get(json, "duplicate")),
    };
    const char *sha256 = json_string_value(json_object_get(json, "sha256"));
    if (line.path == NULL || line.unique_id == NULL || line.metric == NULL || sha256 == NULL) {
        return err_set(err, ERR_FATAL, "a member is missing");
    }
    (void)snprintf(line.sha256, sizeof(line.sha256), "%s", sha256);
    return reader(context, &line, err);
}

static enum err_code read_text(const char *text, ssize_t length, ledger_reader *reader,
                               void *context, struct err *err) {
    json_error_t error;
    json_t *json = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        return err_set(err, ERR_FATAL, "not a line of a ledger: %s", error.text);
    }
    enum err_code code = read_line(json, reader, context, err);
    json_decref(json);
    return code;
}

/* Reads all whole lines; *whole_bytes_out is where they end. */
static enum err_code read_all(struct ledger *ledger, ledger_reader *reader, void *context,
                              off_t *whole_bytes_out, struct err *err) {
    int fd = fcntl(ledger->fd, F_DUPFD_CLOEXEC, 0);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_set_errno(err, ERR_FATAL, errno, "ledger %s: cannot be read", ledger->path);
    }
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    off_t whole_bytes = 0;
    enum err_code code = ERR_OK;
    for (int64_t number = 1; code == ERR_OK; number++) {
        length = getline(&text, &capacity, file);
        if (length < 0 || text[length - 1] != '\n') {
            break;
        }
        code = read_text(text, length, reader, context, err);
        if (code != ERR_OK) {
            code = err_wrap(err, "ledger %s, line %lld", ledger->path, (long long)number);
        }
        whole_bytes += length;
    }
    if (code == ERR_OK && ferror(file)) {
        code = err_set(err, ERR_FATAL, "ledger %s: cannot be read to its end", ledger->path);
    }
    free(text);
    (void)fclose(file);
    *whole_bytes_out = whole_bytes;
    return code;
}

/* A new file's name is durable only once its folder is. */
static enum err_code sync_folder(const char *path, struct err *err) {
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0 || fsync(fd) != 0) {
        int number = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_set_errno(err, ERR_FATAL, number, "ledger %s: its folder cannot be synced",
                             path);
    }
    (void)close(fd);
    return ERR_OK;
}

static enum err_code open_file(struct ledger *ledger, struct err *err) {
    ledger->fd = open(ledger->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger->fd < 0) {
        return err_set_errno(err, ERR_FATAL, errno, "ledger %s: cannot be opened", ledger->path);
    }
    struct stat status;
    if (fstat(ledger->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return err_set(err, ERR_FATAL, "ledger %s: is no regular file", ledger->path);
    }
    if (flock(ledger->fd, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, ERR_CONFLICT,
                       "ledger %s: another process writes it; give each sandbox "
                       "a ledger of its own",
                       ledger->path);
    }
    return sync_folder(ledger->path, err);
}

static enum err_code open_and_read(struct ledger *ledger, ledger_reader *reader, void *context,
                                   struct err *err) {
    off_t whole_bytes = 0;
    if (open_file(ledger, err) != ERR_OK ||
        read_all(ledger, reader, context, &whole_bytes, err) != ERR_OK) {
        return err->code;
    }
    if (ftruncate(ledger->fd, whole_bytes) != 0 || fdatasync(ledger->fd) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "ledger %s: cannot be made ready",
                             ledger->path);
    }
    return ERR_OK;
}

enum err_code ledger_open(const char *path, ledger_reader *reader, void *context,
                          struct ledger **ledger_out, struct err *err) {
    assert(path != NULL && reader != NULL && ledger_out != NULL);
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    char *copy = strdup(path);
    if (ledger == NULL || copy == NULL) {
        free(ledger);
        free(copy);
        return err_set(err, ERR_FATAL, "out of memory for the ledger");
    }
    ledger->fd = -1;
    ledger->path = copy;
    buf_init(&ledger->pending, PENDING_BYTES_MAX);
    enum err_code code = open_and_read(ledger, reader, context, err);
    if (code != ERR_OK) {
        ledger_close(ledger);
        return code;
    }
    *ledger_out = ledger;
    return ERR_OK;
}

void ledger_close(struct ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    if (ledger->fd >= 0) {
        (void)close(ledger->fd);
    }
    buf_release(&ledger->pending);
    free(ledger->path);
    free(ledger);
}

static void write_pending(struct ledger *ledger) {
    if (ledger->write_errno == 0 && buf_failed(&ledger->pending)) {
        ledger->write_errno = ENOMEM;
    }
    size_t written = 0;
    while (ledger->write_errno == 0 && written < ledger->pending.length) {
        ssize_t n =
            write(ledger->fd, ledger->pending.bytes + written, ledger->pending.length - written);
        if (n > 0) {
            written += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            ledger->write_errno = n == 0 ? EIO : errno;
        }
    }
    buf_clear(&ledger->pending);
}

void ledger_add(struct ledger *ledger, const struct ledger_line *line) {
    struct buf *out = &ledger->pending;
    buf_append_format(out, "{\"at_ms\":%lld,\"path\":", (long long)line->at_ms);
    escape_append_quoted(out, line->path);
    buf_append_text(out, ",\"unique_id\":");
    escape_append_quoted(out, line->unique_id);
    buf_append_text(out, ",\"email\":");
    escape_append_quoted_or_null(out, line->email);
    buf_append_text(out, ",\"metric\":");
    escape_append_quoted(out, line->metric);
    buf_append_format(out, ",\"sha256\":\"%s\",\"duplicate\":%s}\n", line->sha256,
                      line->is_duplicate ? "true" : "false");
    ledger->unsynced_count++;
    if (out->length >= PIECE_BYTES) {
        write_pending(ledger);
    }
}

enum err_code ledger_sync(struct ledger *ledger, struct err *err) {
    if (ledger->unsynced_count == 0) {
        return ERR_OK;
    }
    write_pending(ledger);
    if (ledger->write_errno == 0 && fdatasync(ledger->fd) != 0) {
        ledger->write_errno = errno;
    }
    if (ledger->write_errno != 0) {
        return err_set_errno(err, ERR_FATAL, ledger->write_errno, "ledger %s: cannot be written",
                             ledger->path);
    }
    ledger->unsynced_count = 0;
    return ERR_OK;
}

int64_t ledger_unsynced_count(const struct ledger *ledger) {
    return ledger->unsynced_count;
}
