/* Signals: each test asks a child process, because masks and handlers stay. */
#include "common/signals.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/child.h"

static bool is_readable(const struct signals *signals) {
    struct pollfd poll_fd = {.fd = signals->fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static int nothing_came(void) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(!is_readable(&signals));
    signals_read(&signals); /* does not block */
    CHECK(!signals.stop_asked && !signals.reload_asked);
    signals_close(&signals);
    signals_close(&signals);
    CHECK(signals.fd == -1);
    return FINE;
}

static void nothing_is_asked_while_nothing_came(void **state) {
    (void)state;
    assert_int_equal(in_child(nothing_came), FINE);
}

static int one_stop(int number) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(kill(getpid(), number) == 0);
    CHECK(is_readable(&signals));
    signals_read(&signals);
    CHECK(signals.stop_asked && !signals.reload_asked);
    return FINE;
}

static int one_sigterm(void) {
    return one_stop(SIGTERM);
}

static int one_sigint(void) {
    return one_stop(SIGINT);
}

static void sigterm_and_sigint_ask_for_a_stop(void **state) {
    (void)state;
    assert_int_equal(in_child(one_sigterm), FINE);
    assert_int_equal(in_child(one_sigint), FINE);
}

static int two_hangups(void) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(kill(getpid(), SIGHUP) == 0);
        signals_read(&signals);
        CHECK(signals.reload_asked && !signals.stop_asked);
        signals.reload_asked = false;
    }
    return FINE;
}

static void sighup_asks_for_a_reload_as_often_as_it_comes(void **state) {
    (void)state;
    assert_int_equal(in_child(two_hangups), FINE);
}

static int two_stops_one_read(void) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(kill(getpid(), SIGHUP) == 0 && kill(getpid(), SIGTERM) == 0 &&
          kill(getpid(), SIGINT) == 0);
    signals_read(&signals);
    return CHECK_FAILED;
}

static void two_stops_in_one_read_end_the_process(void **state) {
    (void)state;
    assert_int_equal(in_child(two_stops_one_read), 1);
}

static int hangup_and_stop(void) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(kill(getpid(), SIGHUP) == 0 && kill(getpid(), SIGTERM) == 0);
    signals_read(&signals);
    CHECK(signals.stop_asked && signals.reload_asked);
    CHECK(kill(getpid(), SIGHUP) == 0);
    CHECK(is_readable(&signals));
    return FINE;
}

static void a_reload_and_a_stop_may_come_in_one_read(void **state) {
    (void)state;
    assert_int_equal(in_child(hangup_and_stop), FINE);
}

static int second_stop_while_stuck(void) {
    struct signals signals;
    struct err err;
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(kill(getpid(), SIGINT) == 0);
    signals_read(&signals);
    CHECK(signals.stop_asked);
    CHECK(kill(getpid(), SIGTERM) == 0); /* nobody reads any more */
    (void)pause();
    return CHECK_FAILED;
}

static void the_second_stop_works_while_the_loop_is_stuck(void **state) {
    (void)state;
    assert_int_equal(in_child(second_stop_while_stuck), 1);
}

static int broken_pipe(void) {
    struct signals signals;
    struct err err;
    int ends[2];
    CHECK(signals_open(&signals, &err) == ERR_OK);
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(write(ends[1], "x", 1) == -1);
    return FINE;
}

static int file_too_large(void) {
    struct signals signals;
    struct err err;
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
    CHECK(signals_open(&signals, &err) == ERR_OK);
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(write(fileno(file), "xx", 2) == 1);
    CHECK(write(fileno(file), "x", 1) == -1);
    return FINE;
}

static void broken_pipes_and_file_limits_are_errors_of_the_call(void **state) {
    (void)state;
    assert_int_equal(in_child(broken_pipe), FINE);
    assert_int_equal(in_child(file_too_large), FINE);
}

static int no_descriptor_left(void) {
    struct signals signals;
    struct err err;
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(signals_open(&signals, &err) == ERR_FATAL);
    signals_close(&signals);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0); /* sanitizers need some when the child ends */
    return FINE;
}

static void running_out_of_descriptors_is_told(void **state) {
    (void)state;
    assert_int_equal(in_child(no_descriptor_left), FINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_while_nothing_came),
        cmocka_unit_test(sigterm_and_sigint_ask_for_a_stop),
        cmocka_unit_test(sighup_asks_for_a_reload_as_often_as_it_comes),
        cmocka_unit_test(two_stops_in_one_read_end_the_process),
        cmocka_unit_test(a_reload_and_a_stop_may_come_in_one_read),
        cmocka_unit_test(the_second_stop_works_while_the_loop_is_stuck),
        cmocka_unit_test(broken_pipes_and_file_limits_are_errors_of_the_call),
        cmocka_unit_test(running_out_of_descriptors_is_told),
    };
    return cmocka_run_group_tests_name("common/signals", tests, NULL, NULL);
}
