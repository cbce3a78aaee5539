#pragma once
/*
 * Where a database may lie: on a file system of this machine.
 *
 * SQLite's log needs memory shared between the processes and the gate needs locks that the kernel
 * drops with their holder; a network file system gives neither dependably (sqlite.org, "How To
 * Corrupt", 2.1).
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* The name of a file system that is refused ("NFS"), by statfs(2)'s f_type; NULL if it is fine. */
const char *place_refused_name(int64_t file_system_type);

enum { PLACE_PATH_BYTES = 4096 };

/*
 * The one name of a database file, absolute and without symbolic links: the gate stands beside the
 * file under its name, and a file with two names would have two gates. A path without a file leads
 * to the name it will have; one without a folder stays as it is. ERR_INVALID: too long. ERR_FATAL:
 * no regular file, one with several hard links, a symbolic link to nothing, or not to be reached.
 */
CHECKED enum err_code place_resolve(const char *path, char resolved_out[PLACE_PATH_BYTES],
                                    struct err *err);

/* Checks the folder of `path`. ERR_FATAL: there is no such folder, or it lies on a network file
   system. */
CHECKED enum err_code place_check(const char *path, struct err *err);

enum {
    /* What a few hundred preorders take, and the shared memory that a first opener creates: below it
       the next write may or may not find room. */
    PLACE_ROOM_BYTES_MIN = 1024 * 1024,
};

/* Whether the file system of `path` has `bytes_min` left for us. ERR_BUSY: it has less. One that does
   not count its bytes has room. */
CHECKED enum err_code place_check_room(const char *path, int64_t bytes_min, struct err *err);

/* Which file stands under a path, whatever becomes of the path later. */
struct place_file {
    bool is_known; /* false: there was none */
    dev_t device;
    ino_t inode;
};
struct place_file place_identify(const char *path);
/* Whether that file still stands there; true if there was none. Opens nothing. */
bool place_is_unmoved(const char *path, const struct place_file *file);
