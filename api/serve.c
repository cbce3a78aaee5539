#include "api/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/router.h"
#include "common/log.h"

struct serve {
    struct serve_options options;
    struct api *api;
    struct server *server;
    int32_t surplus_count; /* connections to be closed when this turn began */
};

static void on_head(void *context, struct exchange *exchange) {
    struct serve *self = context;
    struct reply reply = {0};
    if (api_refuse_head(self->api, exchange_request(exchange), &reply)) {
        exchange_reply(exchange, &reply);
    }
}

static int64_t body_limit(void *context, const struct request *request) {
    (void)context;
    return router_body_bytes_max(request);
}

static void on_request(void *context, struct exchange *exchange) {
    struct serve *self = context;
    api_take(self->api, exchange_request(exchange), exchange);
}

static void on_reply(void *context, void *ticket, struct reply *reply) {
    (void)context;
    exchange_reply(ticket, reply);
}

static void on_leaving(void *context, const struct request *request, struct reply *reply) {
    struct serve *self = context;
    api_add_headers(self->api, request, reply);
    /* Each connection more than keeps us busy makes all of them wait longer. */
    if (reply->status == 503 && api_is_overloaded(self->api) && self->surplus_count > 0) {
        reply->closes = true;
        self->surplus_count--;
    }
}

static void count_request(struct metrics *metrics, const struct request *request, int status,
                          int64_t duration_us) {
    char code[16];
    const char *route = router_label(request);
    (void)snprintf(code, sizeof code, "%03d", status);
    metrics_add(metrics, API_REQUESTS, METRIC_LABELS(route, router_method_label(request), code), 1);
    metrics_observe(metrics, API_REQUEST_DURATION, METRIC_LABELS(route),
                    (double)duration_us / (double)(MS_PER_S * US_PER_MS));
}

static void on_done(void *context, const struct request *request, int status, int64_t duration_us) {
    struct serve *self = context;
    count_request(self->options.metrics, request, status, duration_us);
    if (status == 503 && api_is_overloaded(self->api)) {
        return; /* a line each would cost more than the refusal; it is summed up in the end */
    }
    log_info(LOG_MSG("request"), LOG_TEXT("request_id", request->id),
             LOG_TEXT("method", request->method), LOG_TEXT("route", router_label(request)),
             LOG_INT("status", status),
             LOG_NUMBER("duration_ms", (double)duration_us / (double)US_PER_MS));
}

static void reload(struct serve *self) {
    struct err err = {0};
    struct catalog *catalog = NULL;
    self->options.signals->reload_asked = false;
    if (settings_reload(self->options.settings, &err) != ERR_OK) {
        log_error(LOG_MSG("settings not reloaded, the old ones stay"), LOG_TEXT("error", err.text));
    }
    err = (struct err){0};
    if (catalog_load(self->options.settings->catalog_path, &catalog, &err) != ERR_OK) {
        log_error(LOG_MSG("catalog not reloaded, the old one stays"), LOG_TEXT("error", err.text));
        return;
    }
    api_set_catalog(self->api, catalog);
    catalog_free(self->options.catalog);
    self->options.catalog = catalog;
    log_info(LOG_MSG("catalog reloaded"), LOG_INT("products", (int64_t)catalog_count(catalog)));
}

/* Sleeps until there is something to do. */
static CHECKED enum err_code wait_for_work(struct serve *self, struct err *err) {
    struct pollfd fds[] = {
        {.fd = server_fd(self->server), .events = POLLIN},
        {.fd = self->options.signals->fd, .events = POLLIN},
    };
    int32_t wait_ms = api_queued_count(self->api) > 0 ? 0 : server_wait_ms(self->server);
    if (wait_ms > 0) {
        log_flush();
    }
    if (poll(fds, sizeof fds / sizeof fds[0], wait_ms) < 0 && errno != EINTR) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot wait for requests");
    }
    signals_read(self->options.signals);
    return ERR_OK;
}

/* Between turns of the server the loop sleeps or waits for the commit: that is what a look from
   outside finds. */
static void turn_server(struct serve *self) {
    api_tend(self->api);
    server_set_busy(self->server, api_is_overloaded(self->api));
    self->surplus_count = server_connection_count(self->server) - SERVER_BUSY_CONNECTIONS;
    server_turn(self->server);
    metrics_set(self->options.metrics, API_REQUESTS_IN_FLIGHT, NULL,
                server_unanswered_count(self->server));
}

static CHECKED enum err_code turn(struct serve *self, struct err *err) {
    enum err_code code = wait_for_work(self, err);
    if (code != ERR_OK) {
        return code;
    }
    turn_server(self);
    if (api_queued_count(self->api) > 0) {
        code = api_commit(self->api, err);
        log_flush(); /* before anybody is told */
        turn_server(self);
        store_wake(self->options.store);
    }
    if (code == ERR_OK &&
        store_checkpoint(self->options.store, SERVE_CHECKPOINT_PAGES, err) == ERR_FATAL) {
        code = ERR_FATAL;
    }
    if (self->options.signals->reload_asked) {
        reload(self);
    }
    return code;
}

static CHECKED enum err_code drain(struct serve *self, struct err *err) {
    int64_t deadline_ms =
        clock_mono_ms(self->options.clock) + self->options.settings->drain_timeout_ms;
    atomic_store(self->options.is_draining, true);
    log_info(LOG_MSG("draining"), LOG_INT("connections", server_connection_count(self->server)));
    server_drain(self->server);
    enum err_code code = ERR_OK;
    while (code == ERR_OK && server_connection_count(self->server) > 0 &&
           clock_mono_ms(self->options.clock) < deadline_ms) {
        code = turn(self, err);
    }
    return code;
}

static CHECKED enum err_code open_server(struct serve *self, struct err *err) {
    struct server_options options = {
        .listen_fd = self->options.listen_fd,
        .body_limit = body_limit,
        .request_deadline_ms = self->options.settings->request_deadline_ms,
        .connections_max = (int32_t)self->options.settings->connections_max,
        .clock = self->options.clock,
        .random = self->options.random,
        .on_head = on_head,
        .on_request = on_request,
        .on_reply = on_leaving,
        .on_done = on_done,
        .context = self,
    };
    return server_open(&options, &self->server, err);
}

static CHECKED enum err_code open_api(struct serve *self, struct err *err) {
    struct api_options options = {
        .settings = self->options.settings,
        .catalog = self->options.catalog,
        .store = self->options.store,
        .metrics = self->options.metrics,
        .clock = self->options.clock,
        .random = self->options.random,
        .on_reply = on_reply,
        .context = self,
    };
    return api_open(&options, &self->api, err);
}

enum err_code serve(const struct serve_options *options, struct err *err) {
    struct serve self = {.options = *options};
    enum err_code code = open_api(&self, err);
    if (code == ERR_OK) {
        code = open_server(&self, err);
    } else {
        (void)close(options->listen_fd); /* else it is the server's */
    }
    log_gather();
    while (code == ERR_OK && !self.options.signals->stop_asked) {
        code = turn(&self, err);
    }
    if (code == ERR_OK) {
        code = drain(&self, err);
    }
    if (code != ERR_OK && self.server != NULL) {
        api_refuse_queued(self.api);
        server_turn(self.server);
    }
    server_close(self.server);
    api_close(self.api);
    catalog_free(self.options.catalog);
    log_flush();
    return code;
}
