#pragma once
/*
 * The kinds of request that the sandbox knows: the five operations of Klaviyo's file.
 *
 * Rates are Klaviyo's own (x-ratelimit of the file); `--burst` and `--steady` scale them all.
 */
#include <stdbool.h>
#include <stdint.h>

enum endpoint {
    ENDPOINT_EVENT,
    ENDPOINT_BULK,
    ENDPOINT_PROFILE,
    ENDPOINT_SUBSCRIPTION,
    ENDPOINT_DELETION,
};
enum { ENDPOINT_COUNT = ENDPOINT_DELETION + 1 };

/* Klaviyo writes "5 MB" and "100 KB" and does not say which: the smaller reading is enforced. */
enum {
    ENDPOINT_BODY_BYTES_MAX = 5 * 1000 * 1000,
    ENDPOINT_PROFILE_BODY_BYTES_MAX = 100 * 1000,
};

struct endpoint_facts {
    const char *path;
    int64_t burst_count;  /* requests in a window of one second */
    int64_t steady_count; /* requests in a window of sixty seconds */
    int64_t body_bytes_max;
};

/* Never NULL; valid for ever. */
const struct endpoint_facts *endpoint_facts(enum endpoint endpoint);

/* The endpoint of exactly this path: Klaviyo's file has no trailing slashes. */
bool endpoint_find(const char *path, enum endpoint *endpoint_out);
