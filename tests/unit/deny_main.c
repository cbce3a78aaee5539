/*
 * A whole program with a call that fails: DENY=memory:3 in its environment denies it the third allocation of its own
 * code (deny.h). At its end it writes whether it came to that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/deny.h"

enum { CALL_BYTES = 32 };

static char call[CALL_BYTES];

__attribute__((constructor)) static void begin(void) {
    const char *asked = getenv("DENY");
    int nth = 0;
    if (asked == NULL || sscanf(asked, "%31[^:]:%d", call, &nth) != 2 || nth < 1) {
        fputs("DENY is not CALL:NTH\n", stderr);
        abort();
    }
    deny(call, nth, ENOMEM);
}

__attribute__((destructor)) static void end(void) {
    if (deny_end()) {
        fputs("denied\n", stderr);
    }
}
