#pragma once
/*
 * How many requests one client may make: "100/m", "5/s" or "off".
 */
#include <stdint.h>

#include "common/err.h"

enum { QUOTA_REQUESTS_MAX = 1000000 };

struct quota {
    int64_t requests; /* 0: no limit */
    int64_t window_s; /* 1 or 60 */
};

/* ERR_INVALID: complete but for the setting's name. */
CHECKED enum err_code quota_parse(const char *text, struct quota *quota_out, struct err *err);
