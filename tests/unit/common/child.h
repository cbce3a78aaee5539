#pragma once
/* What changes a process for good is tried in a child. */

/* What a body returns: all right, or from CHECK_FAILED on what CHECK found wrong. */
enum { FINE = 0, CHECK_FAILED = 10 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return CHECK_FAILED;                                                                   \
        }                                                                                          \
    } while (0)

/* What the body returned, as an exit status; below 0: the signal that it died of, SIGALRM if it hung. */
int in_child(int (*body)(void));
