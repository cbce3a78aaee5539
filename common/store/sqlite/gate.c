#include "common/store/sqlite/gate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Bytes of the gate file that stand for locks. What is written there does not matter to a lock. */
enum { BYTE_GATE = 0, BYTE_TURNSTILE = 1, BYTE_QUEUE = 2, BYTE_USERS = 3 };

/* The holder's pid in decimal, for people and for the error message. */
enum { PID_OFFSET = 16, PID_BYTES = 16 };

static int lock_byte(int fd, int command, short type, off_t byte) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, &lock) == 0 ? 0 : errno;
}

static void unlock_byte(int fd, off_t byte) {
    int result = lock_byte(fd, F_OFD_SETLK, F_UNLCK, byte);
    assert(result == 0);
}

static void on_alarm(int number) {
    (void)number; /* only there to interrupt fcntl */
}

static int alarm_signal(void) {
    return SIGRTMIN;
}

static void install_alarm_handler(void) {
    /* Without SA_RESTART, so that the waiting fcntl returns EINTR. */
    struct sigaction action = {.sa_handler = on_alarm};
    sigemptyset(&action.sa_mask);
    int result = sigaction(alarm_signal(), &action, NULL);
    assert(result == 0);
}

/* Interrupts this thread at the deadline and every ms after it: a single signal could come just
   before the call that it is meant to interrupt, and be lost. */
static CHECKED enum err_code alarm_start(timer_t *timer, int64_t delay_us, struct err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install_alarm_handler);
    /* Whoever started this process may have left the signal blocked: then the wait had no end. */
    sigset_t alarm_set;
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, alarm_signal());
    int unblocked = pthread_sigmask(SIG_UNBLOCK, &alarm_set, NULL);
    assert(unblocked == 0);

    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = alarm_signal()};
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, timer) != 0) {
        /* RLIMIT_SIGPENDING counts what all processes of a user have: it passes. */
        return err_set_errno(err, ERR_BUSY, errno, "cannot create a timer to wait for the gate");
    }
    const int64_t us_per_s = (int64_t)MS_PER_S * US_PER_MS;
    struct itimerspec times = {
        .it_value = {.tv_sec = delay_us / us_per_s, .tv_nsec = delay_us % us_per_s * 1000 + 1},
        .it_interval = {.tv_nsec = 1000000},
    };
    int result = timer_settime(*timer, 0, &times, NULL);
    assert(result == 0);
    return ERR_OK;
}

static enum err_code refuse(struct gate *gate, int64_t timeout_ms, struct err *err) {
    char pid[PID_BYTES + 1] = {0};
    ssize_t byte_count = pread(gate->fd, pid, PID_BYTES, PID_OFFSET);
    pid[byte_count > 0 ? strcspn(pid, " \n") : 0] = '\0';
    return err_set(err, ERR_BUSY,
                   "the gate %s was not free within %" PRId64
                   " ms; process %s was the last to enter it: if it is stopped, continue or end it",
                   gate->path, timeout_ms, pid[0] == '\0' ? "(unknown)" : pid);
}

/* Locks a byte, waiting until the deadline: ERR_BUSY without a text beyond it. */
static CHECKED enum err_code wait_for_byte(struct gate *gate, off_t byte, int64_t deadline_us,
                                           struct err *err) {
    for (;;) {
        int result = lock_byte(gate->fd, F_OFD_SETLKW, F_WRLCK, byte);
        if (result == 0) {
            return ERR_OK;
        }
        if (result != EINTR) {
            return err_set_errno(err, ERR_FATAL, result, "cannot lock the gate %s", gate->path);
        }
        if (clock_mono_us(gate->clock) >= deadline_us) {
            return ERR_BUSY;
        }
    }
}

/* The checkout's way in: it stands in the turnstile, so nobody new gets ahead of it. */
static CHECKED enum err_code wait_as_checkout(struct gate *gate, int64_t deadline_us,
                                              struct err *err) {
    enum err_code code = wait_for_byte(gate, BYTE_TURNSTILE, deadline_us, err);
    if (code != ERR_OK) {
        return code;
    }
    code = wait_for_byte(gate, BYTE_GATE, deadline_us, err);
    unlock_byte(gate->fd, BYTE_TURNSTILE);
    return code;
}

/* The background's way in. It keeps the queue until it leaves the gate, so that at most one of its
   kind is ever between the turnstile and the way out: the one holder a checkout may meet. */
static CHECKED enum err_code wait_as_background(struct gate *gate, int64_t deadline_us,
                                                struct err *err) {
    enum err_code code = wait_for_byte(gate, BYTE_QUEUE, deadline_us, err);
    if (code != ERR_OK) {
        return code;
    }
    code = wait_for_byte(gate, BYTE_TURNSTILE, deadline_us, err);
    if (code == ERR_OK) {
        unlock_byte(gate->fd, BYTE_TURNSTILE);
        code = wait_for_byte(gate, BYTE_GATE, deadline_us, err);
    }
    if (code != ERR_OK) {
        unlock_byte(gate->fd, BYTE_QUEUE);
    }
    return code;
}

/* Takes the gate without waiting. 0 or the errno of the lock that was not to be had. */
static int try_enter(struct gate *gate) {
    if (gate->role == STORE_CHECKOUT) {
        return lock_byte(gate->fd, F_OFD_SETLK, F_WRLCK, BYTE_GATE);
    }
    int result = lock_byte(gate->fd, F_OFD_SETLK, F_WRLCK, BYTE_QUEUE);
    if (result != 0) {
        return result;
    }
    result = lock_byte(gate->fd, F_OFD_SETLK, F_WRLCK, BYTE_TURNSTILE);
    if (result == 0) {
        unlock_byte(gate->fd, BYTE_TURNSTILE);
        result = lock_byte(gate->fd, F_OFD_SETLK, F_WRLCK, BYTE_GATE);
    }
    if (result != 0) {
        unlock_byte(gate->fd, BYTE_QUEUE);
    }
    return result;
}

/* The file may have been deleted under us; then others lock another file and the gate is none. */
static CHECKED enum err_code check_linked(const struct gate *gate, struct err *err) {
    struct stat status;
    if (fstat(gate->fd, &status) != 0 || status.st_nlink == 0) {
        return err_set(err, ERR_FATAL,
                       "the gate file %s was removed while in use: stop every process that uses "
                       "the database, then start them again",
                       gate->path);
    }
    return ERR_OK;
}

static void write_pid(struct gate *gate) {
    char text[PID_BYTES + 1];
    char last[PID_BYTES];
    int length = snprintf(text, sizeof text, "%-15" PRId64 "\n", (int64_t)getpid());
    assert(length == PID_BYTES);
    gate->is_shared = pread(gate->fd, last, PID_BYTES, PID_OFFSET) != PID_BYTES ||
                      memcmp(last, text, PID_BYTES) != 0;
    if (!gate->is_shared) {
        return;
    }
    /* For people only: if the disk is full, the message is without a pid. */
    ssize_t written = pwrite(gate->fd, text, PID_BYTES, PID_OFFSET);
    (void)written;
}

enum err_code gate_enter(struct gate *gate, int64_t timeout_ms, struct err *err) {
    assert(gate->fd >= 0 && !gate->is_held);
    enum err_code code = check_linked(gate, err);
    if (code != ERR_OK) {
        return code;
    }
    if (try_enter(gate) != 0) {
        int64_t timeout_us = timeout_ms * US_PER_MS;
        int64_t deadline_us = clock_mono_us(gate->clock) + timeout_us;
        timer_t timer;
        code = alarm_start(&timer, timeout_us, err);
        if (code != ERR_OK) {
            return code;
        }
        code = gate->role == STORE_CHECKOUT ? wait_as_checkout(gate, deadline_us, err)
                                            : wait_as_background(gate, deadline_us, err);
        (void)timer_delete(timer);
    }
    if (code == ERR_BUSY) {
        return refuse(gate, timeout_ms, err);
    }
    if (code == ERR_OK) {
        gate->is_held = true;
        write_pid(gate);
    }
    return code;
}

void gate_leave(struct gate *gate) {
    assert(gate->is_held);
    gate->is_held = false;
    unlock_byte(gate->fd, BYTE_GATE);
    if (gate->role == STORE_BACKGROUND) {
        unlock_byte(gate->fd, BYTE_QUEUE);
    }
}

static CHECKED enum err_code join_users(struct gate *gate, bool *is_first_out, struct err *err) {
    if (lock_byte(gate->fd, F_OFD_SETLK, F_WRLCK, BYTE_USERS) == 0) {
        *is_first_out = true;
        return ERR_OK;
    }
    /* Whoever has it alone is inside the gate, and we are: it can only be shared. */
    int result = lock_byte(gate->fd, F_OFD_SETLK, F_RDLCK, BYTE_USERS);
    if (result != 0) {
        return err_set_errno(err, ERR_FATAL, result, "cannot lock the gate %s", gate->path);
    }
    *is_first_out = false;
    gate_leave(gate);
    return ERR_OK;
}

enum err_code gate_open(struct gate *gate, const char *database_path, enum store_role role,
                        const struct clock *clock, int64_t timeout_ms, bool *is_first_out,
                        struct err *err) {
    *gate = (struct gate){.fd = -1, .role = role, .clock = clock};
    int length = snprintf(gate->path, sizeof gate->path, "%s-gate", database_path);
    assert(length > 0);
    if ((size_t)length >= sizeof gate->path) {
        return err_set(err, ERR_INVALID, "the database's path is too long");
    }
    gate->fd = open(gate->path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (gate->fd < 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot open the gate %s for writing",
                             gate->path);
    }
    enum err_code code = gate_enter(gate, timeout_ms, err);
    if (code == ERR_OK) {
        code = join_users(gate, is_first_out, err);
    }
    if (code != ERR_OK) {
        gate_close(gate);
    }
    return code;
}

enum err_code gate_share(struct gate *gate, struct err *err) {
    int result = lock_byte(gate->fd, F_OFD_SETLK, F_RDLCK, BYTE_USERS);
    if (result != 0) {
        return err_set_errno(err, ERR_FATAL, result, "cannot share the gate %s", gate->path);
    }
    gate_leave(gate);
    return ERR_OK;
}

void gate_close(struct gate *gate) {
    if (gate->fd >= 0) {
        (void)close(gate->fd); /* the kernel drops the locks with the last descriptor */
    }
    gate->fd = -1;
    gate->is_held = false;
}
