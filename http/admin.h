#pragma once
/*
 * The admin listener: /livez, /readyz (and ?verbose), /metrics, on a thread of its own, so that a busy or
 * stopped loop never looks dead and a probe never delays a checkout. Used by api and worker.
 *
 * /livez answers 200 as long as the thread runs: it has no dependencies. /readyz answers 200 if
 * every check passes, else 503; with ?verbose one line a check, "[+]name ok" or "[-]name failed:
 * why". A note never makes it 503: where it has something to say, its line is "[i]name: what".
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/random.h"

struct admin;

/* Called on the admin thread. ERR_OK: ready; else err->text says why not. */
struct admin_check {
    const char *name; /* "database", "draining" */
    enum err_code (*run)(void *context, struct err *err);
    void *context;
    bool is_note;
};

enum { ADMIN_CHECKS_MAX = 8 };

struct admin_options {
    int listen_fd; /* taken over, also if admin_start fails */
    const struct clock *clock;
    const struct random *random;
    struct admin_check checks[ADMIN_CHECKS_MAX];
    size_t check_count;
    /* Appends what /metrics shows, as Prometheus text; called on the admin thread. NULL: /metrics is
       404. */
    void (*render_metrics)(void *context, struct buf *text);
    void *metrics_context;
};

/* Starts the thread. Signals must be blocked before (signals_open). */
CHECKED enum err_code admin_start(const struct admin_options *options, struct admin **admin_out,
                                  struct err *err);
/* Ends the thread and closes the listener. NULL is fine. */
void admin_stop(struct admin *admin);
