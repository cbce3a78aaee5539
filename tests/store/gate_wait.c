/* Waiting at the gate in a process that was started in an odd way. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/store/sqlite/gate.h"
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

#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(blocked_signals_do_not_make_it_endless),
        EACH(without_a_timer_it_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
