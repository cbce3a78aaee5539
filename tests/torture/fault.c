#include "tests/torture/fault.h"

#include <assert.h>

static struct {
    bool is_armed, is_lasting, has_struck;
    enum fault_kind kind;
    int calls_left;
    int exempt_count;
} fault;

const char *fault_name(enum fault_kind kind) {
    static const char *const names[FAULT_KINDS] = {
        [FAULT_MEMORY] = "memory", [FAULT_READ] = "read",
        [FAULT_WRITE] = "write",   [FAULT_FULL] = "full",
        [FAULT_SYNC] = "sync",     [FAULT_TRUNCATE] = "truncate",
        [FAULT_DELETE] = "delete", [FAULT_OPEN] = "open",
        [FAULT_LOCK] = "lock",     [FAULT_SHARED_MEMORY] = "shared-memory",
        [FAULT_FILE] = "file",
    };
    return names[kind];
}

void fault_arm(enum fault_kind kind, int calls_before, bool is_lasting) {
    assert(!fault.is_armed && fault.exempt_count == 0);
    fault.is_armed = true;
    fault.is_lasting = is_lasting;
    fault.has_struck = false;
    fault.kind = kind;
    fault.calls_left = calls_before;
}

bool fault_disarm(void) {
    fault.is_armed = false;
    return fault.has_struck;
}

bool fault_strikes(enum fault_kind kind) {
    if (!fault.is_armed || fault.kind != kind || fault.exempt_count > 0) {
        return false;
    }
    if (fault.has_struck) {
        return fault.is_lasting;
    }
    fault.has_struck = fault.calls_left-- == 0;
    return fault.has_struck;
}

void fault_exempt(void) {
    fault.exempt_count++;
}

void fault_resume(void) {
    assert(fault.exempt_count > 0);
    fault.exempt_count--;
}
