#pragma once
/*
 * Which call is to fail: the n-th of its kind since the fault was armed, alone or with all that
 * follow. Whoever can refuse a call asks fault_strikes; what belongs to the test itself is exempt.
 */
#include <stdbool.h>

enum fault_kind {
    FAULT_MEMORY, /* an allocation: ours, jansson's (through ours), SQLite's, OpenSSL's */
    FAULT_READ,
    FAULT_WRITE,
    FAULT_FULL, /* a write that finds no room */
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_DELETE,
    FAULT_OPEN,
    FAULT_LOCK,          /* of the file, or of a part of the shared memory */
    FAULT_SHARED_MEMORY, /* mapping it */
    FAULT_FILE,          /* what we do with files of our own: open, lock */
    FAULT_KINDS
};

const char *fault_name(enum fault_kind kind);

void fault_arm(enum fault_kind kind, int calls_before, bool is_lasting);
/* True if it ever struck. */
bool fault_disarm(void);

bool fault_strikes(enum fault_kind kind);

/* Between these two nothing strikes; they nest. */
void fault_exempt(void);
void fault_resume(void);
