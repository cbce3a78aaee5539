#pragma once
/*
 * Which call is to fail: the n-th of its kind since the fault was armed, alone or with all that follow.
 * For a program that is linked with --wrap for what failing.c defines as __wrap_...: so only the calls
 * of our own code are reached, not those of libraries; SQLite's go through the hooks that it offers.
 */
#include <stdbool.h>

enum failing_kind {
    FAILING_OUR_MEMORY,
    FAILING_SQLITE_MEMORY,
    FAILING_DISK,     /* whatever SQLite asks of its files */
    FAILING_OUR_CALL, /* of the system, by our own code */
};

/* Once, before SQLite is used. */
void failing_install(void);

void failing_arm(enum failing_kind kind, int calls_before, bool is_lasting);
/* True if it ever struck. */
bool failing_disarm(void);

/* Nothing strikes until failing_resume is given what this returned. */
bool failing_pause(void);
void failing_resume(bool was_armed);
