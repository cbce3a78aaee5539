#include "tests/unit/deny.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(const char *) denied_call;
static atomic_int calls_left;
static atomic_int denied_number;
static atomic_bool is_lasting, has_struck;

void deny(const char *call, int nth, int number) {
    calls_left = nth;
    is_lasting = nth == DENY_EVERY;
    denied_number = number;
    has_struck = false;
    denied_call = call;
}

bool deny_end(void) {
    denied_call = NULL;
    return has_struck;
}

bool deny_strikes(const char *call) {
    const char *denied = denied_call;
    if (denied == NULL || strcmp(call, denied) != 0) {
        return false;
    }
    if (!is_lasting && atomic_fetch_sub(&calls_left, 1) != 1) {
        return false;
    }
    has_struck = true;
    errno = denied_number;
    return true;
}

int deny_count_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        abort();
    }
    int count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}
