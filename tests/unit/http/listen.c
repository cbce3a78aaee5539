/* Listening: addresses, ports, and sockets in the file system that somebody else left behind. */
#include "http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/preorder-listen-XXXXXX";
static char path[64], address[80];

static int enter_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(address, sizeof address, "unix:%s", path);
    return 0;
}

static int leave_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

static void addresses_are_checked_without_opening_anything(void **state) {
    (void)state;
    static const char *const good[] = {"127.0.0.1:8080", "[::1]:0",     "localhost:65535",
                                       "0.0.0.0:1",      "unix:/run/x", "unix:relative"};
    char too_long[160] = "unix:/";
    char long_host[300] = "";
    memset(long_host, 'h', 256);
    memcpy(long_host + 256, ":80", 4);
    memset(too_long + strlen(too_long), 'x', 110);
    const char *const bad[] = {
        "",     "8080",  "localhost", ":8080",   "localhost:", "localhost:65536", "h:-1",
        "h: 1", "h:1x",  "::1:80",    "[::1]",   "[::1:80",    "[]:80",           "h:123456",
        "h:+1", "unix:", "h:80:80",   "[::1]80", too_long,     long_host};
    struct err err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(listen_check(good[i], &err), ERR_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = -7;
        if (listen_check(bad[i], &err) != ERR_INVALID) {
            fail_msg("\"%s\" passed", bad[i]);
        }
        assert_int_equal(listen_open(bad[i], &fd, &err), ERR_INVALID);
        assert_int_equal(fd, -7);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void port_0_becomes_a_free_port_that_describe_tells(void **state) {
    (void)state;
    struct err err;
    int fd;
    char text[LISTEN_ADDRESS_BYTES];
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &err), ERR_OK);
    listen_describe(fd, text);
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_true(strtol(text + 10, NULL, 10) > 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

    int other_fd = -7;
    assert_int_equal(listen_open(text, &other_fd, &err), ERR_CONFLICT);
    assert_int_equal(other_fd, -7);
    assert_non_null(strstr(err.text, text));
    close(fd);
    assert_int_equal(listen_open(text, &fd, &err), ERR_OK);
    close(fd);
}

static void ipv6_is_described_in_brackets(void **state) {
    (void)state;
    struct err err;
    int fd;
    char text[LISTEN_ADDRESS_BYTES];
    enum err_code code = listen_open("[::1]:0", &fd, &err);
    if (code == ERR_OK) {
        listen_describe(fd, text);
        assert_memory_equal(text, "[::1]:", 6);
        close(fd);
    } else {
        assert_int_equal(code, ERR_FATAL); /* a machine without IPv6 says so */
    }
}

static void an_address_of_another_machine_is_fatal(void **state) {
    (void)state;
    struct err err;
    int fd;
    assert_int_equal(listen_open("192.0.2.1:0", &fd, &err), ERR_FATAL);
    assert_int_equal(listen_open("no-such-host.invalid:80", &fd, &err), ERR_FATAL);
    assert_int_equal(listen_open("unix:/no/such/folder/s", &fd, &err), ERR_FATAL);
}

static void a_unix_socket_listens_and_is_described(void **state) {
    (void)state;
    struct err err;
    int fd;
    char text[LISTEN_ADDRESS_BYTES];
    assert_int_equal(listen_open(address, &fd, &err), ERR_OK);
    listen_describe(fd, text);
    assert_string_equal(text, address);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void a_socket_in_use_is_left_alone(void **state) {
    (void)state;
    struct err err;
    int fd;
    int other_fd = -7;
    assert_int_equal(listen_open(address, &fd, &err), ERR_OK);
    assert_int_equal(listen_open(address, &other_fd, &err), ERR_CONFLICT);
    assert_int_equal(other_fd, -7);

    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    int client_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(client_fd, (struct sockaddr *)&name, sizeof name), 0);
    close(client_fd);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

/* It refuses connections too, but for another reason. */
static void a_socket_of_another_kind_is_left_alone(void **state) {
    (void)state;
    struct err err;
    int fd;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    int other_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other_fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen_open(address, &fd, &err), ERR_CONFLICT);
    close(other_fd);
    assert_int_equal(unlink(path), 0);
}

static void a_left_over_socket_is_replaced(void **state) {
    (void)state;
    struct err err;
    int fd;
    assert_int_equal(listen_open(address, &fd, &err), ERR_OK);
    close(fd); /* the file stays */
    assert_int_equal(listen_open(address, &fd, &err), ERR_OK);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void a_file_that_is_no_socket_is_never_removed(void **state) {
    (void)state;
    struct err err;
    int fd;
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(listen_open(address, &fd, &err), ERR_CONFLICT);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(unlink(path), 0);
}

static void what_is_no_socket_is_described_as_such(void **state) {
    (void)state;
    char text[LISTEN_ADDRESS_BYTES];
    listen_describe(-1, text);
    assert_string_equal(text, "(no socket)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_checked_without_opening_anything),
        cmocka_unit_test(port_0_becomes_a_free_port_that_describe_tells),
        cmocka_unit_test(ipv6_is_described_in_brackets),
        cmocka_unit_test(an_address_of_another_machine_is_fatal),
        cmocka_unit_test(a_unix_socket_listens_and_is_described),
        cmocka_unit_test(a_socket_in_use_is_left_alone),
        cmocka_unit_test(a_socket_of_another_kind_is_left_alone),
        cmocka_unit_test(a_left_over_socket_is_replaced),
        cmocka_unit_test(a_file_that_is_no_socket_is_never_removed),
        cmocka_unit_test(what_is_no_socket_is_described_as_such),
    };
    return cmocka_run_group_tests_name("http/listen", tests, enter_folder, leave_folder);
}
