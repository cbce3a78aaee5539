#pragma once
/*
 * Signals as a descriptor that a loop can wait on.
 *
 * SIGTERM and SIGINT ask for a drain; a second one ends the process at once with exit status 1, even
 * while the loop is stuck in a call.
 * SIGHUP asks for a reload. SIGPIPE and SIGXFSZ are ignored: a closed socket and a file-size limit
 * come back as errors of the call that met them.
 *
 * Threads: signals_open before any thread is created (the mask is inherited); the rest from the
 * thread that owns the loop.
 */
#include <stdbool.h>

#include "common/err.h"

struct signals {
    int fd; /* readable when something came; for poll and epoll */
    bool stop_asked;
    bool reload_asked;
};

CHECKED enum err_code signals_open(struct signals *signals, struct err *err);
void signals_close(struct signals *signals);

/* Takes in what came; never blocks. Sets stop_asked and reload_asked; the caller clears the latter
   once it has reloaded. The second stop does not return: it calls _exit(1). */
void signals_read(struct signals *signals);
