/* The sender against a peer that misbehaves on the real wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/worker/peer.h"
#include "tests/unit/worker/play.h"
#include "worker/sender.h"

enum { TIMEOUT_MS = 400, DEADLINE_MS = 10000, KEPT_BYTES = 16 * 1024, ANY_BYTES = 1 << 30 };

static const char payload[] = "{\"data\":{\"type\":\"event\",\"attributes\":{\"value\":49.9}}}";

struct scene {
    struct peer peer;
    struct sender *sender;
    const struct transport *transport;
    enum transport_kind kind;       /* of the requests */
    struct transport_answer answer; /* of the last request that finished */
};

static void open_scene(struct scene *scene, void (*serve)(struct peer *, int, int)) {
    struct err err;
    scene->kind = TRANSPORT_EVENT;
    peer_open(&scene->peer, serve);
    struct sender_options options = {
        .slot_count = 2,
        .base_url = scene->peer.url,
        .api_key = "pk_secret",
        .revision = "2026-07-15",
        .ca_file = "",
        .request_timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = TIMEOUT_MS,
    };
    assert_int_equal(sender_open(&options, &scene->sender, &err), ERR_OK);
    scene->transport = sender_transport(scene->sender);
}

static void close_scene(struct scene *scene) {
    sender_close(scene->sender);
    peer_close(&scene->peer);
}

static void start(struct scene *scene, size_t slot) {
    struct err err;
    struct transport_request request = {
        .kind = scene->kind,
        .payload = payload,
        .payload_bytes = sizeof payload - 1,
        .request_id = "req-1",
        .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    assert_int_equal(scene->transport->start(scene->transport->context, slot, &request, &err),
                     ERR_OK);
}

static void finish(struct scene *scene, size_t slot) {
    int64_t deadline_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
    size_t finished = 99;
    struct err err;
    while (!scene->transport->take_finished(scene->transport->context, &finished, &scene->answer)) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
        assert_int_equal(sender_wait(scene->sender, NULL, 0, 50, &err), ERR_OK);
    }
    assert_int_equal(finished, slot);
}

static void send_one(struct scene *scene) {
    start(scene, 0);
    finish(scene, 0);
}

static void assert_answer(const struct scene *scene, enum transport_code code, int32_t status) {
    if (scene->answer.code != code || scene->answer.http_status != status) {
        fail_msg("code %d (%s), status %d", scene->answer.code, scene->answer.error,
                 scene->answer.http_status);
    }
}

/* Waits for what the peer's thread has yet to notice. */
static void await_count(atomic_int *counter, int count) {
    int64_t deadline_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
    while (atomic_load(counter) < count) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
    }
}

/* ---- What is sent ----------------------------------------------------------------------------- */

static void a_request_looks_as_klaviyo_wants_it(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_accept_all);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    const char *request = scene.peer.request;
    assert_ptr_equal(strstr(request, "POST /api/events HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nAuthorization: Klaviyo-API-Key pk_secret\r\n"));
    assert_non_null(strstr(request, "\r\nrevision: 2026-07-15\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: application/vnd.api+json\r\n"));
    assert_non_null(strstr(request, "\r\nAccept: application/vnd.api+json\r\n"));
    assert_non_null(strstr(request, "\r\nX-Request-Id: req-1\r\n"));
    assert_non_null(strstr(request, "\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_null(strcasestr(request, "\r\nexpect:"));
    assert_null(strcasestr(request, "\r\naccept-encoding:"));
    assert_string_equal(strstr(request, "\r\n\r\n") + 4, payload);
    scene.kind = TRANSPORT_JOB;
    send_one(&scene);
    assert_ptr_equal(strstr(request, "POST /api/event-bulk-create-jobs HTTP/1.1\r\n"), request);
    close_scene(&scene);
}

static void requests_share_a_connection(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_accept_all);
    for (int i = 0; i < 5; i++) {
        send_one(&scene);
        assert_answer(&scene, TRANSPORT_OK, 202);
    }
    assert_int_equal(atomic_load(&scene.peer.connection_count), 1);
    assert_int_equal(atomic_load(&scene.peer.request_count), 5);
    close_scene(&scene);
}

static void values_that_would_break_the_head_are_left_out(void **state) {
    (void)state;
    struct scene scene;
    struct err err;
    open_scene(&scene, play_accept_all);
    struct transport_request request = {.payload = payload,
                                        .payload_bytes = sizeof payload - 1,
                                        .request_id = "a\r\nX-Evil: 1",
                                        .traceparent = ""};
    assert_int_equal(scene.transport->start(scene.transport->context, 1, &request, &err), ERR_OK);
    finish(&scene, 1);
    assert_null(strstr(scene.peer.request, "Evil"));
    assert_null(strstr(scene.peer.request, "traceparent"));
    close_scene(&scene);
}

static void a_new_key_is_used_from_the_next_request_on(void **state) {
    (void)state;
    struct scene scene;
    struct err err;
    open_scene(&scene, play_accept_all);
    send_one(&scene);
    assert_int_equal(sender_set_key(scene.sender, "pk_new", &err), ERR_OK);
    send_one(&scene);
    assert_non_null(strstr(scene.peer.request, "Klaviyo-API-Key pk_new\r\n"));
    assert_int_equal(sender_set_key(scene.sender, "pk\r\nX: 1", &err), ERR_INVALID);
    assert_null(strstr(err.text, "pk\r"));
    send_one(&scene);
    assert_non_null(strstr(scene.peer.request, "Klaviyo-API-Key pk_new\r\n"));
    close_scene(&scene);
}

static void a_proxy_in_the_environment_is_ignored(void **state) {
    (void)state;
    struct scene scene;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    open_scene(&scene, play_accept_all);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    close_scene(&scene);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void settings_that_cannot_be_sent_are_refused(void **state) {
    (void)state;
    char long_key[SENDER_KEY_BYTES_MAX + 2];
    char long_url[4096] = "https://";
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    memset(long_url + strlen(long_url), 'u', sizeof long_url - strlen(long_url) - 1);
    const struct {
        const char *url, *key, *revision, *names;
    } rows[] = {
        {"ftp://a.klaviyo.com", "pk", "r", "KLAVIYO_BASE_URL"},
        {"https://a klaviyo", "pk", "r", "KLAVIYO_BASE_URL"},
        {"", "pk", "r", "KLAVIYO_BASE_URL"},
        {"///", "pk", "r", "KLAVIYO_BASE_URL"},
        {"https://a.klaviyo.com\x7f", "pk", "r", "KLAVIYO_BASE_URL"},
        {long_url, "pk", "r", "KLAVIYO_BASE_URL"},
        {"https://a.klaviyo.com", long_key, "r", "KLAVIYO_API_KEY"},
        {"https://a.klaviyo.com", "pk", long_key, "KLAVIYO_REVISION"},
        {"https://a.klaviyo.com", "", "r", "KLAVIYO_API_KEY"},
        {"https://a.klaviyo.com", "p k", "r", "KLAVIYO_API_KEY"},
        {"https://a.klaviyo.com", "pk", "2026\n", "KLAVIYO_REVISION"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sender *sender = NULL;
        struct err err;
        struct sender_options options = {.slot_count = 1,
                                         .base_url = rows[i].url,
                                         .api_key = rows[i].key,
                                         .revision = rows[i].revision,
                                         .ca_file = "",
                                         .request_timeout_ms = 1,
                                         .connect_timeout_ms = 1};
        assert_int_equal(sender_open(&options, &sender, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, rows[i].names));
        assert_null(sender);
    }
}

/* ---- A pooled connection that died: never a second request on the wire ------------------------- */

static void assert_lost_and_not_sent_again(struct scene *scene, int head_count) {
    send_one(scene);
    assert_answer(scene, TRANSPORT_OK, 202);
    send_one(scene);
    assert_answer(scene, TRANSPORT_RESET, 0);
    await_count(&scene->peer.head_count, head_count);
    /* The next start is a request of its own, on a connection of its own. */
    send_one(scene);
    assert_answer(scene, TRANSPORT_OK, 202);
    assert_int_equal(atomic_load(&scene->peer.head_count), head_count + 1);
}

static void a_reset_on_a_reused_connection_is_not_sent_again(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_die_at_second_request);
    assert_lost_and_not_sent_again(&scene, 2);
    assert_int_equal(atomic_load(&scene.peer.request_count), 3);
    close_scene(&scene);
}

static void an_end_on_a_reused_connection_is_not_sent_again(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_close_politely_at_second_request);
    assert_lost_and_not_sent_again(&scene, 2);
    assert_int_equal(atomic_load(&scene.peer.request_count), 3);
    close_scene(&scene);
}

static void a_head_on_a_dying_connection_is_not_sent_again(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_die_at_second_head);
    assert_lost_and_not_sent_again(&scene, 2);
    assert_int_equal(atomic_load(&scene.peer.request_count), 2);
    close_scene(&scene);
}

static void a_connection_closed_while_idle_costs_nothing(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_close_after_each);
    for (int i = 1; i <= 5; i++) {
        send_one(&scene);
        assert_answer(&scene, TRANSPORT_OK, 202);
        await_count(&scene.peer.closed_count, i);
    }
    assert_int_equal(atomic_load(&scene.peer.connection_count), 5);
    assert_int_equal(atomic_load(&scene.peer.head_count), 5);
    close_scene(&scene);
}

static void an_answer_nobody_asked_for_answers_no_other_request(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_answer_twice);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    int64_t deadline_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
    while (!atomic_load(&scene.peer.is_done)) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
    }
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    assert_int_equal(atomic_load(&scene.peer.connection_count), 2);
    close_scene(&scene);
}

static void a_second_answer_in_one_breath_answers_no_other_request(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_answer_twice_at_once);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    send_one(&scene);
    /* libcurl throws the excess away with the first answer and keeps the connection, on which this
       peer says nothing more. */
    assert_answer(&scene, TRANSPORT_TIMEOUT, 0);
    close_scene(&scene);
}

/* ---- Answers that are none -------------------------------------------------------------------- */

struct misbehaviour {
    void (*serve)(struct peer *, int, int);
    enum transport_code code;
    int32_t status;
    size_t body_bytes;
};

static void misbehaviour_is_named(void **state) {
    const struct misbehaviour *expected = *state;
    struct scene scene;
    open_scene(&scene, expected->serve);
    send_one(&scene);
    assert_answer(&scene, expected->code, expected->status);
    if (expected->body_bytes != ANY_BYTES) {
        assert_int_equal(scene.answer.body_bytes, expected->body_bytes);
    }
    assert_true((scene.answer.error[0] != '\0') == (expected->code != TRANSPORT_OK));
    assert_int_equal(atomic_load(&scene.peer.request_count), 1);
    close_scene(&scene);
}

static void a_refused_connection_is_named(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_accept_all);
    struct sender *other = NULL;
    struct err err;
    struct sender_options options = {.slot_count = 1,
                                     .base_url = "http://127.0.0.1:1",
                                     .api_key = "pk",
                                     .revision = "r",
                                     .ca_file = "",
                                     .request_timeout_ms = TIMEOUT_MS,
                                     .connect_timeout_ms = TIMEOUT_MS};
    assert_int_equal(sender_open(&options, &other, &err), ERR_OK);
    sender_close(scene.sender);
    scene.sender = other;
    scene.transport = sender_transport(other);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_CONNECT, 0);
    close_scene(&scene);
}

static void headers_of_an_answer_are_read_in_any_case(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_throttle);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 429);
    assert_string_equal(scene.answer.retry_after, "17");
    assert_string_equal(scene.answer.content_type, "application/vnd.api+json");
    assert_true(scene.answer.is_mitigated);
    assert_int_equal(scene.answer.body_bytes, 13);
    assert_memory_equal(scene.answer.body, "{\"errors\":[]}", 13);
    close_scene(&scene);
}

static void what_is_left_of_the_minute_is_read(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_count_down);
    send_one(&scene);
    assert_int_equal(scene.answer.rate_remaining_count, 3432);
    assert_int_equal(scene.answer.rate_reset_s, 57);
    close_scene(&scene);
    open_scene(&scene, play_count_nonsense);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    assert_int_equal(scene.answer.rate_reset_s, 0);
    close_scene(&scene);
}

static void interim_answers_leave_nothing_behind(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_go_on_first);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_OK, 202);
    assert_string_equal(scene.answer.retry_after, "");
    assert_string_equal(scene.answer.content_type, "");
    close_scene(&scene);
}

static void a_cancelled_request_is_stopped(void **state) {
    (void)state;
    struct scene scene;
    struct err err;
    open_scene(&scene, play_never_answer);
    start(&scene, 0);
    int64_t deadline_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
    while (atomic_load(&scene.peer.request_count) < 1) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
        assert_int_equal(sender_wait(scene.sender, NULL, 0, 10, &err), ERR_OK);
    }
    scene.transport->cancel(scene.transport->context, 0, &scene.answer);
    assert_answer(&scene, TRANSPORT_STOPPED, 0);
    size_t slot = 0;
    assert_false(scene.transport->take_finished(scene.transport->context, &slot, &scene.answer));
    close_scene(&scene);
}

static void two_requests_fly_at_once(void **state) {
    (void)state;
    struct scene scene;
    open_scene(&scene, play_close_after_each);
    start(&scene, 0);
    start(&scene, 1);
    size_t first = 9;
    int64_t deadline_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
    struct err err;
    while (!scene.transport->take_finished(scene.transport->context, &first, &scene.answer)) {
        assert_true(clock_mono_ms(clock_system()) < deadline_ms);
        assert_int_equal(sender_wait(scene.sender, NULL, 0, 50, &err), ERR_OK);
    }
    assert_answer(&scene, TRANSPORT_OK, 202);
    finish(&scene, 1 - first);
    assert_answer(&scene, TRANSPORT_OK, 202);
    close_scene(&scene);
}

/* ---- A name server that is silent ------------------------------------------------------------- */

/* Pre-empts the C library's: libcurl asks it in a thread of its own, for names but not for addresses.
   Stands still until the other end of the pipe is closed. */
static int silence[2];
static atomic_int asked_count, answered_count;

/* The C library names the parameters with names that only it may use. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found_out) {
    (void)name, (void)service, (void)hints;
    char byte = 0;
    atomic_fetch_add(&asked_count, 1);
    *found_out = NULL;
    int result = read(silence[0], &byte, 1) == 0 ? EAI_AGAIN : EAI_FAIL;
    atomic_fetch_add(&answered_count, 1);
    return result;
}

static void a_silent_name_server_does_not_stop_the_loop(void **state) {
    (void)state;
    struct err err;
    struct scene scene = {0};
    struct sender_options options = {
        .slot_count = 2,
        .base_url = "https://silent.example",
        .api_key = "pk_secret",
        .revision = "2026-07-15",
        .ca_file = "",
        .request_timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = TIMEOUT_MS,
    };
    assert_int_equal(pipe(silence), 0);
    assert_int_equal(sender_open(&options, &scene.sender, &err), ERR_OK);
    scene.transport = sender_transport(scene.sender);
    send_one(&scene);
    assert_answer(&scene, TRANSPORT_TIMEOUT, 0);
    start(&scene, 0);
    assert_int_equal(sender_wait(scene.sender, NULL, 0, 0, &err), ERR_OK);
    await_count(&asked_count, 2);
    scene.transport->cancel(scene.transport->context, 0, &scene.answer);
    assert_answer(&scene, TRANSPORT_STOPPED, 0);
    sender_close(scene.sender);
    /* All of that while nobody answered. */
    assert_int_equal(atomic_load(&answered_count), 0);
    assert_int_equal(close(silence[1]), 0);
    await_count(&answered_count, 2);
    assert_int_equal(close(silence[0]), 0);
}

#define MISBEHAVES(script, wire, http, kept)                                                       \
    {                                                                                              \
        .name = #script "_is_named", .test_func = misbehaviour_is_named,                           \
        .initial_state = &(struct misbehaviour) {                                                  \
            script, wire, http, kept                                                               \
        }                                                                                          \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_looks_as_klaviyo_wants_it),
        cmocka_unit_test(requests_share_a_connection),
        cmocka_unit_test(values_that_would_break_the_head_are_left_out),
        cmocka_unit_test(a_new_key_is_used_from_the_next_request_on),
        cmocka_unit_test(a_proxy_in_the_environment_is_ignored),
        cmocka_unit_test(settings_that_cannot_be_sent_are_refused),
        cmocka_unit_test(a_reset_on_a_reused_connection_is_not_sent_again),
        cmocka_unit_test(an_end_on_a_reused_connection_is_not_sent_again),
        cmocka_unit_test(a_head_on_a_dying_connection_is_not_sent_again),
        cmocka_unit_test(a_connection_closed_while_idle_costs_nothing),
        cmocka_unit_test(an_answer_nobody_asked_for_answers_no_other_request),
        cmocka_unit_test(a_second_answer_in_one_breath_answers_no_other_request),
        MISBEHAVES(play_reset_after_request, TRANSPORT_RESET, 0, 0),
        MISBEHAVES(play_never_answer, TRANSPORT_TIMEOUT, 0, 0),
        MISBEHAVES(play_slow_head, TRANSPORT_TIMEOUT, 0, 0),
        MISBEHAVES(play_endless_head, TRANSPORT_TOO_LARGE, 0, 0),
        MISBEHAVES(play_endless_header_line, TRANSPORT_TOO_LARGE, 0, 0),
        MISBEHAVES(play_endless_body, TRANSPORT_TOO_LARGE, 400, KEPT_BYTES),
        MISBEHAVES(play_trickling_body, TRANSPORT_TIMEOUT, 202, ANY_BYTES),
        MISBEHAVES(play_wrong_length, TRANSPORT_RESET, 503, 5),
        MISBEHAVES(play_broken_chunks, TRANSPORT_RESET, 500, 5),
        MISBEHAVES(play_garbage, TRANSPORT_PROTOCOL, 0, 0),
        MISBEHAVES(play_half_a_head, TRANSPORT_RESET, 0, 0),
        MISBEHAVES(play_redirect, TRANSPORT_OK, 302, 0),
        MISBEHAVES(play_compressed, TRANSPORT_OK, 400, 5),
        cmocka_unit_test(a_refused_connection_is_named),
        cmocka_unit_test(headers_of_an_answer_are_read_in_any_case),
        cmocka_unit_test(what_is_left_of_the_minute_is_read),
        cmocka_unit_test(interim_answers_leave_nothing_behind),
        cmocka_unit_test(a_cancelled_request_is_stopped),
        cmocka_unit_test(two_requests_fly_at_once),
        cmocka_unit_test(a_silent_name_server_does_not_stop_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
