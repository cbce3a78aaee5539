#pragma once
/*
 * The gate: one process at a time writes to the database or works its log off.
 *
 * SQLite before 3.51.3 (Debian 12: 3.40.1) can lose committed data when one process checkpoints
 * while another writes, and its busy handler starves whoever is polite. Both end when every write
 * transaction and every checkpoint of every process runs inside this gate.
 *
 * It is a file beside the database, "<database>-gate", with open-file-description locks on single
 * bytes. Background takes the queue (byte 2), passes the turnstile (byte 1), takes the gate (byte
 * 0) and keeps the queue until it leaves. A checkout tries the gate; if it is taken, it stands in
 * the turnstile and waits: for at most one holder, however many workers are busy. Byte 3 is held
 * shared by every process that has the database open. Whoever enters writes its pid into the file,
 * so that one who waits in vain can name it.
 *
 * A dead process's locks are dropped by the kernel. A process stopped inside the gate keeps it:
 * others get ERR_BUSY after their deadline.
 *
 * Threads: one gate belongs to one thread, and each opens the file for itself: two users of one
 * open file description would both own the lock. Uses the signal SIGRTMIN to end a wait.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/store.h"

struct gate {
    int fd; /* -1: closed */
    enum store_role role;
    const struct clock *clock; /* borrowed */
    bool is_held;
    bool is_shared; /* while held: another process was the last in it */
    char path[4096];
};

/* Opens (creates) the gate file of a database. `is_first_out`: nobody else has it open; the caller
   recovers the database and then calls gate_share. Otherwise waits until the first one is ready.
   ERR_BUSY: it was not ready within `timeout_ms`. */
CHECKED enum err_code gate_open(struct gate *gate, const char *database_path, enum store_role role,
                                const struct clock *clock, int64_t timeout_ms, bool *is_first_out,
                                struct err *err);
/* The first one is done with recovery: let the others in. */
CHECKED enum err_code gate_share(struct gate *gate, struct err *err);
void gate_close(struct gate *gate);

/* ERR_BUSY: not won within `timeout_ms`, the text names the holder's pid; or there is no timer for
   the wait. ERR_FATAL: the file was removed or the kernel refuses locks. */
CHECKED enum err_code gate_enter(struct gate *gate, int64_t timeout_ms, struct err *err);
void gate_leave(struct gate *gate);
