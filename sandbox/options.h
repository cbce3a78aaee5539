#pragma once
/*
 * The settings of klaviyo-sandbox. What each means stands in the table (options.c) and in --help.
 */
#include <stdint.h>

#include "common/config.h"
#include "common/err.h"

struct options {
    char *listen;
    char *ledger_path;
    int64_t burst_count, steady_count;  /* single events a second and a minute */
    char *bulk_repeats;                 /* "request" or "history" */
    char *script_path;                  /* "": none */
    char *tls_cert_path, *tls_key_path; /* both "" or both given */
    int64_t drain_timeout_ms;
    char *log_level, *log_format;
};

/* ERR_INVALID: exit 2, the text names the setting. */
CHECKED enum err_code options_load(int argc, char **argv, struct options *options,
                                   enum config_action *action_out, struct err *err);
void options_release(struct options *options);
