/* Standard input, output and error: each test asks a child process, because it closes them. */
#include "common/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/child.h"

static int all_are_closed(void) {
    char byte = 'x';
    for (int fd = 0; fd <= 2; fd++) {
        (void)close(fd);
    }
    streams_reserve();
    CHECK(read(0, &byte, 1) < 0 && errno == EBADF);
    CHECK(write(1, &byte, 1) < 0 && errno == EBADF);
    CHECK(write(2, &byte, 1) < 0 && errno == EBADF);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(next > 2);
    (void)close(next);
    return FINE;
}

static void what_is_closed_is_taken_and_still_takes_nothing(void **state) {
    (void)state;
    assert_int_equal(in_child(all_are_closed), FINE);
}

static int one_is_closed(void) {
    struct stat before;
    struct stat after;
    (void)close(1);
    CHECK(fstat(2, &before) == 0);
    streams_reserve();
    CHECK((fcntl(1, F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK(fstat(2, &after) == 0 && before.st_ino == after.st_ino && before.st_dev == after.st_dev);
    return FINE;
}

static void what_is_open_stays(void **state) {
    (void)state;
    assert_int_equal(in_child(one_is_closed), FINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_closed_is_taken_and_still_takes_nothing),
        cmocka_unit_test(what_is_open_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
