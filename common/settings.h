#pragma once
/*
 * The settings of preorder-api, preorder-worker and preorderctl: one table for all three, because
 * they share one config file. What each means stands in the table (settings.c) and in --help.
 *
 * Durations are in ms, sizes in bytes. Strings belong to the struct until settings_release.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/err.h"

enum settings_program {
    SETTINGS_API = 1u << 0,
    SETTINGS_WORKER = 1u << 1,
    SETTINGS_CTL = 1u << 2,
};

struct settings {
    char *database_url;
    char *listen;
    char *admin_listen;
    char *worker_listen;
    bool worker_listen_is_default; /* nobody set it: a taken port may be replaced by a free one */
    char *host_id; /* "" in the file and environment means the boot id; filled in here */
    char *catalog_path;
    char *allowed_origins;
    char *number_prefix;
    int64_t request_deadline_ms;
    int64_t write_timeout_ms;
    int64_t connections_max; /* PREORDER_CONNECTIONS_MAX */
    char *rate_limit;        /* common/quota.h */
    char *trusted_proxies;   /* common/network.h */
    bool require_idempotency_key;
    int64_t drain_timeout_ms;
    char *log_level;
    char *log_format;
    char *klaviyo_api_key;  /* NULL when not given; never NULL in the worker */
    char *klaviyo_base_url; /* without a slash at its end */
    char *klaviyo_ca_file;
    char *klaviyo_revision;
    char *klaviyo_metric_prefix;
    int64_t concurrency;
    int64_t lease_ms;
    int64_t poll_interval_ms;
    int64_t retry_base_ms, retry_max_ms;
    int64_t retry_max_attempts;
    int64_t retry_max_age_ms;
    int64_t probe_interval_ms; /* PREORDER_PROBE_INTERVAL */
    int64_t request_timeout_ms;
    int64_t bulk_threshold;          /* 0: no bulk jobs */
    int64_t backfill_age_ms;         /* 0: never */
    int64_t rate_burst, rate_steady; /* single events a second and a minute, for the account */
    char *stripe_webhook_secret;     /* one or more; NULL: no webhook */
    char *stripe_mode;               /* PREORDER_STRIPE_MODE: auto, live, test */
    enum settings_program program;   /* these three for settings_reload; argv is borrowed */
    int argc;
    char **argv;
};

/*
 * Loads and cross-checks. `usage` and `summary` as in struct config_table.
 * ERR_INVALID: exit 2, the text names the setting and where it stands; the worker without
 * KLAVIYO_API_KEY is among it. ERR_FATAL: exit 1. After both, and after CONFIG_DONE, `settings` needs
 * no release.
 */
CHECKED enum err_code settings_load(enum settings_program program, const char *usage,
                                    const char *summary, int argc, char **argv,
                                    struct settings *settings, int *next_out,
                                    enum config_action *action_out, struct err *err);

/*
 * For SIGHUP: reads everything anew, with the argv of settings_load, puts the log level in force and
 * takes over the secrets and log_level; other changes wait for a restart. Copies of these pointers are
 * invalid afterwards. On failure `settings` stays as it is.
 */
CHECKED enum err_code settings_reload(struct settings *settings, struct err *err);
void settings_release(struct settings *settings);

/* Starts the log of `component` (borrowed for ever) as the settings say; see log_init. */
void settings_start_log(const struct settings *settings, const char *component);
