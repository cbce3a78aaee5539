/* What the kernel says about this very process. */
#include "common/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void every_figure_is_read(void **state) {
    (void)state;
    struct process process;
    process_read(&process);
    assert_true(process.open_fds >= 3 && process.max_fds >= process.open_fds);
    assert_true(process.resident_bytes > 100000);
    assert_true(process.cpu_s > 0);
}

static void it_started_a_moment_ago(void **state) {
    (void)state;
    struct process process;
    process_read(&process);
    double age_s = (double)time(NULL) - process.start_time_s;
    assert_true(age_s > -2 && age_s < 60);
}

static void an_open_file_counts(void **state) {
    (void)state;
    struct process before, after;
    process_read(&before);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    process_read(&after);
    assert_int_equal(after.open_fds, before.open_fds + 1);
    assert_int_equal(close(fd), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_read),
        cmocka_unit_test(it_started_a_moment_ago),
        cmocka_unit_test(an_open_file_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
