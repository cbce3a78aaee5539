/* What the kernel says about this very process. */
#include "common/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Opening and reading folders is wrapped by the linker: the test decides what /proc holds. */
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder);

static bool has_no_proc, is_folder_endless;
static const char *file_content; /* of each file, if not NULL */

FILE *__wrap_fopen64(const char *path, const char *mode) {
    if (has_no_proc) {
        return NULL;
    }
    if (file_content == NULL) {
        return __real_fopen64(path, mode);
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(fputs(file_content, file) >= 0);
    rewind(file);
    return file;
}

DIR *__wrap_opendir(const char *path) {
    return has_no_proc ? NULL : __real_opendir(path);
}

struct dirent *__wrap_readdir64(DIR *folder) {
    static struct dirent entry;
    return is_folder_endless ? &entry : __real_readdir64(folder);
}

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

static void without_proc_what_it_says_is_zero(void **state) {
    (void)state;
    struct process process;
    has_no_proc = true;
    process_read(&process);
    has_no_proc = false;
    assert_true(process.start_time_s <= 0 && process.start_time_s >= 0);
    assert_int_equal(process.open_fds, 0);
    assert_int_equal(process.resident_bytes, 0);
    assert_true(process.max_fds > 0 && process.cpu_s > 0);
}

static void what_is_no_figure_is_zero(void **state) {
    (void)state;
    static const char *const contents[] = {"", "no parenthesis", "1 two"};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct process process;
        file_content = contents[i];
        process_read(&process);
        file_content = NULL;
        assert_true(process.start_time_s <= 0 && process.start_time_s >= 0);
        assert_int_equal(process.resident_bytes, 0);
    }
}

static void a_folder_without_end_is_not_counted_for_ever(void **state) {
    (void)state;
    struct process process;
    is_folder_endless = true;
    process_read(&process);
    is_folder_endless = false;
    assert_true(process.open_fds > 1000000 && process.open_fds < 2000000);
}

/* Where the kernel knows slices the wish is granted; on none does it change the priority. */
static void short_slices_leave_the_priority_as_it_is(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int before = nice(3);
        process_want_short_slices();
        int after = getpriority(PRIO_PROCESS, 0);
        _exit(before == after && sched_getscheduler(0) == SCHED_OTHER ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_policy_that_somebody_chose_stays(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        const struct sched_param param = {0};
        int chosen = sched_setscheduler(0, SCHED_BATCH, &param);
        process_want_short_slices();
        _exit(chosen == 0 && sched_getscheduler(0) == SCHED_BATCH ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_read),
        cmocka_unit_test(it_started_a_moment_ago),
        cmocka_unit_test(an_open_file_counts),
        cmocka_unit_test(without_proc_what_it_says_is_zero),
        cmocka_unit_test(what_is_no_figure_is_zero),
        cmocka_unit_test(a_folder_without_end_is_not_counted_for_ever),
        cmocka_unit_test(short_slices_leave_the_priority_as_it_is),
        cmocka_unit_test(a_policy_that_somebody_chose_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
