#pragma once
/*
 * Who lives: one byte of the file "<database>-workers" for each running worker, locked by it for as
 * long as it has the file open. The kernel drops the lock with the process, however that ends, and
 * keeps it while the process is stopped.
 *
 * Open-file-description locks, as in the gate: each roster opens the file for itself, and must not be
 * inherited by a child that outlives its process. Threads: one roster belongs to one thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { ROSTER_SLOTS_MAX = 1024 };

struct roster {
    char path[4096];
    int fd;       /* -1: not open; nobody opens it before it is needed */
    int32_t slot; /* the byte that this one has locked; -1: none */
};

/* ERR_INVALID: the path is too long. Opens nothing yet. */
CHECKED enum err_code roster_init(struct roster *roster, const char *database_path,
                                  struct err *err);
void roster_close(struct roster *roster); /* drops the lock; also right after a failed init */

/* Locks a byte, creating the file if need be; once for each roster. *taken_out false: somebody lives
   there. ERR_FATAL: the file was removed, or the kernel refuses. */
CHECKED enum err_code roster_take(struct roster *roster, int32_t slot, bool *taken_out,
                                  struct err *err);
void roster_drop(struct roster *roster);

/* Whether anybody, this one included, has locked the byte. No file: nobody. Otherwise as above. */
CHECKED enum err_code roster_has(struct roster *roster, int32_t slot, bool *has_out,
                                 struct err *err);
