#include "sandbox/options.h"

#include <stddef.h>

#include "http/listen.h"

enum { SANDBOX = 1u << 0, RATE_MAX = 1000000000 };

static enum err_code check_listen(const char *text, struct err *err) {
    return listen_check(text, err);
}

static enum err_code check_path(const char *text, struct err *err) {
    return text[0] != '\0' ? ERR_OK : err_set(err, ERR_INVALID, "must not be empty");
}

#define FIELD(member) .offset = offsetof(struct options, member), .programs = SANDBOX

static const struct config_entry entries[] = {
    {.name = "SANDBOX_LISTEN",
     .type = CONFIG_TEXT,
     FIELD(listen),
     .default_text = "127.0.0.1:8090",
     .check = check_listen,
     .help = "where it serves; port 0 takes a free one and prints it"},
    {.name = "SANDBOX_LEDGER",
     .type = CONFIG_TEXT,
     FIELD(ledger_path),
     .default_text = "var/klaviyo-ledger.jsonl",
     .check = check_path,
     .help = "file of one JSON line for every accepted event, synced before the answer"},
    {.name = "SANDBOX_BURST",
     .type = CONFIG_INTEGER,
     FIELD(burst_count),
     .default_text = "350",
     .minimum = 1,
     .maximum = RATE_MAX,
     .help = "single events in a window of 1 s; other requests keep Klaviyo's ratio to it"},
    {.name = "SANDBOX_STEADY",
     .type = CONFIG_INTEGER,
     FIELD(steady_count),
     .default_text = "3500",
     .minimum = 1,
     .maximum = RATE_MAX,
     .help = "single events in a window of 60 s; other requests keep Klaviyo's ratio to it"},
    {.name = "SANDBOX_BULK_REPEATS",
     .type = CONFIG_CHOICE,
     FIELD(bulk_repeats),
     .default_text = "request",
     .choices = "request|history",
     .help =
         "a bulk job fails if a unique_id is repeated within it, or also if it was seen before"},
    {.name = "SANDBOX_SCRIPT",
     .type = CONFIG_TEXT,
     FIELD(script_path),
     .default_text = "",
     .help = "file of misbehaviours (docs/sandbox.md); empty: none"},
    {.name = "SANDBOX_TLS_CERT",
     .type = CONFIG_TEXT,
     FIELD(tls_cert_path),
     .default_text = "",
     .help = "PEM file of the certificate chain; with --tls-key it serves HTTPS only"},
    {.name = "SANDBOX_TLS_KEY",
     .type = CONFIG_TEXT,
     FIELD(tls_key_path),
     .default_text = "",
     .help = "PEM file of the private key"},
    {.name = "SANDBOX_DRAIN_TIMEOUT",
     .type = CONFIG_DURATION_MS,
     FIELD(drain_timeout_ms),
     .default_text = "1s",
     .minimum = 0,
     .maximum = 600000,
     .help = "how long clients may take to fetch their answers after SIGTERM"},
    {.name = "SANDBOX_LOG_LEVEL",
     .type = CONFIG_CHOICE,
     FIELD(log_level),
     .default_text = "info",
     .choices = "error|warning|info|debug",
     .help = "info has one line for each request"},
    {.name = "SANDBOX_LOG_FORMAT",
     .type = CONFIG_CHOICE,
     FIELD(log_format),
     .default_text = "auto",
     .choices = "auto|json|text|journal",
     .help = "how log lines look on stderr"},
};

static enum err_code complete(void *target, struct err *err) {
    const struct options *options = target;
    if ((options->tls_cert_path[0] == '\0') != (options->tls_key_path[0] == '\0')) {
        return err_set(err, ERR_INVALID,
                       "SANDBOX_TLS_CERT and SANDBOX_TLS_KEY: give both, or neither");
    }
    return ERR_OK;
}

static const struct config_table table = {
    .entries = entries,
    .entry_count = sizeof(entries) / sizeof(entries[0]),
    .target_bytes = sizeof(struct options),
    .prefix = "SANDBOX_",
    .program = "klaviyo-sandbox",
    .program_bit = SANDBOX,
    .usage = "[options]",
    .summary = "A stand-in for Klaviyo that refuses what Klaviyo's file and documented limits\n"
               "refuse, keeps its rate windows, and writes down what it accepted. For developers,\n"
               "tests and the demo; never installed.",
    .version = PREORDER_VERSION,
    .complete = complete,
};

enum err_code options_load(int argc, char **argv, struct options *options,
                           enum config_action *action_out, struct err *err) {
    int next = argc;
    enum err_code code = config_load(&table, argc, argv, options, &next, action_out, err);
    if (code == ERR_OK && *action_out == CONFIG_RUN && next < argc) {
        code = err_set(err, ERR_INVALID, "\"%s\" is no option; see --help", argv[next]);
        options_release(options);
    }
    return code;
}

void options_release(struct options *options) {
    config_release(&table, options);
}
