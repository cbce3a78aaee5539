#include "worker/name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/domain/ident.h"

enum { HOST_CHARS_MAX = 32, BOOT_ID_CHARS = 8 };

static bool is_usual(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

void worker_name(const char *host_id, int64_t pid, const struct random *random,
                 char name_out[WORKER_NAME_BYTES]) {
    char host[HOST_CHARS_MAX + 1] = {0};
    size_t chars_max = ident_parse(host_id, NULL) ? BOOT_ID_CHARS : HOST_CHARS_MAX;
    for (size_t i = 0; i < chars_max && host_id[i] != '\0'; i++) {
        host[i] = is_usual(host_id[i]) ? host_id[i] : '_';
    }
    uint32_t start = 0;
    random_fill(random, &start, sizeof start);
    int length =
        snprintf(name_out, WORKER_NAME_BYTES, "%s:%" PRId64 ":%08" PRIx32, host, pid, start);
    assert(length > 0 && length < WORKER_NAME_BYTES);
}
