#include "tests/unit/common/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void capture_begin(struct capture *capture, int fd) {
    (void)fflush(NULL);
    capture->fd = fd;
    capture->saved_fd = dup(fd);
    capture->file_fd = memfd_create("capture", MFD_CLOEXEC);
    assert_true(capture->saved_fd >= 0 && capture->file_fd >= 0);
    assert_int_equal(dup2(capture->file_fd, fd), fd);
}

void capture_end(struct capture *capture, struct buf *text) {
    char chunk[4096];
    ssize_t got = 0;
    off_t at = 0;
    (void)fflush(NULL);
    assert_int_equal(dup2(capture->saved_fd, capture->fd), capture->fd);
    assert_int_equal(close(capture->saved_fd), 0);
    while ((got = pread(capture->file_fd, chunk, sizeof chunk, at)) > 0) {
        buf_append(text, chunk, (size_t)got);
        at += got;
    }
    assert_int_equal(close(capture->file_fd), 0);
    assert_false(buf_failed(text));
}
