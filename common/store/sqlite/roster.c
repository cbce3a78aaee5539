#include "common/store/sqlite/roster.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code roster_init(struct roster *roster, const char *database_path, struct err *err) {
    *roster = (struct roster){.fd = -1, .slot = -1};
    int length = snprintf(roster->path, sizeof roster->path, "%s-workers", database_path);
    assert(length > 0);
    if ((size_t)length >= sizeof roster->path) {
        return err_set(err, ERR_INVALID, "the database's path is too long");
    }
    return ERR_OK;
}

void roster_close(struct roster *roster) {
    if (roster->fd >= 0) {
        (void)close(roster->fd); /* the kernel drops the lock with the last descriptor */
    }
    roster->fd = -1;
    roster->slot = -1;
}

static CHECKED enum err_code refuse(const struct roster *roster, int number, const char *what,
                                    struct err *err) {
    return err_set_errno(err, ERR_FATAL, number, "cannot %s the workers' file %s", what,
                         roster->path);
}

/* The file may have been removed under us; then others lock another one and take us for dead. */
static CHECKED enum err_code check_linked(const struct roster *roster, struct err *err) {
    struct stat status;
    if (fstat(roster->fd, &status) != 0 || status.st_nlink == 0) {
        return err_set(err, ERR_FATAL,
                       "the workers' file %s was removed while in use: stop every worker, then "
                       "start them again",
                       roster->path);
    }
    return ERR_OK;
}

static struct flock byte_of(int32_t slot, short type) {
    assert(slot >= 0 && slot < ROSTER_SLOTS_MAX);
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
}

enum err_code roster_take(struct roster *roster, int32_t slot, bool *taken_out, struct err *err) {
    assert(roster->slot < 0);
    *taken_out = false;
    if (roster->fd < 0) {
        roster->fd = open(roster->path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
        if (roster->fd < 0) {
            return refuse(roster, errno, "open", err);
        }
    }
    enum err_code code = check_linked(roster, err);
    if (code != ERR_OK) {
        return code;
    }
    struct flock lock = byte_of(slot, F_WRLCK);
    if (fcntl(roster->fd, F_OFD_SETLK, &lock) == 0) {
        *taken_out = true;
        roster->slot = slot;
        return ERR_OK;
    }
    return errno == EAGAIN ? ERR_OK : refuse(roster, errno, "lock", err);
}

void roster_drop(struct roster *roster) {
    if (roster->slot >= 0) {
        struct flock lock = byte_of(roster->slot, F_UNLCK);
        int result = fcntl(roster->fd, F_OFD_SETLK, &lock);
        assert(result == 0);
        roster->slot = -1;
    }
}

enum err_code roster_has(struct roster *roster, int32_t slot, bool *has_out, struct err *err) {
    *has_out = slot == roster->slot; /* one's own lock is in nobody's way */
    if (*has_out) {
        return check_linked(roster, err);
    }
    if (roster->fd < 0) {
        roster->fd = open(roster->path, O_RDWR | O_CLOEXEC);
        if (roster->fd < 0) {
            return errno == ENOENT ? ERR_OK : refuse(roster, errno, "open", err);
        }
    }
    enum err_code code = check_linked(roster, err);
    if (code != ERR_OK) {
        return code;
    }
    struct flock lock = byte_of(slot, F_WRLCK);
    if (fcntl(roster->fd, F_OFD_GETLK, &lock) != 0) {
        return refuse(roster, errno, "look into", err);
    }
    *has_out = lock.l_type != F_UNLCK;
    return ERR_OK;
}
