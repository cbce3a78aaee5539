#pragma once
/*
 * The ledger: one JSON line for every event that was accepted, on disk before it is answered. It is
 * the ground truth that tests compare with the database.
 *
 *   {"at_ms","path","unique_id","email","metric","sha256","duplicate"}
 *
 * Lines are collected by ledger_add and made durable together by ledger_sync (one fdatasync).
 * After a failed sync nothing may be answered any more: what is on disk is unknown.
 *
 * One process owns a ledger: it holds a lock on the file as long as it is open.
 * Ownership: ledger_open gives, ledger_close takes. Threads: one. Blocking: ledger_sync.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct ledger;

enum { LEDGER_SHA256_BYTES = 65 };

struct ledger_line {
    int64_t at_ms;
    const char *path;
    const char *unique_id;
    const char *email; /* NULL: the profile was named by something else */
    const char *metric;
    char sha256[LEDGER_SHA256_BYTES]; /* hex */
    bool is_duplicate;
};

/* Called for every line that is there at the start. */
typedef enum err_code ledger_reader(void *context, const struct ledger_line *line, struct err *err);

/*
 * Opens or creates the file and reads what it holds. A last line without its end (the process died
 * while writing it, so it was never answered) is cut off.
 * ERR_CONFLICT: another process has it. ERR_FATAL: cannot be opened, or a line is none of ours: the
 * text names file and line.
 */
CHECKED enum err_code ledger_open(const char *path, ledger_reader *reader, void *context,
                                  struct ledger **ledger_out, struct err *err);
void ledger_close(struct ledger *ledger); /* NULL is fine; what was not synced may be lost */

/* Failure shows in the next ledger_sync. */
void ledger_add(struct ledger *ledger, const struct ledger_line *line);

/* Everything added so far is on disk when this returns ERR_OK; free of cost if nothing was
   added. */
CHECKED enum err_code ledger_sync(struct ledger *ledger, struct err *err);

/* Lines added since the last sync. */
int64_t ledger_unsynced_count(const struct ledger *ledger);
