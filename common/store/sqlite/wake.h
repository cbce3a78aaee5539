#pragma once
/*
 * Waking idle workers when something becomes due, so that they need not ask all the time.
 *
 * Each listener binds a Unix datagram socket of a random name in the folder "<database>-wake";
 * whoever committed something new sends each of them one byte. Nothing depends on it: a lost byte
 * costs a worker one poll interval. Sockets of the dead are removed by whoever meets them.
 *
 * Threads: as the store that it belongs to.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* More than these are left to their poll. */
enum { WAKE_LISTENERS_MAX = 64, WAKE_NAME_BYTES = 33 };

struct wake {
    char path[4096];            /* of the folder */
    int folder_fd;              /* -1: not open; there is no folder until somebody listens */
    int fd;                     /* the own socket, or the one to send from; -1: none */
    char name[WAKE_NAME_BYTES]; /* of the own socket in the folder; "" for one that only sends */
    int64_t seen_at_ns;         /* the folder's change time when the names were read */
    char names[WAKE_LISTENERS_MAX][WAKE_NAME_BYTES];
    size_t name_count;
};

/* ERR_INVALID: the path is too long. Opens nothing yet. */
CHECKED enum err_code wake_init(struct wake *wake, const char *database_path, struct err *err);
void wake_close(struct wake *wake); /* removes the own socket; also right after a failed init */

/* Binds a socket, in a folder that is created if need be: wake->fd is readable whenever somebody
   sent. Once for each wake. ERR_FATAL: it can't be. */
CHECKED enum err_code wake_listen(struct wake *wake, struct err *err);
/* Takes in what was sent, true if there was anything; never blocks. */
bool wake_hear(struct wake *wake);

/* Wakes every listener; never blocks, never fails. */
void wake_send(struct wake *wake);
