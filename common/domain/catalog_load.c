#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/domain/catalog.h"

/* Reads to the end, one byte more than allowed at most. Returns 0 or an errno value. */
static int read_all(int file, char *bytes, size_t room, size_t *byte_count_out) {
    size_t count = 0;
    while (count < room) {
        ssize_t got = read(file, bytes + count, room - count);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            count += (size_t)got;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    *byte_count_out = count;
    return 0;
}

static enum err_code parse_file(int file, const char *path, struct catalog **catalog_out,
                                struct err *err) {
    size_t room = (size_t)CATALOG_FILE_BYTES_MAX + 1;
    char *bytes = malloc(room);
    if (bytes == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while reading %s", path);
    }
    size_t byte_count = 0;
    enum err_code code;
    int failure = read_all(file, bytes, room, &byte_count);
    if (failure != 0) {
        code = err_set_errno(err, ERR_INVALID, failure, "can't read the catalog %s", path);
    } else if (byte_count == room) {
        code = err_set(err, ERR_INVALID, "the catalog %s is larger than 16 MiB", path);
    } else {
        code = catalog_parse(path, bytes, byte_count, catalog_out, err);
    }
    free(bytes);
    return code;
}

enum err_code catalog_load(const char *path, struct catalog **catalog_out, struct err *err) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return err_set_errno(err, ERR_INVALID, errno, "can't open the catalog %s", path);
    }
    enum err_code code = parse_file(file, path, catalog_out, err);
    close(file);
    return code;
}
