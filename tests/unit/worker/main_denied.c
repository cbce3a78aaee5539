/*
 * The worker's program with a call that fails: DENY=memory:3 in its environment denies it the third allocation of its
 * own code (tests/unit/deny.h). At its end it writes whether it came to that. For tests/integration/test_denied.py.
 */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/unit/deny.h"

enum { CALL_BYTES = 32 };

static char call[CALL_BYTES];

__attribute__((constructor)) static void begin(void) {
    const char *asked = getenv("DENY");
    int nth = 0;
    if (asked == NULL || sscanf(asked, "%31[^:]:%d", call, &nth) != 2 || nth < 1) {
        fputs("DENY is not CALL:NTH\n", stderr);
        abort();
    }
    deny(call, nth, ENOMEM);
}

__attribute__((destructor)) static void end(void) {
    if (deny_end()) {
        fputs("denied\n", stderr);
    }
}

int __real_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
CURLMcode __real_curl_multi_poll(CURLM *multi, struct curl_waitfd *fds, unsigned int count,
                                 int timeout_ms, int *ready);
CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *fds, unsigned int count,
                                 int timeout_ms, int *ready);

int __wrap_signalfd(int fd, const sigset_t *set, int flags) {
    return deny_strikes("signalfd") ? -1 : __real_signalfd(fd, set, flags);
}

CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *fds, unsigned int count,
                                 int timeout_ms, int *ready) {
    return deny_strikes("curl_multi_poll")
               ? CURLM_OUT_OF_MEMORY
               : __real_curl_multi_poll(multi, fds, count, timeout_ms, ready);
}
