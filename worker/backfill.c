#include "worker/backfill.h"

#include <string.h>

static const char off[] = "\"backfill\":false}}}";
static const char on[] = "\"backfill\":true}}}";

static bool ends_in(const char *payload, size_t payload_bytes, const char *end, size_t end_bytes) {
    return payload_bytes >= end_bytes &&
           memcmp(payload + payload_bytes - end_bytes, end, end_bytes) == 0;
}

bool backfill_turn(char *payload, size_t *payload_bytes) {
    if (ends_in(payload, *payload_bytes, on, sizeof on - 1)) {
        return true;
    }
    if (!ends_in(payload, *payload_bytes, off, sizeof off - 1)) {
        return false;
    }
    memcpy(payload + *payload_bytes - (sizeof off - 1), on, sizeof on - 1);
    *payload_bytes -= sizeof off - sizeof on;
    return true;
}
