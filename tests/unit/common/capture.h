#pragma once
/*
 * What a piece of code writes to one of the process's descriptors (1 or 2), caught in a file that has
 * no name. Between capture_begin and capture_end nothing else may write there, cmocka included: no
 * assertion may stand between them.
 */
#include "common/buf.h"

struct capture {
    int fd;       /* the captured one */
    int saved_fd; /* what it was */
    int file_fd;
};

void capture_begin(struct capture *capture, int fd);

/* Appends what was written. Ends the test if the machine does not play along. */
void capture_end(struct capture *capture, struct buf *text);
