/*
 * preorder-api: takes preorders over HTTP, commits each with its event, answers. Wiring only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/metrics.h"
#include "api/serve.h"
#include "common/log.h"
#include "common/process.h"
#include "common/store/watch.h"
#include "http/admin.h"
#include "http/listen.h"

struct program {
    struct settings settings;
    struct signals signals;
    struct catalog *catalog;
    struct store *store;
    struct store *admin_store; /* the admin thread's own connection */
    struct metrics *metrics;
    struct watch *watch;
    struct admin *admin;
    atomic_bool is_draining;
    int listen_fd;
};

static enum err_code check_database(void *context, struct err *err) {
    return store_check_writable(((struct program *)context)->admin_store, err);
}

static enum err_code check_draining(void *context, struct err *err) {
    return atomic_load(&((struct program *)context)->is_draining)
               ? err_set(err, ERR_BUSY, "the process is draining")
               : ERR_OK;
}

static void on_gate_wait(void *context, int64_t wait_us) {
    metrics_observe(((struct program *)context)->metrics, API_GATE_WAIT, NULL,
                    (double)wait_us / (double)(MS_PER_S * US_PER_MS));
}

static void on_checkpoint(void *context, int64_t duration_us) {
    metrics_observe(((struct program *)context)->metrics, API_CHECKPOINT, NULL,
                    (double)duration_us / (double)(MS_PER_S * US_PER_MS));
}

static CHECKED enum err_code open_stores(struct program *self, struct err *err) {
    struct store_options options = {
        .role = STORE_CHECKOUT,
        .write_timeout_ms = self->settings.write_timeout_ms,
        .clock = clock_system(),
    };
    struct store_options counted = options; /* the admin's own probes are no checkouts */
    counted.on_gate_wait = on_gate_wait;
    counted.on_checkpoint = on_checkpoint;
    counted.context = self;
    enum err_code code = store_open(self->settings.database_url, &counted, &self->store, err);
    return code == ERR_OK
               ? store_open(self->settings.database_url, &options, &self->admin_store, err)
               : code;
}

static CHECKED enum err_code open_watch(struct program *self, struct err *err) {
    struct watch_options options = {
        .component = "api",
        .store = self->admin_store,
        .clock = clock_system(),
        .metrics = self->metrics,
    };
    return watch_open(&options, &self->watch, err);
}

static CHECKED enum err_code start_admin(struct program *self, struct err *err) {
    struct admin_options options = {
        .clock = clock_system(),
        .random = random_system(),
        .checks = {{.name = "database", .run = check_database, .context = self},
                   {.name = "draining", .run = check_draining, .context = self},
                   {.name = "account",
                    .run = watch_check_account,
                    .context = self->watch,
                    .is_note = true}},
        .check_count = 3,
        .render_metrics = watch_render,
        .metrics_context = self->watch,
    };
    enum err_code code = listen_open(self->settings.admin_listen, &options.listen_fd, err);
    if (code != ERR_OK) {
        return err_wrap(err, "PREORDER_ADMIN_LISTEN");
    }
    char address[LISTEN_ADDRESS_BYTES];
    char admin_address[LISTEN_ADDRESS_BYTES];
    listen_describe(self->listen_fd, address);
    listen_describe(options.listen_fd, admin_address);
    code = admin_start(&options, &self->admin, err);
    if (code == ERR_OK) {
        log_info(LOG_MSG("ready"), LOG_TEXT("listen", address),
                 LOG_TEXT("admin_listen", admin_address), LOG_TEXT("version", PREORDER_VERSION));
    }
    return code;
}

static CHECKED enum err_code set_up(struct program *self, struct err *err) {
    settings_start_log(&self->settings, "api");
    enum err_code code = signals_open(&self->signals, err);
    if (code == ERR_OK) {
        code = catalog_load(self->settings.catalog_path, &self->catalog, err);
    }
    if (code == ERR_OK) {
        code = metrics_open(api_metrics, API_METRIC_COUNT, &self->metrics, err);
    }
    if (code == ERR_OK) {
        code = open_stores(self, err);
    }
    if (code == ERR_OK) {
        code = open_watch(self, err);
    }
    if (code == ERR_OK && listen_open(self->settings.listen, &self->listen_fd, err) != ERR_OK) {
        code = err_wrap(err, "PREORDER_LISTEN");
    }
    return code == ERR_OK ? start_admin(self, err) : code;
}

static CHECKED enum err_code run(struct program *self, struct err *err) {
    struct serve_options options = {
        .settings = &self->settings,
        .catalog = self->catalog,
        .store = self->store,
        .metrics = self->metrics,
        .clock = clock_system(),
        .random = random_system(),
        .signals = &self->signals,
        .is_draining = &self->is_draining,
        .listen_fd = self->listen_fd,
    };
    self->catalog = NULL;        /* serve takes it over */
    process_want_short_slices(); /* a checkout must not wait behind whoever computes */
    return serve(&options, err);
}

int main(int argc, char **argv) {
    static const char summary[] =
        "Takes preorders over HTTP, stores each with its event for Klaviyo in one transaction, and "
        "answers at once with the payment page to go to.";
    struct program self = {.signals = {.fd = -1}, .listen_fd = -1};
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    int next = 0;
    enum err_code code = settings_load(SETTINGS_API, "[options]", summary, argc, argv,
                                       &self.settings, &next, &action, &err);
    if (code == ERR_OK && action == CONFIG_DONE) {
        settings_release(&self.settings);
        return EXIT_SUCCESS;
    }
    if (code == ERR_OK && next < argc) {
        code = err_set(&err, ERR_INVALID, "unexpected argument '%s'; see --help", argv[next]);
    }
    if (code == ERR_OK) {
        code = set_up(&self, &err);
    }
    if (code == ERR_OK) {
        code = run(&self, &err);
    }
    admin_stop(self.admin);
    watch_close(self.watch);
    store_close(self.admin_store);
    store_close(self.store);
    metrics_close(self.metrics);
    catalog_free(self.catalog);
    signals_close(&self.signals);
    settings_release(&self.settings);
    if (code == ERR_OK) {
        log_info(LOG_MSG("stopped"));
        return EXIT_SUCCESS;
    }
    (void)fprintf(stderr, "preorder-api: %s\n", err.text);
    return code == ERR_INVALID ? 2 : EXIT_FAILURE;
}
