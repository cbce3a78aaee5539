/*
 * Settings of the three programs from flags, environment and an INI file: what is taken fits together and is understood
 * by everybody who reads it later; what --check-config shows means the same when it comes back as a file; what is
 * refused has a message, with no secret in it.
 *
 * The first byte of the input says whose settings they are. Then come lines: "$NAME=VALUE" is a variable of the
 * environment, one that begins with a dash a flag, "NAME = VALUE" and all that follows it the config file.
 */
#include "common/settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/domain/preorder.h"
#include "common/log.h"
#include "common/network.h"
#include "common/quota.h"
#include "http/listen.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

enum { VARIABLES_MAX = 16, FLAGS_MAX = 16, CONFIG_FLAG_BYTES = 48 };

/* A secret in an input has this in it, and so in no message. */
static const char MARK[] = "s3cr3t";

/* What a program is started with. */
struct start {
    enum settings_program program;
    char *variables[VARIABLES_MAX + 1];
    char *flags[FLAGS_MAX + 4]; /* argv, NULL at its end */
    int flag_count;
    char config_flag[CONFIG_FLAG_BYTES];
};

/* As if `bytes` were a file: the flag names its descriptor, which is returned. */
static int give_file(struct start *start, const void *bytes, size_t byte_count) {
    int fd = memfd_create("settings", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, bytes, byte_count) == (ssize_t)byte_count);
    (void)snprintf(start->config_flag, sizeof start->config_flag, "--config=/proc/self/fd/%d", fd);
    start->flags[start->flag_count++] = start->config_flag;
    return fd;
}

/* Reads with this environment and nothing on standard output; what was printed goes to *shown_out, to be freed. */
static enum err_code load(struct start *start, struct settings *settings,
                          enum config_action *action_out, char **shown_out, struct err *err) {
    char **environment = environ;
    FILE *standard_output = stdout;
    size_t shown_bytes = 0;
    int next = 0;
    stdout = open_memstream(shown_out, &shown_bytes);
    assert(stdout != NULL);
    environ = start->variables;
    enum err_code code =
        settings_load(start->program, "[options]", "Does things.", start->flag_count, start->flags,
                      settings, &next, action_out, err);
    environ = environment;
    (void)fclose(stdout);
    stdout = standard_output;
    assert(code != ERR_OK || (next >= 1 && next <= start->flag_count));
    return code;
}

/* ---- What is taken ---- */

static void check_listen(const char *address) {
    struct err err = {0};
    enum err_code code = listen_check(address, &err);
    assert(code == ERR_OK);
}

static void check_api(const struct settings *settings) {
    struct err err = {0};
    struct quota quota;
    struct networks networks;
    enum err_code code = quota_parse(settings->rate_limit, &quota, &err);
    assert(code == ERR_OK && quota.requests >= 0 && quota.requests <= QUOTA_REQUESTS_MAX);
    code = networks_parse(settings->trusted_proxies, &networks, &err);
    assert(code == ERR_OK);
    assert(quota.requests == 0 || strncmp(settings->listen, "unix:", 5) != 0 || networks.has_unix);
    assert(settings->write_timeout_ms < settings->request_deadline_ms);
    assert(settings->drain_timeout_ms >= 0 && settings->connections_max >= 1);
    assert(strlen(settings->number_prefix) <= PREORDER_NUMBER_PREFIX_CHARS_MAX);
    check_listen(settings->listen);
    check_listen(settings->admin_listen);
}

static void check_worker(const struct settings *settings) {
    assert(settings->klaviyo_api_key != NULL && settings->klaviyo_api_key[0] != '\0');
    assert(settings->lease_ms > settings->request_timeout_ms + settings->write_timeout_ms);
    assert(settings->retry_base_ms >= 1 && settings->retry_base_ms <= settings->retry_max_ms);
    assert(settings->retry_max_attempts >= 1 && settings->probe_interval_ms >= 100);
    assert(settings->concurrency >= 1 && settings->concurrency <= 512);
    assert(settings->rate_burst >= 1 && settings->rate_steady >= 1);
    size_t length = strlen(settings->klaviyo_base_url);
    assert(length > strlen("http://") && settings->klaviyo_base_url[length - 1] != '/');
    if (strcmp(settings->worker_listen, "none") != 0) {
        check_listen(settings->worker_listen);
    }
}

static void check_taken(const struct settings *settings) {
    struct err err = {0};
    enum log_level level;
    enum log_format format;
    enum err_code code = log_level_parse(settings->log_level, &level, &err);
    assert(code == ERR_OK);
    code = log_format_parse(settings->log_format, &format, &err);
    assert(code == ERR_OK);
    assert(strncmp(settings->database_url, "sqlite:", 7) == 0);
    assert(settings->host_id[0] != '\0' && settings->write_timeout_ms >= 10);
    if (settings->program == SETTINGS_API) {
        check_api(settings);
    } else if (settings->program == SETTINGS_WORKER) {
        check_worker(settings);
    }
}

/* ---- What is kept secret ---- */

/* True if the line gives a value that no message may show. */
static bool is_secret(const char *line) {
    static const char *const names[] = {"KLAVIYO_API_KEY", "STRIPE_WEBHOOK_SECRET"};
    line += strspn(line, "$ \t");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(line, names[i], length) == 0) {
            const char *rest = line + length + strspn(line + length, " \t");
            return *rest == '=' || *rest == ':';
        }
    }
    return false;
}

/* Only what is said nowhere else can be told to be kept back. */
static void check_secrets(const struct lines *lines, const char *text) {
    bool is_public = lines->count == LINES_MAX;
    for (size_t i = 0; i < lines->count && !is_public; i++) {
        is_public = strstr(lines->texts[i], MARK) != NULL && !is_secret(lines->texts[i]);
    }
    assert(is_public || strstr(text, MARK) == NULL);
}

/* ---- What is shown ---- */

static void check_same_text(const char *a, const char *b) {
    assert(strcmp(a, b) == 0);
}

static void check_same_api(const struct settings *a, const struct settings *b) {
    check_same_text(a->listen, b->listen);
    check_same_text(a->admin_listen, b->admin_listen);
    check_same_text(a->catalog_path, b->catalog_path);
    check_same_text(a->allowed_origins, b->allowed_origins);
    check_same_text(a->number_prefix, b->number_prefix);
    check_same_text(a->rate_limit, b->rate_limit);
    check_same_text(a->trusted_proxies, b->trusted_proxies);
    check_same_text(a->stripe_mode, b->stripe_mode);
    check_same_text(a->klaviyo_metric_prefix, b->klaviyo_metric_prefix);
    assert(a->request_deadline_ms == b->request_deadline_ms);
    assert(a->connections_max == b->connections_max);
    assert(a->require_idempotency_key == b->require_idempotency_key);
    assert(a->drain_timeout_ms == b->drain_timeout_ms);
}

static void check_same_worker(const struct settings *a, const struct settings *b) {
    check_same_text(a->worker_listen, b->worker_listen);
    check_same_text(a->klaviyo_base_url, b->klaviyo_base_url);
    check_same_text(a->klaviyo_ca_file, b->klaviyo_ca_file);
    check_same_text(a->klaviyo_revision, b->klaviyo_revision);
    check_same_text(a->host_id, b->host_id);
    assert(a->concurrency == b->concurrency && a->lease_ms == b->lease_ms);
    assert(a->poll_interval_ms == b->poll_interval_ms);
    assert(a->retry_base_ms == b->retry_base_ms && a->retry_max_ms == b->retry_max_ms);
    assert(a->retry_max_attempts == b->retry_max_attempts);
    assert(a->retry_max_age_ms == b->retry_max_age_ms);
    assert(a->probe_interval_ms == b->probe_interval_ms);
    assert(a->request_timeout_ms == b->request_timeout_ms);
    assert(a->bulk_threshold == b->bulk_threshold && a->backfill_age_ms == b->backfill_age_ms);
    assert(a->rate_burst == b->rate_burst && a->rate_steady == b->rate_steady);
}

static void check_same(const struct settings *a, const struct settings *b) {
    check_same_text(a->database_url, b->database_url);
    check_same_text(a->log_level, b->log_level);
    check_same_text(a->log_format, b->log_format);
    assert(a->write_timeout_ms == b->write_timeout_ms);
    if (a->program == SETTINGS_API) {
        check_same_api(a, b);
    } else if (a->program == SETTINGS_WORKER) {
        check_same_worker(a, b);
    }
}

/* A key for the worker: secrets are not shown. */
static char key[] = "KLAVIYO_API_KEY=k";

/* What --check-config shows is a config file of the same settings. */
static void check_shown(struct start *start, const struct settings *settings,
                        const struct lines *lines) {
    struct start again = {
        .program = start->program, .variables = {key}, .flags = {start->flags[0]}, .flag_count = 1};
    char *shown = NULL;
    char *nothing = NULL;
    struct settings read;
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    static char check[] = "--check-config";
    memmove(start->flags + 2, start->flags + 1, sizeof start->flags - 2 * sizeof start->flags[0]);
    start->flags[1] = check;
    start->flag_count++;
    enum err_code code = load(start, &read, &action, &shown, &err);
    assert(code == ERR_OK && action == CONFIG_DONE);
    check_secrets(lines, shown);
    int fd = give_file(&again, shown, strlen(shown));
    code = load(&again, &read, &action, &nothing, &err);
    assert(code == ERR_OK && action == CONFIG_RUN && nothing[0] == '\0');
    if (strstr(shown, "; no config file can hold this: ") == NULL) {
        check_same(settings, &read);
    }
    settings_release(&read);
    (void)close(fd);
    free(nothing);
    free(shown);
}

/* ---- The input ---- */

/* Sorts the lines; returns how many come before the config file. */
static size_t sort(struct start *start, const struct lines *lines) {
    static const char own_file[] = "--config";
    size_t variable_count = 0;
    size_t i = 0;
    for (; i < lines->count; i++) {
        char *line = lines->texts[i];
        if (line[0] == '$' && variable_count < VARIABLES_MAX) {
            start->variables[variable_count++] = line + 1;
        } else if (line[0] == '-' && start->flag_count <= FLAGS_MAX) {
            if (strncmp(line, own_file, sizeof own_file - 1) != 0) {
                start->flags[start->flag_count++] = line;
            }
        } else {
            break;
        }
    }
    return i;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    static const enum settings_program programs[] = {SETTINGS_API, SETTINGS_WORKER, SETTINGS_CTL};
    static char name[] = "program";
    if (byte_count == 0) {
        return 0;
    }
    struct start start = {.program = programs[bytes[0] % 3], .flags = {name}, .flag_count = 1};
    struct lines lines;
    lines_cut(&lines, bytes + 1, byte_count - 1);
    const char *file = (const char *)bytes + 1;
    const char *end = (const char *)bytes + byte_count;
    for (size_t left = sort(&start, &lines); left > 0 && file < end; left--) {
        const char *feed = memchr(file, '\n', (size_t)(end - file));
        file = feed != NULL ? feed + 1 : end;
    }
    int fd = file < end ? give_file(&start, file, (size_t)(end - file)) : -1;

    struct settings settings;
    struct err err = {0};
    char *shown = NULL;
    enum config_action action = CONFIG_DONE;
    enum err_code code = load(&start, &settings, &action, &shown, &err);
    assert(code == ERR_OK || code == ERR_INVALID);
    if (code == ERR_INVALID) {
        lines_check_message(err.text);
        check_secrets(&lines, err.text);
    } else if (action == CONFIG_RUN) {
        assert(shown[0] == '\0');
        check_taken(&settings);
        check_shown(&start, &settings, &lines);
        settings_release(&settings);
    } else {
        assert(shown[0] != '\0');
    }
    free(shown);
    if (fd >= 0) {
        (void)close(fd);
    }
    lines_release(&lines);
    return 0;
}
