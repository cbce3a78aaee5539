#include "common/settings.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/network.h"
#include "common/settings_check.h"

enum {
    API = SETTINGS_API,
    WORKER = SETTINGS_WORKER,
    CTL = SETTINGS_CTL,
    ALL = SETTINGS_API | SETTINGS_WORKER | SETTINGS_CTL,
};

#define MINUTE_MS (INT64_C(60) * MS_PER_S)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define FIELD(member) .offset = offsetof(struct settings, member)

/* The order is that of --help. */
static const struct config_entry entries[] = {
    {.name = "DATABASE_URL",
     .type = CONFIG_TEXT,
     FIELD(database_url),
     .default_text = "sqlite:var/preorder.db",
     .programs = ALL,
     .help = "where preorders and events are kept, sqlite:PATH",
     .check = settings_check_database_url},
    {.name = "PREORDER_LISTEN",
     .type = CONFIG_TEXT,
     FIELD(listen),
     .default_text = "127.0.0.1:8080",
     .programs = API,
     .help = "checkout side, HOST:PORT or unix:PATH",
     .check = settings_check_listen},
    {.name = "PREORDER_ADMIN_LISTEN",
     .type = CONFIG_TEXT,
     FIELD(admin_listen),
     .default_text = "127.0.0.1:8081",
     .programs = API,
     .help = "health of the API",
     .check = settings_check_listen},
    {.name = "PREORDER_WORKER_LISTEN",
     .type = CONFIG_TEXT,
     FIELD(worker_listen),
     .is_default_offset = offsetof(struct settings, worker_listen_is_default),
     .default_text = "127.0.0.1:8082",
     .programs = WORKER,
     .help = "health of the worker, or none; the default gives way to another worker",
     .check = settings_check_worker_listen},
    {.name = "PREORDER_HOST_ID",
     .type = CONFIG_TEXT,
     FIELD(host_id),
     .default_text = "",
     .programs = WORKER,
     .help = "workers with the same one share a kernel, empty means the boot id",
     .check = settings_check_host_id},
    {.name = "PREORDER_CATALOG",
     .type = CONFIG_TEXT,
     FIELD(catalog_path),
     .default_text = "catalog.json",
     .programs = API,
     .help = "file that says what can be ordered",
     .check = settings_check_not_empty},
    {.name = "PREORDER_ALLOWED_ORIGINS",
     .type = CONFIG_TEXT,
     FIELD(allowed_origins),
     .default_text = "",
     .programs = API,
     .help = "browser origins that may call, comma-separated",
     .check = settings_check_origins},
    {.name = "PREORDER_NUMBER_PREFIX",
     .type = CONFIG_TEXT,
     FIELD(number_prefix),
     .default_text = "PRE",
     .programs = API,
     .help = "what preorder numbers begin with",
     .check = settings_check_number_prefix},
    {.name = "PREORDER_REQUEST_DEADLINE",
     .type = CONFIG_DURATION_MS,
     FIELD(request_deadline_ms),
     .default_text = "10s",
     .minimum = 100,
     .maximum = 10 * MINUTE_MS,
     .programs = API,
     .help = "a whole request, first byte to last"},
    {.name = "PREORDER_WRITE_TIMEOUT",
     .type = CONFIG_DURATION_MS,
     FIELD(write_timeout_ms),
     .default_text = "2s",
     .minimum = 10,
     .maximum = MINUTE_MS,
     .programs = ALL,
     .help = "how long a write waits for the database"},
    {.name = "PREORDER_CONNECTIONS_MAX",
     .type = CONFIG_INTEGER,
     FIELD(connections_max),
     .default_text = "1000",
     .minimum = 1,
     .maximum = 100000,
     .programs = API,
     .help = "open connections on the checkout side"},
    {.name = "PREORDER_RATE_LIMIT",
     .type = CONFIG_TEXT,
     FIELD(rate_limit),
     .default_text = "off",
     .programs = API,
     .help = "requests a client address may make, N/s or N/m, or off",
     .check = settings_check_rate_limit},
    {.name = "PREORDER_TRUSTED_PROXIES",
     .type = CONFIG_TEXT,
     FIELD(trusted_proxies),
     .default_text = "",
     .programs = API,
     .help = "whose X-Forwarded-For is believed, addresses, networks or unix, comma-separated",
     .check = settings_check_trusted_proxies},
    {.name = "PREORDER_REQUIRE_IDEMPOTENCY_KEY",
     .type = CONFIG_BOOLEAN,
     FIELD(require_idempotency_key),
     .default_text = "0",
     .programs = API,
     .help = "1 refuses a create without Idempotency-Key"},
    {.name = "PREORDER_DRAIN_TIMEOUT",
     .type = CONFIG_DURATION_MS,
     FIELD(drain_timeout_ms),
     .default_text = "10s",
     .minimum = 0,
     .maximum = 10 * MINUTE_MS,
     .programs = API | WORKER,
     .help = "how long work in flight may take to finish after SIGTERM"},
    {.name = "PREORDER_LOG_LEVEL",
     .type = CONFIG_CHOICE,
     FIELD(log_level),
     .default_text = "info",
     .choices = "error|warning|info|debug",
     .programs = ALL,
     .help = "what is worth a line on stderr"},
    {.name = "PREORDER_LOG_FORMAT",
     .type = CONFIG_CHOICE,
     FIELD(log_format),
     .default_text = "auto",
     .choices = "auto|json|text|journal",
     .programs = ALL,
     .help = "auto takes journal under systemd, text on a terminal, json otherwise"},
    {.name = "KLAVIYO_API_KEY",
     .type = CONFIG_SECRET,
     FIELD(klaviyo_api_key),
     .programs = WORKER,
     .help = "private key of the Klaviyo account",
     .check = settings_check_api_key},
    {.name = "KLAVIYO_BASE_URL",
     .type = CONFIG_TEXT,
     FIELD(klaviyo_base_url),
     .default_text = "https://a.klaviyo.com",
     .programs = WORKER,
     .help = "where Klaviyo is, plain http only on this machine",
     .check = settings_check_base_url},
    {.name = "KLAVIYO_CA_FILE",
     .type = CONFIG_TEXT,
     FIELD(klaviyo_ca_file),
     .default_text = "",
     .programs = WORKER,
     .help = "certificates to trust, empty means the system's",
     .check = settings_check_ca_file},
    {.name = "KLAVIYO_REVISION",
     .type = CONFIG_TEXT,
     FIELD(klaviyo_revision),
     .default_text = "2026-07-15",
     .programs = WORKER,
     .help = "revision of Klaviyo's API",
     .check = settings_check_revision},
    {.name = "KLAVIYO_METRIC_PREFIX",
     .type = CONFIG_TEXT,
     FIELD(klaviyo_metric_prefix),
     .default_text = "",
     .programs = API | CTL, /* they render the events */
     .help = "put before every metric name, with one space",
     .check = settings_check_metric_prefix},
    {.name = "PREORDER_CONCURRENCY",
     .type = CONFIG_INTEGER,
     FIELD(concurrency),
     .default_text = "32",
     .minimum = 1,
     .maximum = 512,
     .programs = WORKER,
     .help = "requests to Klaviyo in flight"},
    {.name = "PREORDER_LEASE",
     .type = CONFIG_DURATION_MS,
     FIELD(lease_ms),
     .default_text = "60s",
     .minimum = 100,
     .maximum = DAY_MS,
     .programs = WORKER,
     .help = "how long a claim lasts on a host that vanished"},
    {.name = "PREORDER_POLL_INTERVAL",
     .type = CONFIG_DURATION_MS,
     FIELD(poll_interval_ms),
     .default_text = "1s",
     .minimum = 10,
     .maximum = HOUR_MS,
     .programs = WORKER,
     .help = "the slow look for due events"},
    {.name = "PREORDER_RETRY_BASE",
     .type = CONFIG_DURATION_MS,
     FIELD(retry_base_ms),
     .default_text = "2s",
     .minimum = 1,
     .maximum = HOUR_MS,
     .programs = WORKER,
     .help = "longest wait before the first repeat, doubled for each further one"},
    {.name = "PREORDER_RETRY_MAX",
     .type = CONFIG_DURATION_MS,
     FIELD(retry_max_ms),
     .default_text = "1h",
     .minimum = 1,
     .maximum = 7 * DAY_MS,
     .programs = WORKER,
     .help = "longest wait before any repeat"},
    {.name = "PREORDER_RETRY_MAX_ATTEMPTS",
     .type = CONFIG_INTEGER,
     FIELD(retry_max_attempts),
     .default_text = "200",
     .minimum = 1,
     .maximum = 1000000,
     .programs = WORKER,
     .help = "attempts after which an event is dead"},
    {.name = "PREORDER_RETRY_MAX_AGE",
     .type = CONFIG_DURATION_MS,
     FIELD(retry_max_age_ms),
     .default_text = "3d",
     .minimum = 100,
     .maximum = 365 * DAY_MS,
     .programs = WORKER,
     .help = "age since the first judged attempt at which an event is dead"},
    {.name = "PREORDER_PROBE_INTERVAL",
     .type = CONFIG_DURATION_MS,
     FIELD(probe_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR_MS,
     .programs = WORKER,
     .help = "while the account is paused, one event tries in each such interval"},
    {.name = "PREORDER_REQUEST_TIMEOUT",
     .type = CONFIG_DURATION_MS,
     FIELD(request_timeout_ms),
     .default_text = "15s",
     .minimum = 10,
     .maximum = 10 * MINUTE_MS,
     .programs = WORKER,
     .help = "one request to Klaviyo"},
    {.name = "PREORDER_BULK_THRESHOLD",
     .type = CONFIG_INTEGER,
     FIELD(bulk_threshold),
     .default_text = "7000",
     .minimum = 0,
     .maximum = 1000000,
     .programs = WORKER,
     .help = "due events above which bulk jobs are used, 0 means never"},
    {.name = "PREORDER_BACKFILL_AGE",
     .type = CONFIG_DURATION_MS,
     FIELD(backfill_age_ms),
     .default_text = "0",
     .minimum = 0,
     .maximum = 365 * DAY_MS,
     .programs = WORKER,
     .help = "events sent later than this trigger no flows, 0 means never"},
    {.name = "PREORDER_RATE_BURST",
     .type = CONFIG_INTEGER,
     FIELD(rate_burst),
     .default_text = "350",
     .minimum = 1,
     .maximum = 1000000,
     .programs = WORKER,
     .help = "single events per second, for the whole account"},
    {.name = "PREORDER_RATE_STEADY",
     .type = CONFIG_INTEGER,
     FIELD(rate_steady),
     .default_text = "3500",
     .minimum = 1,
     .maximum = 10000000,
     .programs = WORKER,
     .help = "single events per minute, for the whole account"},
    {.name = "STRIPE_WEBHOOK_SECRET",
     .type = CONFIG_SECRET,
     FIELD(stripe_webhook_secret),
     .programs = API,
     .help = "what Stripe signs with, several with commas between, without it no webhook",
     .check = settings_check_webhook_secret},
    {.name = "PREORDER_STRIPE_MODE",
     .type = CONFIG_CHOICE,
     FIELD(stripe_mode),
     .default_text = "auto",
     .choices = "auto|live|test",
     .programs = API,
     .help = "whose payment events count, auto goes by the catalog's payment links"},
};

/* ---- What follows from others, and what must fit together ---- */

static enum err_code fill_host_id(struct settings *settings, struct err *err) {
    enum { BOOT_ID_CHARS = 36 };
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    if (settings->host_id[0] != '\0') {
        return ERR_OK;
    }
    char *boot_id = calloc(1, BOOT_ID_CHARS + 1);
    if (boot_id == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while reading the settings");
    }
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(boot_id, 1, BOOT_ID_CHARS, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (got != BOOT_ID_CHARS) {
        free(boot_id);
        return err_set(err, ERR_INVALID, "PREORDER_HOST_ID: cannot read %s: set it", path);
    }
    free(settings->host_id);
    settings->host_id = boot_id;
    return ERR_OK;
}

static void drop_trailing_slashes(char *url) {
    size_t length = strlen(url);
    assert(url[0] != '/'); /* its check wants a scheme */
    while (url[length - 1] == '/') {
        url[--length] = '\0';
    }
}

static enum err_code complete_common(void *target, struct err *err) {
    struct settings *settings = target;
    drop_trailing_slashes(settings->klaviyo_base_url);
    return fill_host_id(settings, err);
}

/* Behind a unix socket all clients look the same, and would share one budget. */
static enum err_code check_clients_differ(const struct settings *settings, struct err *err) {
    struct networks trusted = {0};
    if (strcmp(settings->rate_limit, "off") == 0 || strncmp(settings->listen, "unix:", 5) != 0) {
        return ERR_OK;
    }
    enum err_code code = networks_parse(settings->trusted_proxies, &trusted, err);
    assert(code == ERR_OK); /* its own check has been before */
    if (!trusted.has_unix) {
        code =
            err_set(err, ERR_INVALID,
                    "PREORDER_RATE_LIMIT (%s) needs the word unix in PREORDER_TRUSTED_PROXIES when "
                    "PREORDER_LISTEN is a unix socket: clients differ by X-Forwarded-For only",
                    settings->rate_limit);
    }
    return code;
}

static enum err_code complete_api(void *target, struct err *err) {
    const struct settings *settings = target;
    if (settings->write_timeout_ms >= settings->request_deadline_ms) {
        char timeout[CONFIG_DURATION_BYTES];
        char deadline[CONFIG_DURATION_BYTES];
        config_format_duration(settings->write_timeout_ms, timeout);
        config_format_duration(settings->request_deadline_ms, deadline);
        return err_set(err, ERR_INVALID,
                       "PREORDER_WRITE_TIMEOUT (%s) must be shorter than PREORDER_REQUEST_DEADLINE "
                       "(%s): a request that waits for the database must still get its answer",
                       timeout, deadline);
    }
    if (check_clients_differ(settings, err) != ERR_OK) {
        return err->code;
    }
    return complete_common(target, err);
}

static enum err_code check_key(const struct settings *settings, struct err *err) {
    if (settings->klaviyo_api_key == NULL) {
        return err_set(err, ERR_INVALID,
                       "KLAVIYO_API_KEY is not set: set it to the account's private key, or "
                       "KLAVIYO_API_KEY_FILE to a file that has it");
    }
    return ERR_OK;
}

static enum err_code check_retries(const struct settings *settings, struct err *err) {
    if (settings->retry_base_ms > settings->retry_max_ms) {
        char base[CONFIG_DURATION_BYTES];
        char max[CONFIG_DURATION_BYTES];
        config_format_duration(settings->retry_base_ms, base);
        config_format_duration(settings->retry_max_ms, max);
        return err_set(err, ERR_INVALID,
                       "PREORDER_RETRY_BASE (%s) must not be longer than PREORDER_RETRY_MAX (%s)",
                       base, max);
    }
    return ERR_OK;
}

/* A claim must outlast its request and the write that settles it, or another host takes over an
   event that is still on its way. */
static enum err_code check_lease(const struct settings *settings, struct err *err) {
    if (settings->lease_ms <= settings->request_timeout_ms + settings->write_timeout_ms) {
        char lease[CONFIG_DURATION_BYTES];
        char request[CONFIG_DURATION_BYTES];
        char write[CONFIG_DURATION_BYTES];
        config_format_duration(settings->lease_ms, lease);
        config_format_duration(settings->request_timeout_ms, request);
        config_format_duration(settings->write_timeout_ms, write);
        return err_set(err, ERR_INVALID,
                       "PREORDER_LEASE (%s) must be longer than PREORDER_REQUEST_TIMEOUT (%s) and "
                       "PREORDER_WRITE_TIMEOUT (%s) together, or another host takes over what is "
                       "still on its way",
                       lease, request, write);
    }
    return ERR_OK;
}

static enum err_code complete_worker(void *target, struct err *err) {
    if (check_key(target, err) != ERR_OK || check_retries(target, err) != ERR_OK ||
        check_lease(target, err) != ERR_OK) {
        return err->code;
    }
    return complete_common(target, err);
}

static struct config_table table_for(enum settings_program program, const char *usage,
                                     const char *summary) {
    struct config_table table = {
        .entries = entries,
        .entry_count = sizeof entries / sizeof entries[0],
        .target_bytes = sizeof(struct settings),
        .prefix = "PREORDER_",
        .program_bit = program,
        .usage = usage,
        .summary = summary,
        .version = PREORDER_VERSION,
    };
    switch (program) {
    case SETTINGS_API:
        table.program = "preorder-api";
        table.complete = complete_api;
        break;
    case SETTINGS_WORKER:
        table.program = "preorder-worker";
        table.complete = complete_worker;
        break;
    case SETTINGS_CTL:
        table.program = "preorderctl";
        table.complete = complete_common;
        break;
    }
    return table;
}

enum err_code settings_load(enum settings_program program, const char *usage, const char *summary,
                            int argc, char **argv, struct settings *settings, int *next_out,
                            enum config_action *action_out, struct err *err) {
    struct config_table table = table_for(program, usage, summary);
    if (config_load(&table, argc, argv, settings, next_out, action_out, err) != ERR_OK) {
        return err->code;
    }
    settings->program = program;
    settings->argc = argc;
    settings->argv = argv;
    return ERR_OK;
}

static void swap_texts(char **a, char **b) {
    char *kept = *a;
    *a = *b;
    *b = kept;
}

enum err_code settings_reload(struct settings *settings, struct err *err) {
    struct settings fresh;
    int next = 0;
    enum config_action action = CONFIG_RUN;
    enum log_level level = LOG_LEVEL_INFO;
    if (settings_load(settings->program, "", "", settings->argc, settings->argv, &fresh, &next,
                      &action, err) != ERR_OK) {
        return err->code;
    }
    enum err_code code = log_level_parse(fresh.log_level, &level, err);
    assert(code == ERR_OK); /* it is one of the choices */
    log_set_level(level);
    swap_texts(&settings->log_level, &fresh.log_level);
    swap_texts(&settings->klaviyo_api_key, &fresh.klaviyo_api_key);
    swap_texts(&settings->stripe_webhook_secret, &fresh.stripe_webhook_secret);
    settings_release(&fresh);
    return ERR_OK;
}

void settings_release(struct settings *settings) {
    struct config_table table = table_for(SETTINGS_CTL, "", "");
    config_release(&table, settings);
}

void settings_start_log(const struct settings *settings, const char *component) {
    enum log_format format = LOG_FORMAT_AUTO;
    enum log_level level = LOG_LEVEL_INFO;
    struct err err;
    enum err_code format_code = log_format_parse(settings->log_format, &format, &err);
    enum err_code level_code = log_level_parse(settings->log_level, &level, &err);
    assert(format_code == ERR_OK && level_code == ERR_OK); /* each is one of its choices */
    log_init(component, format, level);
}
