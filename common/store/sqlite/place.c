#include "common/store/sqlite/place.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

_Static_assert(PLACE_PATH_BYTES >= PATH_MAX, "realpath writes up to PATH_MAX bytes");

/* Numbers from linux/magic.h and statfs(2); those that these headers lack are spelled out. */
static const struct {
    int64_t type;
    const char *name;
} refused[] = {
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x01021997, "9P"},
    {0x65735546, "FUSE"},
    {0x5346414f, "AFS"},
    {0x73757245, "Coda"},
    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"},
    {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},
    {0x47504653, "GPFS"},
    {0x564c, "NCP"},
    {0x19830326, "FhGFS/BeeGFS"},
    {0x786f4256, "VirtualBox"},
    {0xbacbacbc, "VMware"},
    {0x013111a8, "IBRIX"},
};

const char *place_refused_name(int64_t file_system_type) {
    /* f_type is signed on some machines: compare its 32 bits. */
    uint32_t wanted = (uint32_t)file_system_type;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if ((uint32_t)refused[i].type == wanted) {
            return refused[i].name;
        }
    }
    return NULL;
}

/* Of a path that the kernel has taken. */
static void folder_of(const char *path, char folder[PLACE_PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    int length = slash == NULL
                     ? snprintf(folder, PLACE_PATH_BYTES, ".")
                     : snprintf(folder, PLACE_PATH_BYTES, "%.*s/", (int)(slash - path), path);
    assert(length > 0 && length < PLACE_PATH_BYTES);
}

static CHECKED enum err_code resolve_file(const char *path, char resolved_out[PLACE_PATH_BYTES],
                                          struct err *err) {
    struct stat status;
    if (realpath(path, resolved_out) == NULL || stat(resolved_out, &status) != 0) {
        return errno == ENOENT
                   ? err_set(err, ERR_FATAL, "the database %s is a symbolic link to nothing", path)
                   : err_set_errno(err, ERR_FATAL, errno, "cannot use the database %s", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(err, ERR_FATAL, "the database %s is no file", path);
    }
    if (status.st_nlink > 1) {
        return err_set(err, ERR_FATAL,
                       "the database %s has several names (hard links), each would have a log and "
                       "a gate of its own: leave one",
                       path);
    }
    return ERR_OK;
}

/* Of a file that is not there yet. */
static CHECKED enum err_code resolve_folder(const char *path, char resolved_out[PLACE_PATH_BYTES],
                                            struct err *err) {
    char folder[PLACE_PATH_BYTES];
    folder_of(path, folder);
    char real_folder[PLACE_PATH_BYTES];
    bool is_there = realpath(folder, real_folder) != NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int length = is_there ? snprintf(resolved_out, PLACE_PATH_BYTES, "%s/%s",
                                     strcmp(real_folder, "/") == 0 ? "" : real_folder, name)
                          : snprintf(resolved_out, PLACE_PATH_BYTES, "%s", path);
    assert(length > 0);
    return length < PLACE_PATH_BYTES ? ERR_OK
                                     : err_set(err, ERR_INVALID, "the database's path is too long");
}

enum err_code place_resolve(const char *path, char resolved_out[PLACE_PATH_BYTES],
                            struct err *err) {
    struct stat status;
    if (lstat(path, &status) == 0) {
        return resolve_file(path, resolved_out, err);
    }
    return errno == ENOENT
               ? resolve_folder(path, resolved_out, err)
               : err_set_errno(err, ERR_FATAL, errno, "cannot use the database %s", path);
}

enum err_code place_check(const char *path, struct err *err) {
    char folder[PLACE_PATH_BYTES];
    folder_of(path, folder);
    struct statfs status;
    if (statfs(folder, &status) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot use the folder %s of the database",
                             folder);
    }
    const char *name = place_refused_name((int64_t)status.f_type);
    if (name != NULL) {
        return err_set(err, ERR_FATAL,
                       "%s lies on a network file system (%s), where SQLite loses data: move the "
                       "database to a local disk",
                       folder, name);
    }
    return ERR_OK;
}

enum err_code place_check_room(const char *path, int64_t bytes_min, struct err *err) {
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        return err_set_errno(err, ERR_BUSY, errno, "cannot look at the file system of %s", path);
    }
    int64_t left = (int64_t)status.f_bavail * (int64_t)status.f_frsize;
    if (status.f_blocks > 0 && left < bytes_min) {
        return err_set(err, ERR_BUSY, "the disk of %s is full (%" PRId64 " KiB left): make room",
                       path, left / 1024);
    }
    return ERR_OK;
}

struct place_file place_identify(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return (struct place_file){0};
    }
    return (struct place_file){.is_known = true, .device = status.st_dev, .inode = status.st_ino};
}

bool place_is_unmoved(const char *path, const struct place_file *file) {
    struct stat status;
    if (!file->is_known) {
        return true;
    }
    return stat(path, &status) == 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}
