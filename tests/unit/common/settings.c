/* The table of the three programs: defaults as published, pairs that must fit, and reloading. */
#include "common/settings.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/common/capture.h"

/* Memory and /proc are wrapped by the linker: the test decides whether they are there. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

static size_t refused_bytes; /* an allocation of so many bytes fails */
static bool is_boot_id_hidden, is_boot_id_cut;

void *__wrap_calloc(size_t count, size_t byte_count) {
    return count * byte_count == refused_bytes && refused_bytes > 0
               ? NULL
               : __real_calloc(count, byte_count);
}

FILE *__wrap_fopen64(const char *path, const char *mode) {
    bool is_boot_id = strstr(path, "boot_id") != NULL;
    if (is_boot_id && is_boot_id_hidden) {
        return NULL;
    }
    return __real_fopen64(is_boot_id && is_boot_id_cut ? "/dev/null" : path, mode);
}

struct run {
    struct settings settings;
    enum err_code code;
    struct err err;
    enum config_action action;
    int argc;
    char *argv[16];
    char folder[32];
};

/* Argv must outlive the settings: settings_reload reads it again. */
static void load(struct run *run, enum settings_program program, const char *const *arguments) {
    enum { ARGUMENTS_MAX = 14 };
    int next = 0;
    settings_release(&run->settings);
    for (int i = 0; i < run->argc; i++) {
        free(run->argv[i]);
    }
    run->argv[0] = strdup("program");
    run->argc = 1;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i < ARGUMENTS_MAX);
        run->argv[run->argc++] = strdup(arguments[i]);
    }
    run->argv[run->argc] = NULL;
    run->code = settings_load(program, "[options]", "Does things.", run->argc, run->argv,
                              &run->settings, &next, &run->action, &run->err);
}

#define LOAD(run, program, ...) load((run), (program), (const char *const[]){__VA_ARGS__, NULL})

static void set(const char *name, const char *value) {
    assert_int_equal(setenv(name, value, 1), 0);
}

static bool is_ours(const char *variable) {
    return strncmp(variable, "PREORDER_", 9) == 0 || strncmp(variable, "KLAVIYO_", 8) == 0 ||
           strncmp(variable, "STRIPE_", 7) == 0 || strncmp(variable, "DATABASE_URL=", 13) == 0 ||
           strncmp(variable, "CREDENTIALS_DIRECTORY=", 22) == 0;
}

static void forget_variables(void) {
    char **variable = environ;
    while (*variable != NULL) {
        char name[128] = {0};
        if (is_ours(*variable)) {
            memcpy(name, *variable, strcspn(*variable, "="));
            assert_int_equal(unsetenv(name), 0);
            variable = environ; /* unsetenv moved them */
        } else {
            variable++;
        }
    }
}

static int setup(void **state) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return -1;
    }
    forget_variables();
    set("KLAVIYO_API_KEY", "pk_test");
    (void)snprintf(run->folder, sizeof run->folder, "/tmp/settings-XXXXXX");
    *state = run;
    return mkdtemp(run->folder) != NULL && chdir(run->folder) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    struct run *run = *state;
    settings_release(&run->settings);
    for (int i = 0; i < run->argc; i++) {
        free(run->argv[i]);
    }
    (void)unlink("key");
    (void)unlink("preorder.conf");
    int result = chdir("/") == 0 && rmdir(run->folder) == 0 ? 0 : -1;
    free(run);
    return result;
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void assert_refused(const struct run *run, const char *one, const char *other) {
    assert_int_equal(run->code, ERR_INVALID);
    assert_non_null(strstr(run->err.text, one));
    assert_non_null(strstr(run->err.text, other));
}

static void defaults_are_the_published_ones(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, NULL);
    assert_int_equal(run->code, ERR_OK);
    const struct settings *settings = &run->settings;
    assert_string_equal(settings->database_url, "sqlite:var/preorder.db");
    assert_string_equal(settings->listen, "127.0.0.1:8080");
    assert_string_equal(settings->admin_listen, "127.0.0.1:8081");
    assert_string_equal(settings->worker_listen, "127.0.0.1:8082");
    assert_true(settings->worker_listen_is_default);
    assert_string_equal(settings->catalog_path, "catalog.json");
    assert_string_equal(settings->allowed_origins, "");
    assert_string_equal(settings->number_prefix, "PRE");
    assert_string_equal(settings->log_level, "info");
    assert_string_equal(settings->log_format, "auto");
    assert_string_equal(settings->klaviyo_api_key, "pk_test");
    assert_string_equal(settings->klaviyo_base_url, "https://a.klaviyo.com");
    assert_string_equal(settings->klaviyo_ca_file, "");
    assert_string_equal(settings->klaviyo_revision, "2026-07-15");
    assert_string_equal(settings->klaviyo_metric_prefix, "");
    assert_null(settings->stripe_webhook_secret);
    assert_string_equal(settings->stripe_mode, "auto");
}

static void default_figures_are_the_published_ones(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_API, NULL);
    assert_int_equal(run->code, ERR_OK);
    const struct settings *settings = &run->settings;
    assert_int_equal(settings->request_deadline_ms, 10000);
    assert_int_equal(settings->write_timeout_ms, 2000);
    assert_int_equal(settings->connections_max, 1000);
    assert_false(settings->require_idempotency_key);
    assert_int_equal(settings->drain_timeout_ms, 10000);
    assert_int_equal(settings->concurrency, 32);
    assert_int_equal(settings->lease_ms, 60000);
    assert_int_equal(settings->poll_interval_ms, 1000);
    assert_int_equal(settings->retry_base_ms, 2000);
    assert_int_equal(settings->retry_max_ms, 3600000);
    assert_int_equal(settings->retry_max_attempts, 200);
    assert_int_equal(settings->retry_max_age_ms, 3 * 86400000);
    assert_int_equal(settings->request_timeout_ms, 15000);
    assert_int_equal(settings->bulk_threshold, 7000);
    assert_int_equal(settings->backfill_age_ms, 0);
}

static void the_worker_does_not_start_without_a_key(void **state) {
    struct run *run = *state;
    assert_int_equal(unsetenv("KLAVIYO_API_KEY"), 0);
    LOAD(run, SETTINGS_WORKER, NULL);
    assert_refused(run, "KLAVIYO_API_KEY is not set", "KLAVIYO_API_KEY_FILE");
    LOAD(run, SETTINGS_API, NULL);
    assert_int_equal(run->code, ERR_OK);
    LOAD(run, SETTINGS_CTL, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_null(run->settings.klaviyo_api_key);
}

static void the_boot_id_stands_in_for_a_host_id(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(strlen(run->settings.host_id), 36);
    assert_int_equal(run->settings.host_id[8], '-');
    set("PREORDER_HOST_ID", "b");
    LOAD(run, SETTINGS_WORKER, NULL);
    assert_string_equal(run->settings.host_id, "b");
    set("PREORDER_HOST_ID", "");
    LOAD(run, SETTINGS_WORKER, NULL);
    assert_int_equal(strlen(run->settings.host_id), 36);
}

static void without_a_boot_id_the_host_id_is_asked_for(void **state) {
    struct run *run = *state;
    is_boot_id_hidden = true;
    LOAD(run, SETTINGS_WORKER, NULL);
    is_boot_id_hidden = false;
    assert_refused(run, "PREORDER_HOST_ID: cannot read /proc", "set it");
    is_boot_id_cut = true;
    LOAD(run, SETTINGS_WORKER, NULL);
    is_boot_id_cut = false;
    assert_refused(run, "PREORDER_HOST_ID: cannot read /proc", "set it");
}

static void without_memory_for_the_boot_id_no_setting_is_to_blame(void **state) {
    struct run *run = *state;
    refused_bytes = sizeof "b95a8a00-7bb5-4b82-b090-67aeafa6f6dc";
    LOAD(run, SETTINGS_WORKER, NULL);
    refused_bytes = 0;
    assert_int_equal(run->code, ERR_FATAL);
    assert_string_equal(run->err.text, "out of memory while reading the settings");
}

static void a_worker_address_that_was_given_is_no_default(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, "--worker-listen=127.0.0.1:8082");
    assert_int_equal(run->code, ERR_OK);
    assert_false(run->settings.worker_listen_is_default);
}

static void the_base_url_loses_its_last_slash(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, "--klaviyo-base-url=http://127.0.0.1:9000//");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->settings.klaviyo_base_url, "http://127.0.0.1:9000");
}

static void a_lease_outlasts_the_request_and_its_settlement(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, "--lease=3s", "--request-timeout=2s", "--write-timeout=1s");
    assert_refused(run, "PREORDER_LEASE (3s)", "PREORDER_REQUEST_TIMEOUT (2s)");
    assert_refused(run, "PREORDER_WRITE_TIMEOUT (1s)", "must be longer than");
    LOAD(run, SETTINGS_WORKER, "--lease=3001ms", "--request-timeout=2s", "--write-timeout=1s");
    assert_int_equal(run->code, ERR_OK);
    set("PREORDER_LEASE", "1s");
    LOAD(run, SETTINGS_API, NULL); /* none of its business */
    assert_int_equal(run->code, ERR_OK);
}

static void settings_that_do_not_go_together_are_told_with_their_places(void **state) {
    struct run *run = *state;
    write_file("preorder.conf", "; ours\nlease = 5s\n");
    set("PREORDER_WRITE_TIMEOUT", "3s");
    LOAD(run, SETTINGS_WORKER, "--config=preorder.conf");
    assert_refused(run, "PREORDER_LEASE (preorder.conf:2)", "PREORDER_WRITE_TIMEOUT (environment)");
    assert_refused(run, "PREORDER_REQUEST_TIMEOUT (default)", "still on its way: PREORDER_");
    LOAD(run, SETTINGS_WORKER, "--retry-base=2m", "--retry-max=1m");
    assert_refused(run, "PREORDER_RETRY_BASE (flag --retry-base), ", "(flag --retry-max)");
    assert_null(strstr(run->err.text, "PREORDER_RETRY_MAX_A"));
}

static void the_first_wait_is_no_longer_than_the_longest(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_WORKER, "--retry-base=2m", "--retry-max=1m");
    assert_refused(run, "PREORDER_RETRY_BASE (2m)", "PREORDER_RETRY_MAX (1m)");
    LOAD(run, SETTINGS_WORKER, "--retry-base=1m", "--retry-max=1m");
    assert_int_equal(run->code, ERR_OK);
}

static void a_request_outlasts_its_write(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_API, "--write-timeout=5s", "--request-deadline=5s");
    assert_refused(run, "PREORDER_WRITE_TIMEOUT (5s)", "PREORDER_REQUEST_DEADLINE (5s)");
    LOAD(run, SETTINGS_API, "--write-timeout=5s", "--request-deadline=6s");
    assert_int_equal(run->code, ERR_OK);
}

static void a_limit_behind_a_unix_socket_needs_its_proxy(void **state) {
    struct run *run = *state;
    LOAD(run, SETTINGS_API, "--rate-limit=100/m", "--listen=unix:/run/x");
    assert_refused(run, "PREORDER_RATE_LIMIT (100/m)", "PREORDER_TRUSTED_PROXIES");
    LOAD(run, SETTINGS_API, "--rate-limit=100/m", "--listen=unix:/run/x", "--trusted-proxies=unix");
    assert_int_equal(run->code, ERR_OK);
    LOAD(run, SETTINGS_API, "--rate-limit=off", "--listen=unix:/run/x");
    assert_int_equal(run->code, ERR_OK);
    LOAD(run, SETTINGS_API, "--rate-limit=100/m", "--listen=127.0.0.1:1");
    assert_int_equal(run->code, ERR_OK);
}

static void settings_of_later_are_refused_not_ignored(void **state) {
    struct run *run = *state;
    set("PREORDER_RETENTION", "90d");
    LOAD(run, SETTINGS_API, NULL);
    assert_refused(run, "unknown setting PREORDER_RETENTION", "environment");
}

static void one_file_serves_all_programs(void **state) {
    struct run *run = *state;
    write_file("preorder.conf", "[api]\nlisten = unix:x\n[worker]\nconcurrency = 7\n");
    static const enum settings_program programs[] = {SETTINGS_API, SETTINGS_WORKER, SETTINGS_CTL};
    for (size_t i = 0; i < 3; i++) {
        LOAD(run, programs[i], "--config=preorder.conf");
        assert_int_equal(run->code, ERR_OK);
        assert_string_equal(run->settings.listen, "unix:x");
        assert_int_equal(run->settings.concurrency, 7);
    }
}

static void every_program_answers_with_its_name(void **state) {
    struct run *run = *state;
    static const char *const names[] = {"preorder-api", "preorder-worker", "preorderctl"};
    static const enum settings_program programs[] = {SETTINGS_API, SETTINGS_WORKER, SETTINGS_CTL};
    for (size_t i = 0; i < 3; i++) {
        struct capture capture;
        struct buf text;
        buf_init(&text, 100000);
        capture_begin(&capture, STDOUT_FILENO);
        LOAD(run, programs[i], "--version");
        LOAD(run, programs[i], "--help");
        LOAD(run, programs[i], "--check-config");
        capture_end(&capture, &text);
        assert_int_equal(run->code, ERR_OK);
        assert_int_equal(run->action, CONFIG_DONE);
        assert_memory_equal(buf_text(&text), names[i], strlen(names[i]));
        assert_non_null(strstr(buf_text(&text), "DATABASE_URL = sqlite:var/preorder.db"));
        assert_null(strstr(buf_text(&text), "pk_test"));
        buf_release(&text);
    }
}

static bool debug_is_logged(void) {
    struct capture capture;
    struct buf text;
    buf_init(&text, 10000);
    capture_begin(&capture, STDERR_FILENO);
    log_debug(LOG_MSG("seen"));
    capture_end(&capture, &text);
    bool is_seen = text.length > 0;
    buf_release(&text);
    return is_seen;
}

static void reload_takes_over_key_and_level_and_nothing_else(void **state) {
    struct run *run = *state;
    assert_int_equal(unsetenv("KLAVIYO_API_KEY"), 0);
    log_init("test", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    write_file("key", "pk_old\n");
    write_file("preorder.conf", "klaviyo-api-key-file = key\n");
    LOAD(run, SETTINGS_WORKER, "--config=preorder.conf", "--concurrency=5");
    assert_int_equal(run->code, ERR_OK);
    write_file("key", "pk_new\n");
    write_file("preorder.conf", "klaviyo-api-key-file = key\nlog-level = debug\nlease = 90s\n");
    assert_false(debug_is_logged());
    assert_int_equal(settings_reload(&run->settings, &run->err), ERR_OK);
    assert_true(debug_is_logged());
    assert_string_equal(run->settings.klaviyo_api_key, "pk_new");
    assert_string_equal(run->settings.log_level, "debug");
    assert_int_equal(run->settings.lease_ms, 60000);
    assert_int_equal(run->settings.concurrency, 5);
}

static void reload_takes_over_the_webhooks_secrets(void **state) {
    struct run *run = *state;
    log_init("test", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    write_file("key", "whsec_old\n");
    set("STRIPE_WEBHOOK_SECRET_FILE", "key");
    LOAD(run, SETTINGS_API, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->settings.stripe_webhook_secret, "whsec_old");
    write_file("key", "whsec_new\nwhsec_old\n");
    assert_int_equal(settings_reload(&run->settings, &run->err), ERR_OK);
    assert_string_equal(run->settings.stripe_webhook_secret, "whsec_new\nwhsec_old");
    write_file("key", ",");
    assert_int_equal(settings_reload(&run->settings, &run->err), ERR_INVALID);
    assert_null(strstr(run->err.text, "whsec_"));
    assert_string_equal(run->settings.stripe_webhook_secret, "whsec_new\nwhsec_old");
}

static void a_reload_that_fails_changes_nothing(void **state) {
    struct run *run = *state;
    write_file("preorder.conf", "log-level = warning\n");
    LOAD(run, SETTINGS_WORKER, "--config=preorder.conf");
    assert_int_equal(run->code, ERR_OK);
    write_file("preorder.conf", "log-level = debug\nKLAVIYO_API_KEY = pk_new\nlease = x\n");
    assert_int_equal(settings_reload(&run->settings, &run->err), ERR_INVALID);
    assert_non_null(strstr(run->err.text, "PREORDER_LEASE (preorder.conf:3)"));
    assert_string_equal(run->settings.log_level, "warning");
    assert_string_equal(run->settings.klaviyo_api_key, "pk_test");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_the_published_ones),
        TEST(default_figures_are_the_published_ones),
        TEST(the_worker_does_not_start_without_a_key),
        TEST(the_boot_id_stands_in_for_a_host_id),
        TEST(without_a_boot_id_the_host_id_is_asked_for),
        TEST(without_memory_for_the_boot_id_no_setting_is_to_blame),
        TEST(a_worker_address_that_was_given_is_no_default),
        TEST(the_base_url_loses_its_last_slash),
        TEST(a_lease_outlasts_the_request_and_its_settlement),
        TEST(settings_that_do_not_go_together_are_told_with_their_places),
        TEST(the_first_wait_is_no_longer_than_the_longest),
        TEST(a_request_outlasts_its_write),
        TEST(a_limit_behind_a_unix_socket_needs_its_proxy),
        TEST(settings_of_later_are_refused_not_ignored),
        TEST(one_file_serves_all_programs),
        TEST(every_program_answers_with_its_name),
        TEST(reload_takes_over_key_and_level_and_nothing_else),
        TEST(reload_takes_over_the_webhooks_secrets),
        TEST(a_reload_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests_name("common/settings", tests, NULL, NULL);
}
