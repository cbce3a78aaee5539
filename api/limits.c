#include "api/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/budget.h"
#include "api/client_address.h"
#include "api/refusal.h"
#include "api/router.h"

enum { FIELD_BYTES = 64 };

struct limits {
    const struct clock *clock;
    struct quota quota;
    struct networks trusted;
    struct budget *budget; /* NULL: no limit */
};

enum err_code limits_open(const struct settings *settings, const struct clock *clock,
                          const struct random *random, struct limits **limits_out,
                          struct err *err) {
    struct limits *limits = calloc(1, sizeof *limits);
    if (limits == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    limits->clock = clock;
    enum err_code code = quota_parse(settings->rate_limit, &limits->quota, err);
    if (code == ERR_OK) {
        code = networks_parse(settings->trusted_proxies, &limits->trusted, err);
    }
    if (code == ERR_OK && limits->quota.requests > 0) {
        code = budget_open(&limits->quota, random, &limits->budget, err);
    }
    if (code != ERR_OK) {
        limits_close(limits);
        return code;
    }
    *limits_out = limits;
    return ERR_OK;
}

void limits_close(struct limits *limits) {
    if (limits != NULL) {
        budget_close(limits->budget);
        free(limits);
    }
}

static bool is_counted(const struct limits *limits, const struct request *request) {
    return limits->budget != NULL && strcmp(request->method, "OPTIONS") != 0 &&
           !router_is_webhook(request);
}

bool limits_refuse(struct limits *limits, const struct request *request, struct reply *reply_out) {
    if (!is_counted(limits, request)) {
        return false;
    }
    struct address client = client_address(request, &limits->trusted);
    int64_t now_us = clock_mono_us(limits->clock);
    if (budget_take(limits->budget, &client, now_us)) {
        return false;
    }
    struct budget_state state = budget_look(limits->budget, &client, now_us);
    *reply_out = refusal_rate_limited(request, state.more_s);
    return true;
}

void limits_add_headers(const struct limits *limits, const struct request *request,
                        struct reply *reply) {
    if (!is_counted(limits, request)) {
        return;
    }
    struct address client = client_address(request, &limits->trusted);
    struct budget_state state = budget_look(limits->budget, &client, clock_mono_us(limits->clock));
    char field[FIELD_BYTES];
    (void)snprintf(field, sizeof field, "\"default\";q=%" PRId64 ";w=%" PRId64,
                   limits->quota.requests, limits->quota.window_s);
    reply_add_header(reply, "RateLimit-Policy", field);
    int length = snprintf(field, sizeof field, "\"default\";r=%" PRId64, state.remaining);
    if (state.more_s > 0) {
        (void)snprintf(field + length, sizeof field - (size_t)length, ";t=%" PRId64, state.more_s);
    }
    reply_add_header(reply, "RateLimit", field);
}
