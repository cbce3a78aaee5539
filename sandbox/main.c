/*
 * klaviyo-sandbox: a stand-in for Klaviyo. Wiring and the loop only.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/signals.h"
#include "http/listen.h"
#include "http/server.h"
#include "sandbox/endpoint.h"
#include "sandbox/options.h"
#include "sandbox/sandbox.h"

enum {
    CONNECTIONS_MAX = 10000,
    REQUEST_DEADLINE_MS = 60 * 1000, /* also how long an idle connection is kept */
    PEM_BYTES_MAX = 1024 * 1024,
};

struct program {
    struct options options;
    struct signals signals;
    struct script *script;
    struct sandbox *sandbox;
    struct server *server;
    char *certificate_pem, *key_pem;
    int listen_fd;
};

static void on_head(void *context, struct exchange *exchange) {
    struct program *self = context;
    sandbox_look_at_head(self->sandbox, exchange);
}

static void on_request(void *context, struct exchange *exchange) {
    struct program *self = context;
    sandbox_take(self->sandbox, exchange);
}

static bool on_connect(void *context, int64_t number, int fd) {
    struct program *self = context;
    return sandbox_look_at_connection(self->sandbox, number, fd);
}

static void on_done(void *context, const struct request *request, int status, int64_t duration_us) {
    (void)context;
    log_info(LOG_MSG("request"), LOG_TEXT("method", request->method),
             LOG_TEXT("path", request->path), LOG_INT("status", status),
             LOG_INT("body_bytes", (int64_t)request->body_bytes),
             LOG_INT("duration_us", duration_us), LOG_TEXT("request_id", request->id),
             LOG_TEXT("traceparent", request_header(request, "traceparent")));
}

static struct reply render_error(void *context, const struct request *request, int status,
                                 const char *name, const char *detail) {
    struct program *self = context;
    (void)request;
    (void)name;
    return sandbox_refuse(self->sandbox, status, detail);
}

/* ---- Start ----------------------------------------------------------------------------------- */

static CHECKED enum err_code start_log(const struct options *options, struct err *err) {
    enum log_format format = LOG_FORMAT_AUTO;
    enum log_level level = LOG_LEVEL_INFO;
    enum err_code code = log_format_parse(options->log_format, &format, err);
    if (code == ERR_OK) {
        code = log_level_parse(options->log_level, &level, err);
    }
    if (code == ERR_OK) {
        log_init("sandbox", format, level);
    }
    return code;
}

static CHECKED enum err_code read_pem(const char *path, char **text_out, struct err *err) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_set_errno(err, ERR_INVALID, errno, "%s: cannot be opened", path);
    }
    char *text = calloc(1, PEM_BYTES_MAX);
    size_t length = text == NULL ? 0 : fread(text, 1, PEM_BYTES_MAX - 1, file);
    bool failed = text == NULL || ferror(file) || !feof(file);
    (void)fclose(file);
    if (failed || length == 0) {
        free(text);
        return err_set(err, ERR_INVALID, "%s: is no PEM file", path);
    }
    *text_out = text;
    return ERR_OK;
}

static CHECKED enum err_code load(struct program *self, struct err *err) {
    const struct options *options = &self->options;
    bool is_tls = options->tls_cert_path[0] != '\0';
    enum err_code code = ERR_OK;
    if (is_tls) {
        code = read_pem(options->tls_cert_path, &self->certificate_pem, err);
    }
    if (code == ERR_OK && is_tls) {
        code = read_pem(options->tls_key_path, &self->key_pem, err);
    }
    if (code == ERR_OK && options->script_path[0] != '\0') {
        code = script_load(options->script_path, is_tls, &self->script, err);
    }
    return code;
}

static CHECKED enum err_code open_sandbox(struct program *self, struct err *err) {
    const struct options *options = &self->options;
    struct sandbox_options sandbox_options = {
        .ledger_path = options->ledger_path,
        .burst_count = options->burst_count,
        .steady_count = options->steady_count,
        .bulk_repeats = strcmp(options->bulk_repeats, "history") == 0 ? BULK_REPEATS_HISTORY
                                                                      : BULK_REPEATS_REQUEST,
        .script = self->script,
        .is_tls = self->certificate_pem != NULL,
        .clock = clock_system(),
        .random = random_system(),
    };
    return sandbox_open(&sandbox_options, &self->sandbox, err);
}

static CHECKED enum err_code open_server(struct program *self, struct err *err) {
    struct server_options server_options = {
        .body_bytes_max = ENDPOINT_BODY_BYTES_MAX,
        .request_deadline_ms = REQUEST_DEADLINE_MS,
        .connections_max = CONNECTIONS_MAX,
        .tls_certificate_pem = self->certificate_pem,
        .tls_key_pem = self->key_pem,
        .clock = clock_system(),
        .random = random_system(),
        .on_head = on_head,
        .on_request = on_request,
        .on_done = on_done,
        .on_connect = on_connect,
        .render_error = render_error,
        .context = self,
    };
    enum err_code code = listen_open(self->options.listen, &server_options.listen_fd, err);
    if (code != ERR_OK) {
        return err_wrap(err, "SANDBOX_LISTEN");
    }
    self->listen_fd = server_options.listen_fd;
    return server_open(&server_options, &self->server, err);
}

static CHECKED enum err_code set_up(struct program *self, struct err *err) {
    enum err_code code = start_log(&self->options, err);
    if (code == ERR_OK) {
        code = signals_open(&self->signals, err);
    }
    if (code == ERR_OK) {
        code = load(self, err);
    }
    if (code == ERR_OK) {
        code = open_sandbox(self, err);
    }
    if (code == ERR_OK) {
        code = open_server(self, err);
    }
    if (code == ERR_OK) {
        char address[LISTEN_ADDRESS_BYTES];
        listen_describe(self->listen_fd, address);
        (void)printf("listening on %s\n", address);
        (void)fflush(stdout);
        log_info(LOG_MSG("ready"), LOG_TEXT("listen", address),
                 LOG_TEXT("version", PREORDER_VERSION));
    }
    return code;
}

/* ---- The loop -------------------------------------------------------------------------------- */

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Waits, takes requests in, answers them, and lets the answers leave. */
static CHECKED enum err_code turn(struct program *self, struct err *err) {
    struct pollfd fds[] = {
        {.fd = server_fd(self->server), .events = POLLIN},
        {.fd = self->signals.fd, .events = POLLIN},
    };
    int32_t wait_ms = smaller(server_wait_ms(self->server), sandbox_wait_ms(self->sandbox));
    if (poll(fds, 2, wait_ms) > 0 && fds[1].revents != 0) {
        signals_read(&self->signals);
    }
    server_turn(self->server);
    enum err_code code = sandbox_turn(self->sandbox, err);
    if (code == ERR_OK) {
        server_turn(self->server);
    }
    return code;
}

static CHECKED enum err_code run(struct program *self, struct err *err) {
    enum err_code code = ERR_OK;
    while (code == ERR_OK && !self->signals.stop_asked) {
        code = turn(self, err);
    }
    int64_t until_ms = clock_mono_ms(clock_system()) + self->options.drain_timeout_ms;
    server_drain(self->server);
    sandbox_drain(self->sandbox);
    while (code == ERR_OK &&
           server_connection_count(self->server) > sandbox_stream_count(self->sandbox) &&
           clock_mono_ms(clock_system()) < until_ms) {
        code = turn(self, err);
    }
    return code;
}

static void tear_down(struct program *self) {
    sandbox_drain(self->sandbox);
    server_close(self->server);
    sandbox_close(self->sandbox);
    script_free(self->script);
    signals_close(&self->signals);
    free(self->certificate_pem);
    free(self->key_pem);
    options_release(&self->options);
}

int main(int argc, char **argv) {
    struct program self = {.signals.fd = -1};
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    enum err_code code = options_load(argc, argv, &self.options, &action, &err);
    if (code == ERR_OK && action == CONFIG_DONE) {
        return EXIT_SUCCESS;
    }
    if (code == ERR_OK) {
        code = set_up(&self, &err);
        if (code == ERR_OK) {
            code = run(&self, &err);
        }
        tear_down(&self);
    }
    if (code == ERR_OK) {
        return EXIT_SUCCESS;
    }
    (void)fprintf(stderr, "klaviyo-sandbox: %s\n", err.text);
    return code == ERR_INVALID ? 2 : EXIT_FAILURE;
}
