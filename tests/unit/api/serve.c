/*
 * The api's loop from start to end.
 *
 * Method: a real server on a free port; the client has sent its request before the loop begins, and reads the answer
 * after it has ended. The store is a fake that fails as told. SIGTERM that was raised before makes it drain at once.
 */
#include "api/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/store/ops.h"
#include "http/listen.h"
#include "tests/unit/deny.h"

enum { NTH_MAX = 500 };

struct scene {
    struct store store; /* first: the engine gets a pointer to it */
    struct store_ops ops;
    enum err_code create_code, checkpoint_code;
    struct settings settings;
    struct signals signals;
    atomic_bool is_draining;
    int listen_fd, port;
    int late_fd;     /* a client that sends the rest of its request during the drain */
    char text[4000]; /* the answer */
};

static const char catalog_text[] =
    "{\"currency\":\"USD\",\"products\":[{\"price_id\":\"price_1\",\"name\":\"Lamp\",\"color\":"
    "\"black\","
    "\"amount\":4999,\"payment_link\":\"https://pay.example/lamp\"}]}";

static enum err_code fake_create(struct store *store, struct create *creates, size_t count,
                                 struct err *err) {
    struct scene *scene = (struct scene *)store;
    if (scene->create_code != ERR_OK) {
        return err_set(err, scene->create_code, "the disk is broken");
    }
    for (size_t i = 0; i < count; i++) {
        creates[i].result = CREATE_STORED;
    }
    return ERR_OK;
}

static const char request[] =
    "POST /pre-order HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
    "71\r\n\r\n"
    "{\"email\":\"a@klaviyo-demo.com\",\"price_id\":\"price_1\",\"color\":\"black\"}    ";

enum { PART_BYTES = 100 }; /* of a request that comes in two parts */

static void send_rest(struct scene *scene) {
    size_t byte_count = sizeof request - 1 - PART_BYTES;
    assert_int_equal(send(scene->late_fd, request + PART_BYTES, byte_count, MSG_NOSIGNAL),
                     (ssize_t)byte_count);
    scene->late_fd = 0;
}

static enum err_code fake_checkpoint(struct store *store, int32_t pages_min, struct err *err) {
    (void)pages_min;
    struct scene *scene = (struct scene *)store;
    if (scene->late_fd > 0 && atomic_load(&scene->is_draining)) {
        send_rest(scene);
    }
    enum err_code code = scene->checkpoint_code;
    return code == ERR_OK ? ERR_OK : err_set(err, code, "the disk is broken");
}

static void fake_wake(struct store *store) {
    (void)store; /* nobody listens */
}

static void open_scene(struct scene *scene) {
    static char prefix[] = "PRE", nothing[] = "", mode[] = "test", limit[] = "off";
    struct err err = {0};
    *scene = (struct scene){
        .ops = {.name = "fake",
                .create_preorders = fake_create,
                .checkpoint = fake_checkpoint,
                .wake = fake_wake},
        .settings = {.number_prefix = prefix,
                     .klaviyo_metric_prefix = nothing,
                     .stripe_mode = mode,
                     .rate_limit = limit,
                     .trusted_proxies = nothing,
                     .allowed_origins = nothing,
                     .request_deadline_ms = 10000,
                     .drain_timeout_ms = 300,
                     .connections_max = 10},
    };
    scene->store.ops = &scene->ops;
    assert_int_equal(signals_open(&scene->signals, &err), ERR_OK);
    assert_int_equal(listen_open("127.0.0.1:0", &scene->listen_fd, &err), ERR_OK);
    listen_describe(scene->listen_fd, scene->text);
    scene->port = (int)strtol(strrchr(scene->text, ':') + 1, NULL, 10);
}

static int send_request(const struct scene *scene, size_t byte_count_max) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)scene->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t byte_count = sizeof request - 1 < byte_count_max ? sizeof request - 1 : byte_count_max;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(send(fd, request, byte_count, MSG_NOSIGNAL), (ssize_t)byte_count);
    return fd;
}

static enum err_code serve_scene(struct scene *scene, struct err *err) {
    struct catalog *catalog = NULL;
    assert_int_equal(catalog_parse("catalog", catalog_text, strlen(catalog_text), &catalog, err),
                     ERR_OK);
    struct serve_options options = {
        .settings = &scene->settings,
        .catalog = catalog,
        .store = &scene->store,
        .clock = clock_system(),
        .random = random_system(),
        .signals = &scene->signals,
        .is_draining = &scene->is_draining,
        .listen_fd = scene->listen_fd,
    };
    return serve(&options, err);
}

/* What came until the connection ended. */
static const char *receive(struct scene *scene, int fd) {
    size_t length = 0;
    ssize_t count = 0;
    do {
        length += (size_t)count;
        count = recv(fd, scene->text + length, sizeof scene->text - 1 - length, 0);
    } while (count > 0);
    scene->text[length] = '\0';
    close(fd);
    return scene->text;
}

static void close_scene(struct scene *scene) {
    signals_close(&scene->signals);
}

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static void who_is_at_the_door_is_served_before_it_ends(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    int fd = send_request(&scene, SIZE_MAX);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(serve_scene(&scene, &err), ERR_OK);
    assert_true(atomic_load(&scene.is_draining));
    assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 201 "));
    close_scene(&scene);
}

static void who_does_not_finish_is_not_waited_for(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    int fd = send_request(&scene, PART_BYTES);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(serve_scene(&scene, &err), ERR_OK);
    assert_string_equal(receive(&scene, fd), "");
    close_scene(&scene);
}

static void a_database_that_breaks_ends_it_with_503_for_all(void **state) {
    (void)state;
    for (int drains = 0; drains < 2; drains++) {
        struct scene scene;
        struct err err = {0};
        open_scene(&scene);
        scene.create_code = ERR_FATAL;
        int fd = send_request(&scene, SIZE_MAX);
        assert_int_equal(drains == 1 ? raise(SIGTERM) : 0, 0);
        assert_int_equal(serve_scene(&scene, &err), ERR_FATAL);
        assert_string_equal(err.text, "the disk is broken");
        assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 503 "));
        close_scene(&scene);
    }
}

static void a_log_that_cannot_be_worked_off_ends_it_after_the_answers(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    scene.checkpoint_code = ERR_FATAL;
    int fd = send_request(&scene, SIZE_MAX);
    assert_int_equal(raise(SIGTERM), 0); /* else it might end before it has let the client in */
    enum err_code code = serve_scene(&scene, &err);
    assert_int_equal(code, ERR_FATAL);
    assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 201 "));
    close_scene(&scene);
}

static void a_busy_log_is_worked_off_later(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    scene.checkpoint_code = ERR_BUSY;
    int fd = send_request(&scene, SIZE_MAX);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(serve_scene(&scene, &err), ERR_OK);
    assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 201 "));
    close_scene(&scene);
}

static void a_sleep_that_is_interrupted_is_only_short(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    int fd = send_request(&scene, SIZE_MAX);
    deny("poll", 1, EINTR);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(serve_scene(&scene, &err), ERR_OK);
    assert_true(deny_end());
    assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 201 "));
    close_scene(&scene);
}

static void without_its_sleep_it_ends(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    deny("poll", 1, ENOMEM);
    assert_int_equal(serve_scene(&scene, &err), ERR_FATAL);
    assert_true(deny_end());
    assert_non_null(strstr(err.text, "cannot wait for requests"));
    close_scene(&scene);
}

static void without_memory_it_does_not_begin(void **state) {
    (void)state;
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct scene scene;
        struct err err = {0};
        struct catalog *catalog = NULL;
        open_scene(&scene);
        assert_int_equal(
            catalog_parse("catalog", catalog_text, strlen(catalog_text), &catalog, &err), ERR_OK);
        struct serve_options options = {
            .settings = &scene.settings,
            .catalog = catalog,
            .store = &scene.store,
            .clock = clock_system(),
            .random = random_system(),
            .signals = &scene.signals,
            .is_draining = &scene.is_draining,
            .listen_fd = scene.listen_fd,
        };
        int before = deny_count_descriptors();
        assert_int_equal(raise(SIGTERM), 0);
        deny(DENY_MEMORY, nth, ENOMEM);
        enum err_code code = serve(&options, &err);
        was_denied = deny_end();
        assert_int_equal(code, was_denied ? ERR_FATAL : ERR_OK);
        assert_int_equal(deny_count_descriptors(), before - 1); /* the listener was taken over */
        signals_read(&scene.signals);
        close_scene(&scene);
    }
}

static void a_database_that_breaks_during_the_drain_ends_it(void **state) {
    (void)state;
    struct scene scene;
    struct err err = {0};
    open_scene(&scene);
    scene.create_code = ERR_FATAL;
    scene.settings.drain_timeout_ms = 10000;
    int fd = send_request(&scene, PART_BYTES);
    scene.late_fd = fd;
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(serve_scene(&scene, &err), ERR_FATAL);
    assert_true(begins_with(receive(&scene, fd), "HTTP/1.1 503 "));
    close_scene(&scene);
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_at_the_door_is_served_before_it_ends),
        cmocka_unit_test(who_does_not_finish_is_not_waited_for),
        cmocka_unit_test(a_database_that_breaks_ends_it_with_503_for_all),
        cmocka_unit_test(a_log_that_cannot_be_worked_off_ends_it_after_the_answers),
        cmocka_unit_test(a_busy_log_is_worked_off_later),
        cmocka_unit_test(a_sleep_that_is_interrupted_is_only_short),
        cmocka_unit_test(without_its_sleep_it_ends),
        cmocka_unit_test(without_memory_it_does_not_begin),
        cmocka_unit_test(a_database_that_breaks_during_the_drain_ends_it),
    };
    return cmocka_run_group_tests_name("api/serve", tests, NULL, NULL);
}
