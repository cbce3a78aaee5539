#pragma once
/*
 * The api's loop: one thread, one wait point. Each turn runs the HTTP server, commits what it
 * brought in one transaction, lets the replies out, then does the housekeeping that must not delay
 * an answer.
 *
 * It ends by a drain (SIGTERM, SIGINT): no new connections, what is in hand is answered, at most
 * drain_timeout_ms. Or by ERR_FATAL of the database: everybody in hand gets 503, and the process
 * should exit, because the next one to open the database recovers it.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "api/api.h"
#include "common/signals.h"
#include "http/server.h"

/* The API checkpoints only when no worker did: workers start at 130 pages. Who comes meanwhile waits
   for a page about 10 us. */
enum { SERVE_CHECKPOINT_PAGES = 170 };

struct serve_options {
    struct settings *settings; /* borrowed; SIGHUP reloads secrets and the log level into it */
    struct catalog *catalog;   /* taken over; SIGHUP replaces it */
    struct store *store;       /* borrowed */
    struct metrics *metrics;   /* borrowed, of api_metrics */
    const struct clock *clock;
    const struct random *random;
    struct signals *signals;  /* borrowed */
    atomic_bool *is_draining; /* set when the drain begins; read by the admin thread */
    int listen_fd;            /* taken over */
};

/* Runs until it is drained. ERR_FATAL: exit with status 1. */
CHECKED enum err_code serve(const struct serve_options *options, struct err *err);
