/* Waiting at the gate in a process that was started in an odd way. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/store/sqlite/gate.h"
#include "common/store/sqlite/roster.h"
#include "tests/store/fixture.h"

enum { WAIT_MS = 100, ENDLESS_S = 20 };

/* In a child. Returns the error's code. */
static int wait_at_gate(const struct fixture *fixture) {
    struct gate gate;
    bool is_first = false;
    struct err err = {0};
    enum err_code code =
        gate_open(&gate, fixture->path, STORE_CHECKOUT, clock_system(), WAIT_MS, &is_first, &err);
    gate_close(&gate);
    return (int)code;
}

/* A mask survives exec, so it is not for us to say what is blocked at the start. */
static int wait_with_everything_blocked(void *context) {
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGALRM);
    (void)alarm(ENDLESS_S);
    return pthread_sigmask(SIG_BLOCK, &all, NULL) == 0 ? wait_at_gate(context) : 100;
}

static int wait_without_timers(void *context) {
    const struct rlimit none = {0};
    return setrlimit(RLIMIT_SIGPENDING, &none) == 0 ? wait_at_gate(context) : 100;
}

static void blocked_signals_do_not_make_it_endless(void **state) {
    struct fixture *fixture = *state;
    struct fixture_holder holder = fixture_hold_gate(fixture);
    assert_int_equal(fixture_join(fixture_spawn(wait_with_everything_blocked, fixture)), ERR_BUSY);
    fixture_release_gate(&holder);
}

static void without_a_timer_it_is_busy(void **state) {
    struct fixture *fixture = *state;
    struct fixture_holder holder = fixture_hold_gate(fixture);
    assert_int_equal(fixture_join(fixture_spawn(wait_without_timers, fixture)), ERR_BUSY);
    fixture_release_gate(&holder);
    assert_int_equal(fixture_join(fixture_spawn(wait_without_timers, fixture)), ERR_OK);
}

/* A checkout inside, another in the turnstile: the locks of both, taken by hand. */
static void a_worker_gives_up_in_front_of_the_turnstile(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s-gate", fixture->path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    struct flock both = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 2};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &both), 0);
    struct store_options options = fixture_options(STORE_BACKGROUND, 50);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_CODE(ERR_BUSY, store_open(fixture->url, &options, &store, &err));
    assert_int_equal(close(fd), 0);
    ASSERT_OK(store_open(fixture->url, &options, &store, &err)); /* nothing stayed locked */
    ASSERT_OK(store_check_writable(store, &err));
    store_close(store);
}

static void who_sits_in_the_gate_may_be_unknown(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s-gate", fixture->path);
    struct fixture_holder holder = fixture_hold_gate(fixture);
    assert_int_equal(truncate(path, 0), 0); /* no pid in it, as on a full disk */
    struct store_options options = fixture_options(STORE_CHECKOUT, 50);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_CODE(ERR_BUSY, store_open(fixture->url, &options, &store, &err));
    assert_non_null(strstr(err.text, "process (unknown) was the last to enter"));
    fixture_release_gate(&holder);
}

static void a_path_without_room_for_the_suffix_is_refused(void **state) {
    (void)state;
    char path[4096];
    struct gate gate;
    struct roster roster;
    bool is_first = false;
    struct err err = {0};
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    ASSERT_CODE(ERR_INVALID,
                gate_open(&gate, path, STORE_CHECKOUT, clock_system(), 1, &is_first, &err));
    ASSERT_CODE(ERR_INVALID, roster_init(&roster, path, &err));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(blocked_signals_do_not_make_it_endless),
        EACH(without_a_timer_it_is_busy),
        EACH(a_worker_gives_up_in_front_of_the_turnstile),
        EACH(who_sits_in_the_gate_may_be_unknown),
        cmocka_unit_test(a_path_without_room_for_the_suffix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
