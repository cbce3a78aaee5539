/* Calls that tests/integration/test_denied.py denies the worker's program, beside its memory (deny_main.c). */
#include <curl/curl.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "tests/unit/deny.h"

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
