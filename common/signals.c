#include "common/signals.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EXIT_STATUS_SECOND_STOP = 1 };

static void stop_signals(sigset_t *set) {
    /* These three cannot fail: the set and the numbers are right. */
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
}

static void ignore_signal(int number) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    int result = sigaction(number, &action, NULL);
    assert(result == 0); /* it fails for wrong arguments only */
}

enum err_code signals_open(struct signals *signals, struct err *err) {
    *signals = (struct signals){.fd = -1};
    ignore_signal(SIGPIPE);
    ignore_signal(SIGXFSZ);
    sigset_t set;
    stop_signals(&set);
    (void)sigaddset(&set, SIGHUP);
    int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
    assert(result == 0); /* as above */
    signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot wait for signals");
    }
    return ERR_OK;
}

void signals_close(struct signals *signals) {
    if (signals->fd >= 0) {
        (void)close(signals->fd);
    }
    signals->fd = -1;
}

static void exit_at_once(int number) {
    (void)number;
    _exit(EXIT_STATUS_SECOND_STOP);
}

/* From the first stop on, the kernel delivers the second one itself: it works even while the loop
   is stuck in a call and reads nothing. */
static void arm_second_stop(void) {
    struct sigaction action = {.sa_handler = exit_at_once};
    sigset_t set;
    stop_signals(&set);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void take_in(struct signals *signals, uint32_t number) {
    if (number == SIGHUP) {
        signals->reload_asked = true;
        return;
    }
    signals->stop_asked = true;
    arm_second_stop();
}

void signals_read(struct signals *signals) {
    struct signalfd_siginfo info;
    /* A reload and a stop: the second stop never comes this way. */
    for (int i = 0; i < 2; i++) {
        ssize_t got = read(signals->fd, &info, sizeof info);
        if (got != (ssize_t)sizeof info) {
            return; /* EAGAIN: nothing more */
        }
        take_in(signals, info.ssi_signo);
    }
}
