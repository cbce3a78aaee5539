#pragma once
/*
 * What both programs show to those who watch them: how the shared database and the Klaviyo account
 * stand, the process, the build, and then the program's own metrics. One place, so that a figure has
 * the same name and the same meaning on every process.
 *
 * The database is asked at most once a second, however often somebody looks. While it cannot be
 * read its figures are left out: a missing figure raises an alert, a stale one hides the trouble.
 *
 * Threads: one, the admin's; the program's metrics are written by another one.
 */
#include "common/clock.h"
#include "common/metrics.h"
#include "common/store.h"

enum { WATCH_TEXT_BYTES_MAX = 1024 * 1024, WATCH_READ_INTERVAL_MS = 1000 };

struct watch;

struct watch_options {
    const char *component; /* "api", "worker" */
    struct store *store;   /* the watching thread's own */
    const struct clock *clock;
    const struct metrics *metrics; /* the program's own */
};

/* Everything in `options` is borrowed until watch_close. ERR_FATAL: out of memory. */
CHECKED enum err_code watch_open(const struct watch_options *options, struct watch **watch_out,
                                 struct err *err);
void watch_close(struct watch *watch); /* NULL is fine */

/* For struct admin_options; `context` is the watch. Appends all metrics. */
void watch_render(void *context, struct buf *text);

/* For struct admin_check, as a note: ERR_OK if nothing holds the account back; else what does. It is
   no reason to send a process no traffic, nor to restart it. `context` is the watch. */
CHECKED enum err_code watch_check_account(void *context, struct err *err);
