#include "http/admin.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/buf.h"
#include "http/problem.h"
#include "http/server.h"

enum {
    ADMIN_CONNECTIONS_MAX = 64,
    ADMIN_DEADLINE_MS = 10 * 1000,
    ADMIN_TEXT_BYTES_MAX = ADMIN_CHECKS_MAX * (ERR_TEXT_BYTES + 64),
    ADMIN_METRICS_BYTES_MAX = 4 * 1024 * 1024,
    ADMIN_DRAIN_TURNS_MAX = 8, /* what is answered leaves; nobody waits for a slow prober */
};

struct admin {
    struct admin_options options;
    struct server *server;
    pthread_t thread;
    int stop_fd; /* an eventfd: readable when the thread shall end */
};

static void add_line(struct buf *text, const struct admin_check *check, enum err_code code,
                     const struct err *err) {
    if (code == ERR_OK) {
        buf_append_format(text, "[+]%s ok\n", check->name);
    } else if (check->is_note) {
        buf_append_format(text, "[i]%s: %s\n", check->name, err->text);
    } else {
        buf_append_format(text, "[-]%s failed: %s\n", check->name, err->text);
    }
}

static struct reply text_reply(int status, const char *text) {
    struct reply reply = reply_text(status, "text/plain; charset=utf-8", text);
    reply_add_header(&reply, "Cache-Control", "no-store");
    return reply;
}

static bool is_verbose(const struct request *request) {
    const char *word = "verbose";
    const char *query = request->query;
    return query != NULL && strncmp(query, word, strlen(word)) == 0 &&
           strchr("=&", query[strlen(word)]) != NULL; /* strchr finds the final NUL, too */
}

static struct reply ready_reply(const struct admin *admin, const struct request *request) {
    struct buf text;
    buf_init(&text, ADMIN_TEXT_BYTES_MAX);
    bool is_ready = true;
    for (size_t i = 0; i < admin->options.check_count; i++) {
        const struct admin_check *check = &admin->options.checks[i];
        struct err err = {0};
        enum err_code code = check->run(check->context, &err);
        if (code != ERR_OK && !check->is_note) {
            is_ready = false;
        }
        add_line(&text, check, code, &err);
    }
    const char *verdict = is_ready ? "ready\n" : "not ready\n";
    if (is_verbose(request)) {
        buf_append_text(&text, verdict);
    }
    bool shows_lines = is_verbose(request) && !buf_failed(&text);
    struct reply reply = text_reply(is_ready ? 200 : 503, shows_lines ? buf_text(&text) : verdict);
    buf_release(&text);
    return reply;
}

static struct reply metrics_reply(const struct admin *admin) {
    struct buf text;
    buf_init(&text, ADMIN_METRICS_BYTES_MAX);
    admin->options.render_metrics(admin->options.metrics_context, &text);
    struct reply reply =
        buf_failed(&text) ? text_reply(503, "out of memory\n") : text_reply(200, buf_text(&text));
    if (!buf_failed(&text)) {
        reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    }
    buf_release(&text);
    return reply;
}

static struct reply route(const struct admin *admin, const struct request *request) {
    bool is_live = strcmp(request->path, "/livez") == 0;
    bool is_metrics =
        admin->options.render_metrics != NULL && strcmp(request->path, "/metrics") == 0;
    if (!is_live && !is_metrics && strcmp(request->path, "/readyz") != 0) {
        return problem_reply(request, 404, NULL, NULL, "Here are /livez, /readyz and /metrics.",
                             NULL, 0);
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        struct reply reply = problem_reply(request, 405, NULL, NULL, "Use GET.", NULL, 0);
        reply_add_header(&reply, "Allow", "GET, HEAD");
        return reply;
    }
    if (is_metrics) {
        return metrics_reply(admin);
    }
    return is_live ? text_reply(200, "ok\n") : ready_reply(admin, request);
}

static void on_request(void *context, struct exchange *exchange) {
    struct reply reply = route(context, exchange_request(exchange));
    exchange_reply(exchange, &reply);
}

static void *run(void *context) {
    struct admin *admin = context;
    struct pollfd fds[] = {
        {.fd = admin->stop_fd, .events = POLLIN},
        {.fd = server_fd(admin->server), .events = POLLIN},
    };
    while (fds[0].revents == 0) {
        if (poll(fds, 2, server_wait_ms(admin->server)) < 0) {
            fds[0].revents = 0; /* EINTR: the signals are for other threads */
        }
        server_turn(admin->server);
    }
    server_drain(admin->server);
    for (int i = 0; i < ADMIN_DRAIN_TURNS_MAX && server_connection_count(admin->server) > 0; i++) {
        server_turn(admin->server);
    }
    return NULL;
}

/* Ends what admin_start began, in any state of it. */
static void release(struct admin *admin) {
    server_close(admin->server);
    if (admin->stop_fd >= 0) {
        close(admin->stop_fd);
    }
    free(admin);
}

enum err_code admin_start(const struct admin_options *options, struct admin **admin_out,
                          struct err *err) {
    assert(options->check_count <= ADMIN_CHECKS_MAX);
    struct admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL) {
        close(options->listen_fd);
        return err_set(err, ERR_FATAL, "cannot start the admin listener: out of memory");
    }
    admin->options = *options;
    admin->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (admin->stop_fd < 0) {
        int number = errno;
        close(options->listen_fd);
        release(admin);
        return err_set_errno(err, ERR_FATAL, number, "cannot start the admin listener");
    }
    struct server_options server_options = {
        .listen_fd = options->listen_fd,
        .body_bytes_max = 0,
        .request_deadline_ms = ADMIN_DEADLINE_MS,
        .connections_max = ADMIN_CONNECTIONS_MAX,
        .clock = options->clock,
        .random = options->random,
        .on_request = on_request,
        .context = admin,
    };
    enum err_code code = server_open(&server_options, &admin->server, err);
    if (code == ERR_OK) {
        int number = pthread_create(&admin->thread, NULL, run, admin);
        if (number != 0) {
            code = err_set_errno(err, ERR_FATAL, number, "cannot start the admin thread");
        }
    }
    if (code != ERR_OK) {
        release(admin);
        return code;
    }
    *admin_out = admin;
    return ERR_OK;
}

void admin_stop(struct admin *admin) {
    if (admin == NULL) {
        return;
    }
    uint64_t one = 1;
    ssize_t written = write(admin->stop_fd, &one, sizeof one);
    assert(written == sizeof one); /* it would take 2^64 - 1 stops to fill it */
    int number = pthread_join(admin->thread, NULL);
    assert(number == 0);
    release(admin);
}
