/* The sender when a call fails: it says so, sends nothing twice, and sends again afterwards. */
#include <curl/curl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/unit/deny.h"
#include "tests/unit/worker/peer.h"
#include "tests/unit/worker/play.h"
#include "worker/sender.h"
#include "worker/sockets.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { TIMEOUT_MS = 5000, NTH_MAX = 2000 };

static const char payload[] = "{\"data\":{\"type\":\"event\",\"attributes\":{\"value\":49.9}}}";

/* ---- What can be denied ----------------------------------------------------------------------- */

#define DENIABLE(type, name, parameters, arguments, refusal)                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return deny_strikes(#name) ? refusal : __real_##name arguments;                            \
    }

DENIABLE(CURL *, curl_easy_init, (void), (), NULL)
DENIABLE(CURLM *, curl_multi_init, (void), (), NULL)
DENIABLE(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),
         (list, text), NULL)
DENIABLE(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy),
         CURLM_OUT_OF_MEMORY)
DENIABLE(CURLMcode, curl_multi_poll,
         (CURLM * multi, struct curl_waitfd *fds, unsigned int count, int timeout_ms, int *ready),
         (multi, fds, count, timeout_ms, ready), CURLM_INTERNAL_ERROR)
DENIABLE(CURLMcode, curl_multi_perform, (CURLM * multi, int *running), (multi, running),
         CURLM_INTERNAL_ERROR)
DENIABLE(bool, sockets_add, (struct sockets * sockets, int fd), (sockets, fd), false)
DENIABLE(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
DENIABLE(int, getsockname, (int fd, struct sockaddr *name, socklen_t *name_bytes),
         (fd, name, name_bytes), -1)

/* Every option takes one word. */
CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLMcode __real_curl_multi_setopt(CURLM *multi, CURLMoption option, ...);
CURLMcode __wrap_curl_multi_setopt(CURLM *multi, CURLMoption option, ...);

CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...) {
    va_list rest;
    va_start(rest, option);
    void *value = va_arg(rest, void *);
    va_end(rest);
    return deny_strikes("curl_easy_setopt") ? CURLE_OUT_OF_MEMORY
                                            : __real_curl_easy_setopt(easy, option, value);
}

CURLMcode __wrap_curl_multi_setopt(CURLM *multi, CURLMoption option, ...) {
    va_list rest;
    va_start(rest, option);
    void *value = va_arg(rest, void *);
    va_end(rest);
    return deny_strikes("curl_multi_setopt") ? CURLM_UNKNOWN_OPTION
                                             : __real_curl_multi_setopt(multi, option, value);
}

/* libcurl's own allocations can be denied, too. */
CURLcode __wrap_curl_global_init(long flags);

CURLcode __wrap_curl_global_init(long flags) {
    return deny_strikes("curl_global_init")
               ? CURLE_FAILED_INIT
               : curl_global_init_mem(flags, malloc, free, realloc, strdup, calloc);
}

/* ---- Scenes ----------------------------------------------------------------------------------- */

struct scene {
    struct peer peer;
    struct sender *sender;
    const struct transport *transport;
    struct transport_answer answer;
    bool has_ca_file;
};

static enum err_code open_sender(struct scene *scene, struct err *err) {
    struct sender_options options = {
        .slot_count = 1,
        .base_url = scene->peer.url,
        .api_key = "pk_secret",
        .revision = "2026-07-15",
        .ca_file = scene->has_ca_file ? "own.pem" : "",
        .request_timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = TIMEOUT_MS,
    };
    scene->sender = NULL;
    enum err_code code = sender_open(&options, &scene->sender, err);
    scene->transport = code == ERR_OK ? sender_transport(scene->sender) : NULL;
    return code;
}

static void open_scene(struct scene *scene) {
    struct err err;
    *scene = (struct scene){0};
    peer_open(&scene->peer, play_accept_all);
    assert_int_equal(open_sender(scene, &err), ERR_OK);
}

static void close_scene(struct scene *scene) {
    sender_close(scene->sender);
    peer_close(&scene->peer);
}

static enum err_code start(struct scene *scene, struct err *err) {
    struct transport_request request = {
        .kind = TRANSPORT_EVENT,
        .payload = payload,
        .payload_bytes = sizeof payload - 1,
        .request_id = "req-1",
        .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    return scene->transport->start(scene->transport->context, 0, &request, err);
}

static void finish(struct scene *scene) {
    int64_t deadline_ms = clock_mono_ms(clock_system()) + 2 * TIMEOUT_MS;
    size_t slot = 0;
    struct err err;
    while (!scene->transport->take_finished(scene->transport->context, &slot, &scene->answer)) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
        assert_int_equal(sender_wait(scene->sender, NULL, 0, 50, &err), ERR_OK);
    }
}

static void send_right(struct scene *scene) {
    struct err err;
    assert_int_equal(start(scene, &err), ERR_OK);
    finish(scene);
    assert_int_equal(scene->answer.code, TRANSPORT_OK);
    assert_int_equal(scene->answer.http_status, 202);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void a_sender_that_cannot_open_says_so_and_leaves_nothing_open(void **state) {
    (void)state;
    static const char *const calls[] = {DENY_MEMORY,      "curl_global_init", "curl_multi_init",
                                        "curl_easy_init", "curl_easy_setopt", "curl_multi_setopt"};
    struct scene scene = {0};
    peer_open(&scene.peer, play_accept_all);
    scene.has_ca_file = true;
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct err err = {0};
            int before = deny_count_descriptors();
            deny(calls[i], nth, ENOMEM);
            enum err_code code = open_sender(&scene, &err);
            was_denied = deny_end();
            assert_true(code == ERR_OK || (was_denied && code == ERR_FATAL && err.text[0] != '\0'));
            assert_true(code == ERR_OK || scene.sender == NULL);
            sender_close(scene.sender);
            assert_int_equal(deny_count_descriptors(), before);
        }
    }
    peer_close(&scene.peer);
}

static void a_request_that_cannot_start_is_busy_and_the_next_one_is_sent(void **state) {
    (void)state;
    static const char *const calls[] = {"curl_slist_append", "curl_easy_setopt",
                                        "curl_multi_add_handle"};
    struct scene scene;
    open_scene(&scene);
    int sent_count = 0;
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct err err = {0};
            deny(calls[i], nth, ENOMEM);
            enum err_code code = start(&scene, &err);
            was_denied = deny_end();
            assert_int_equal(code, was_denied ? ERR_BUSY : ERR_OK);
            if (code == ERR_OK) {
                finish(&scene);
                sent_count++;
            }
            send_right(&scene);
            sent_count++;
        }
    }
    assert_int_equal(atomic_load(&scene.peer.request_count), sent_count);
    close_scene(&scene);
}

/* On a connection of its own and on a kept one. */
static void memory_that_libcurl_misses_sends_nothing_twice(void **state) {
    (void)state;
    for (int is_kept = 0; is_kept < 2; is_kept++) {
        bool was_denied = true;
        for (int nth = 1; was_denied; nth++) {
            assert_true(nth < NTH_MAX);
            struct scene scene;
            struct err err = {0};
            open_scene(&scene);
            if (is_kept == 1) {
                send_right(&scene);
            }
            int before = atomic_load(&scene.peer.request_count);
            deny(DENY_MEMORY, nth, ENOMEM);
            enum err_code code = start(&scene, &err);
            if (code == ERR_OK) {
                finish(&scene);
            }
            was_denied = deny_end();
            int count = atomic_load(&scene.peer.request_count) - before;
            bool is_sent = code == ERR_OK && scene.answer.http_status == 202;
            assert_true(code == ERR_OK || code == ERR_BUSY);
            assert_true(is_sent ? count == 1 : count <= 1);
            assert_true(was_denied || is_sent);
            send_right(&scene);
            close_scene(&scene);
        }
    }
}

static void a_connection_that_cannot_be_opened_is_named(void **state) {
    (void)state;
    static const char *const calls[] = {"socket", "sockets_add"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct scene scene;
        struct err err;
        open_scene(&scene);
        int before = deny_count_descriptors();
        deny(calls[i], DENY_EVERY, EMFILE);
        assert_int_equal(start(&scene, &err), ERR_OK);
        finish(&scene);
        assert_true(deny_end());
        assert_int_equal(scene.answer.code, TRANSPORT_CONNECT);
        assert_int_equal(deny_count_descriptors(), before);
        send_right(&scene);
        close_scene(&scene);
    }
}

/* Whose own end is not known may be another's connection: nothing is written to it. */
static void a_connection_that_is_not_found_is_not_used(void **state) {
    (void)state;
    struct scene scene;
    struct err err;
    open_scene(&scene);
    deny("getsockname", DENY_EVERY, ENOBUFS);
    assert_int_equal(start(&scene, &err), ERR_OK);
    finish(&scene);
    assert_true(deny_end());
    assert_true(scene.answer.code != TRANSPORT_OK);
    assert_int_equal(scene.answer.http_status, 0);
    assert_int_equal(atomic_load(&scene.peer.request_count), 0);
    send_right(&scene);
    close_scene(&scene);
}

static void a_broken_state_is_fatal(void **state) {
    (void)state;
    static const char *const calls[] = {"curl_multi_poll", "curl_multi_perform"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct scene scene;
        struct err err = {0};
        open_scene(&scene);
        assert_int_equal(start(&scene, &err), ERR_OK);
        deny(calls[i], 1, 0);
        assert_int_equal(sender_wait(scene.sender, NULL, 0, 50, &err), ERR_FATAL);
        assert_true(deny_end());
        assert_non_null(strstr(err.text, "libcurl"));
        close_scene(&scene); /* with the request still under way */
    }
    sender_close(NULL);
}

static void the_longest_wait_ends_with_what_is_waited_for(void **state) {
    (void)state;
    struct scene scene;
    struct err err;
    int pair[2];
    open_scene(&scene);
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(sender_wait(scene.sender, &pair[0], 1, INT64_MAX, &err), ERR_OK);
    close(pair[0]);
    close(pair[1]);
    close_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_that_cannot_open_says_so_and_leaves_nothing_open),
        cmocka_unit_test(a_request_that_cannot_start_is_busy_and_the_next_one_is_sent),
        cmocka_unit_test(memory_that_libcurl_misses_sends_nothing_twice),
        cmocka_unit_test(a_connection_that_cannot_be_opened_is_named),
        cmocka_unit_test(a_connection_that_is_not_found_is_not_used),
        cmocka_unit_test(a_broken_state_is_fatal),
        cmocka_unit_test(the_longest_wait_ends_with_what_is_waited_for),
    };
    return cmocka_run_group_tests_name("worker/sender_denied", tests, NULL, NULL);
}
