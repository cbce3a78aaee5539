/* preorder-worker: wiring only. What it does with an event begins in worker.c, worker_step. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/settings.h"
#include "common/signals.h"
#include "common/store/watch.h"
#include "http/admin.h"
#include "http/listen.h"
#include "worker/metrics.h"
#include "worker/name.h"
#include "worker/pulse.h"
#include "worker/sender.h"
#include "worker/worker.h"

enum {
    EXIT_USAGE = 2,
    CONNECT_TIMEOUT_MS_MAX = 5000,
    /* The loop turns at least this often, so that the admin thread can see it alive. */
    TURN_MS_MAX = 1000,
    GATHER_MS = 8,
    /* Beyond a turn's own waits (the gate): a loop that stands still so long is stuck. */
    STALE_MS = 5000,
};

static const char usage[] = "[options]";
static const char summary[] =
    "Claims preorders' events from the database, sends them to Klaviyo and records what happened. "
    "Run as many as wanted. SIGTERM and SIGINT drain, SIGHUP reloads the key and the log level.";

struct program {
    struct settings settings;
    struct signals signals;
    struct store *store;
    int wake_fd; /* the store's: readable when something became due */
    struct sender *sender;
    struct store *admin_store; /* the admin thread's own connection */
    struct metrics *metrics;
    struct watch *watch;
    struct admin *admin;
    struct worker *worker;
    struct pulse pulse;
    char name[WORKER_NAME_BYTES];
};

static void on_gate_wait(void *context, int64_t wait_us) {
    metrics_observe(((struct program *)context)->metrics, WORKER_GATE_WAIT, NULL,
                    (double)wait_us / (double)(MS_PER_S * US_PER_MS));
}

static void on_checkpoint(void *context, int64_t duration_us) {
    metrics_observe(((struct program *)context)->metrics, WORKER_CHECKPOINT, NULL,
                    (double)duration_us / (double)(MS_PER_S * US_PER_MS));
}

static enum err_code open_store(struct program *program, struct err *err) {
    struct store_options options = {
        .role = STORE_BACKGROUND,
        .write_timeout_ms = program->settings.write_timeout_ms,
        .clock = clock_system(),
        .on_gate_wait = on_gate_wait,
        .on_checkpoint = on_checkpoint,
        .context = program,
    };
    enum err_code code = store_open(program->settings.database_url, &options, &program->store, err);
    return code == ERR_OK ? store_listen(program->store, &program->wake_fd, err) : code;
}

static enum err_code open_sender(struct program *program, struct err *err) {
    const struct settings *settings = &program->settings;
    int64_t timeout_ms = settings->request_timeout_ms;
    struct sender_options options = {
        .slot_count = (size_t)settings->concurrency + WORKER_JOBS_MAX,
        .base_url = settings->klaviyo_base_url,
        .api_key = settings->klaviyo_api_key,
        .revision = settings->klaviyo_revision,
        .ca_file = settings->klaviyo_ca_file,
        .request_timeout_ms = timeout_ms,
        .connect_timeout_ms =
            timeout_ms < CONNECT_TIMEOUT_MS_MAX ? timeout_ms : CONNECT_TIMEOUT_MS_MAX,
    };
    return sender_open(&options, &program->sender, err);
}

static enum err_code open_worker(struct program *program, struct err *err) {
    const struct settings *settings = &program->settings;
    struct worker_options options = {
        .id = program->name,
        .clock = clock_system(),
        .random = random_system(),
        .store = program->store,
        .metrics = program->metrics,
        .transport = sender_transport(program->sender),
        .concurrency = (size_t)settings->concurrency,
        .lease_ms = settings->lease_ms,
        .request_timeout_ms = settings->request_timeout_ms,
        .poll_interval_ms = settings->poll_interval_ms,
        .limits = {.burst_count = settings->rate_burst, .steady_count = settings->rate_steady},
        .gather_ms = GATHER_MS,
        .bulk_threshold = settings->bulk_threshold,
        .backfill_age_ms = settings->backfill_age_ms,
        .policy = {.retry_base_ms = settings->retry_base_ms,
                   .retry_max_ms = settings->retry_max_ms,
                   .retry_attempts_max = settings->retry_max_attempts,
                   .retry_age_max_ms = settings->retry_max_age_ms,
                   .probe_interval_ms = settings->probe_interval_ms},
    };
    return worker_open(&options, &program->worker, err);
}

/* The default port may be another worker's: then a free one does. One that was set is meant. */
static enum err_code open_listener(const struct settings *settings, int *fd_out, struct err *err) {
    enum err_code code = listen_open(settings->worker_listen, fd_out, err);
    if (code == ERR_CONFLICT && settings->worker_listen_is_default) {
        return listen_open("127.0.0.1:0", fd_out, err);
    }
    return code == ERR_OK ? ERR_OK : err_wrap(err, "PREORDER_WORKER_LISTEN");
}

/* What the admin thread shows; it reads the database over a connection of its own. */
static enum err_code open_watch(struct program *program, struct err *err) {
    struct store_options store_options = {
        .role = STORE_BACKGROUND,
        .write_timeout_ms = program->settings.write_timeout_ms,
        .clock = clock_system(),
    };
    if (store_open(program->settings.database_url, &store_options, &program->admin_store, err) !=
        ERR_OK) {
        return err->code;
    }
    struct watch_options options = {
        .component = "worker",
        .store = program->admin_store,
        .clock = clock_system(),
        .metrics = program->metrics,
    };
    return watch_open(&options, &program->watch, err);
}

static enum err_code start_admin(struct program *program, char address[LISTEN_ADDRESS_BYTES],
                                 struct err *err) {
    pulse_init(&program->pulse, clock_system(), STALE_MS + program->settings.write_timeout_ms);
    if (strcmp(program->settings.worker_listen, "none") == 0) {
        snprintf(address, LISTEN_ADDRESS_BYTES, "none");
        return ERR_OK;
    }
    int fd = -1;
    if (open_watch(program, err) != ERR_OK ||
        open_listener(&program->settings, &fd, err) != ERR_OK) {
        return err->code;
    }
    listen_describe(fd, address);
    struct admin_options options = {
        .listen_fd = fd,
        .clock = clock_system(),
        .random = random_system(),
        .checks = {{.name = "loop", .run = pulse_check_turning, .context = &program->pulse},
                   {.name = "accepting",
                    .run = pulse_check_not_draining,
                    .context = &program->pulse},
                   {.name = "account",
                    .run = watch_check_account,
                    .context = program->watch,
                    .is_note = true}},
        .check_count = 3,
        .render_metrics = watch_render,
        .metrics_context = program->watch,
    };
    return admin_start(&options, &program->admin, err);
}

static enum err_code enter_register(struct program *program, const char *address, struct err *err) {
    struct worker_entry entry = {
        .name = program->name,
        .host_id = program->settings.host_id,
        .listen = address,
        .pid = getpid(),
        .now_ms = clock_wall_ms(clock_system()),
    };
    return store_register_worker(program->store, &entry, err);
}

/* Opens everything, the thread last: signals are blocked and libcurl is ready before it exists. */
static enum err_code start(struct program *program, struct err *err) {
    settings_start_log(&program->settings, "worker");
    if (signals_open(&program->signals, err) != ERR_OK) {
        return err->code;
    }
    worker_name(program->settings.host_id, getpid(), random_system(), program->name);
    char address[LISTEN_ADDRESS_BYTES];
    if (metrics_open(worker_metrics, WORKER_METRIC_COUNT, &program->metrics, err) != ERR_OK ||
        open_sender(program, err) != ERR_OK || open_store(program, err) != ERR_OK ||
        open_worker(program, err) != ERR_OK || start_admin(program, address, err) != ERR_OK ||
        enter_register(program, address, err) != ERR_OK) {
        return err->code;
    }
    log_info(LOG_MSG("ready"), LOG_TEXT("worker", program->name), LOG_TEXT("listen", address),
             LOG_TEXT("klaviyo", program->settings.klaviyo_base_url),
             LOG_INT("concurrency", program->settings.concurrency),
             LOG_TEXT("version", PREORDER_VERSION));
    return ERR_OK;
}

/* A worker that cannot strike itself off is found dead by its neighbours. */
static void leave_register(struct program *program) {
    struct err err;
    if (program->store != NULL &&
        store_unregister_worker(program->store, clock_wall_ms(clock_system()), &err) != ERR_OK) {
        log_warning(LOG_MSG("cannot leave the register of workers"), LOG_TEXT("error", err.text));
    }
}

static void stop(struct program *program) {
    admin_stop(program->admin);
    watch_close(program->watch);
    store_close(program->admin_store);
    worker_close(program->worker);
    sender_close(program->sender);
    leave_register(program); /* nothing is on the wire any more */
    store_close(program->store);
    metrics_close(program->metrics);
    signals_close(&program->signals);
    settings_release(&program->settings);
}

/* What cannot be reloaded stays as it was. */
static void reload(struct program *program) {
    struct err err;
    if (settings_reload(&program->settings, &err) != ERR_OK) {
        log_error(LOG_MSG("reload failed, the old settings stay"), LOG_TEXT("error", err.text));
        return;
    }
    enum err_code code = sender_set_key(program->sender, program->settings.klaviyo_api_key, &err);
    assert(code == ERR_OK); /* the settings take no key that the sender does not */
    log_info(LOG_MSG("reloaded key and log level"));
}

static void heed_signals(struct program *program) {
    signals_read(&program->signals);
    if (program->signals.reload_asked) {
        program->signals.reload_asked = false;
        reload(program);
    }
    if (program->signals.stop_asked && !worker_is_draining(program->worker)) {
        log_info(LOG_MSG("draining"));
        pulse_drain(&program->pulse);
        worker_drain(program->worker, program->settings.drain_timeout_ms);
    }
}

static enum err_code run(struct program *program, struct err *err) {
    const int fds[] = {program->signals.fd,
                       program->wake_fd}; /* the one that may be left out last */
    int64_t wait_ms = 0;
    log_gather();
    for (;;) {
        pulse_beat(&program->pulse);
        if (worker_step(program->worker, &wait_ms, err) != ERR_OK) {
            return err->code;
        }
        if (worker_is_drained(program->worker)) {
            return ERR_OK;
        }
        wait_ms = wait_ms < TURN_MS_MAX ? wait_ms : TURN_MS_MAX;
        log_flush();
        bool listens = !worker_is_about_to_look(program->worker);
        if (sender_wait(program->sender, fds, listens ? 2 : 1, wait_ms, err) != ERR_OK) {
            return err->code;
        }
        if (listens && store_hear(program->store)) {
            worker_wake(program->worker);
        }
        heed_signals(program);
    }
}

static void report_end(const struct program *program) {
    size_t held_count = worker_held_count(program->worker);
    if (held_count > 0) {
        log_warning(LOG_MSG("stopped before the database took every outcome: the next worker sends "
                            "these events again"),
                    LOG_INT("count", (int64_t)held_count));
    }
    log_info(LOG_MSG("stopped"));
}

static int exit_status(const struct err *err) {
    log_error(LOG_MSG(err->text), LOG_TEXT("code", err_name(err->code)));
    return err->code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct program program = {.signals = {.fd = -1}};
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    int next = 0;
    if (settings_load(SETTINGS_WORKER, usage, summary, argc, argv, &program.settings, &next,
                      &action, &err) != ERR_OK) {
        return exit_status(&err);
    }
    if (action == CONFIG_DONE) {
        settings_release(&program.settings);
        return EXIT_SUCCESS;
    }
    if (next < argc) {
        err_set(&err, ERR_INVALID, "unexpected argument \"%s\": see --help", argv[next]);
        settings_release(&program.settings);
        return exit_status(&err);
    }
    int status = EXIT_SUCCESS;
    if (start(&program, &err) != ERR_OK || run(&program, &err) != ERR_OK) {
        status = exit_status(&err);
    } else {
        report_end(&program);
    }
    stop(&program);
    return status;
}
