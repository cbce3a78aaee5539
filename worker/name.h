#pragma once
/*
 * A worker's id: "HOST:PID:RANDOM", as in claimed_by and the journal. HOST is the first group of a boot
 * id, else the host id itself, shortened and without unusual characters. Unique for each start. Pure.
 */
#include <stdint.h>

#include "common/random.h"

enum { WORKER_NAME_BYTES = 64 };

void worker_name(const char *host_id, int64_t pid, const struct random *random,
                 char name_out[WORKER_NAME_BYTES]);
