#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/sockets.h"

/* A connection to ourselves; `near` is the end that is looked at. */
struct pair {
    int near, far;
    int near_port;
};

/* From a port of loopback that others may be bound to as well; 0: any. */
static void bind_shared(int fd, int port) {
    static const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
}

static struct pair connect_pair(int near_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t address_bytes = sizeof address;
    struct pair pair = {.near = socket(AF_INET, SOCK_STREAM, 0)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, any, address_bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, any, &address_bytes), 0);
    bind_shared(pair.near, near_port);
    assert_int_equal(connect(pair.near, any, address_bytes), 0);
    pair.far = accept(listener, any, &address_bytes);
    assert_true(pair.far >= 0);
    pair.near_port = ntohs(address.sin_port);
    close(listener);
    return pair;
}

static void a_connection_is_found_by_its_local_end(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    struct pair first = connect_pair(0);
    struct pair second = connect_pair(0);
    assert_int_equal(sockets_init(&sockets, 2, &err), ERR_OK);
    assert_true(sockets_add(&sockets, first.near));
    assert_true(sockets_add(&sockets, second.near));
    for (int again = 0; again < 2; again++) {
        assert_true(sockets_take(&sockets, "127.0.0.1", first.near_port));
        assert_true(sockets_take(&sockets, "127.0.0.1", second.near_port));
    }
    assert_false(sockets_take(&sockets, "127.0.0.2", first.near_port));
    assert_false(sockets_take(&sockets, "::1", first.near_port));
    assert_false(sockets_take(&sockets, "127.0.0.1", 1));
    assert_int_equal(send(first.far, "x", 1, 0), 1);
    assert_false(sockets_take(&sockets, "127.0.0.1", first.near_port));
    assert_true(sockets_take(&sockets, "127.0.0.1", second.near_port));
    sockets_remove(&sockets, second.near);
    assert_false(sockets_take(&sockets, "127.0.0.1", second.near_port));
    sockets_release(&sockets);
    close(first.near), close(first.far), close(second.near), close(second.far);
}

static void the_first_request_asks_for_no_silence(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    struct pair pair = connect_pair(0);
    assert_int_equal(sockets_init(&sockets, 1, &err), ERR_OK);
    assert_true(sockets_add(&sockets, pair.near));
    assert_int_equal(send(pair.far, "x", 1, 0), 1);
    assert_true(sockets_take(&sockets, "127.0.0.1", pair.near_port));
    assert_false(sockets_take(&sockets, "127.0.0.1", pair.near_port));
    sockets_release(&sockets);
    close(pair.near), close(pair.far);
}

static void of_those_with_one_local_end_all_have_to_be_silent(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    struct pair first = connect_pair(0);
    struct pair second = connect_pair(first.near_port);
    assert_int_equal(sockets_init(&sockets, 2, &err), ERR_OK);
    assert_true(sockets_add(&sockets, first.near));
    assert_true(sockets_add(&sockets, second.near));
    assert_true(sockets_take(&sockets, "127.0.0.1", first.near_port));
    assert_true(sockets_take(&sockets, "127.0.0.1", first.near_port));
    assert_int_equal(send(second.far, "x", 1, 0), 1); /* an answer that nobody asked for */
    assert_false(sockets_take(&sockets, "127.0.0.1", first.near_port));
    sockets_remove(&sockets, second.near);
    assert_true(sockets_take(&sockets, "127.0.0.1", first.near_port));
    assert_true(sockets_add(&sockets, second.near));
    assert_int_equal(send(first.far, "x", 1, 0), 1);
    assert_false(sockets_take(&sockets, "127.0.0.1", first.near_port));
    sockets_release(&sockets);
    close(first.near), close(first.far), close(second.near), close(second.far);
}

static void there_is_room_for_so_many_and_no_more(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    assert_int_equal(sockets_init(&sockets, 1, &err), ERR_OK);
    assert_true(sockets_add(&sockets, 100));
    assert_false(sockets_add(&sockets, 101));
    sockets_remove(&sockets, 101);
    assert_false(sockets_add(&sockets, 101));
    sockets_remove(&sockets, 100);
    assert_true(sockets_add(&sockets, 101));
    sockets_release(&sockets);
}

static void one_that_does_not_stand_yet_is_not_found(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(sockets_init(&sockets, 1, &err), ERR_OK);
    assert_true(sockets_add(&sockets, fd));
    assert_false(sockets_take(&sockets, "127.0.0.1", 40213));
    sockets_release(&sockets);
    close(fd);
}

static void a_connection_over_ipv6_is_found_as_well(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t address_bytes = sizeof address;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, any, address_bytes), 0);
    assert_int_equal(getsockname(fd, any, &address_bytes), 0);
    assert_int_equal(sockets_init(&sockets, 1, &err), ERR_OK);
    assert_true(sockets_add(&sockets, fd));
    assert_true(sockets_take(&sockets, "::1", ntohs(address.sin6_port)));
    sockets_release(&sockets);
    close(fd);
}

static void what_is_no_connection_over_ip_is_not_found(void **state) {
    (void)state;
    struct sockets sockets;
    struct err err;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(sockets_init(&sockets, 2, &err), ERR_OK);
    assert_true(sockets_add(&sockets, fd));
    assert_true(sockets_add(&sockets, -1));
    assert_false(sockets_take(&sockets, "127.0.0.1", 40213));
    sockets_release(&sockets);
    close(fd);
}

static void silence_ends_with_a_byte_an_end_or_a_reset(void **state) {
    (void)state;
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (int way = 0; way < 3; way++) {
        struct pair pair = connect_pair(0);
        struct sockets_entry entry = {.fd = pair.near};
        assert_true(sockets_is_silent(&entry));
        if (way == 0) {
            assert_int_equal(send(pair.far, "x", 1, 0), 1);
        } else if (way == 1) {
            assert_int_equal(shutdown(pair.far, SHUT_WR), 0);
        } else {
            assert_int_equal(setsockopt(pair.far, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
                             0);
            close(pair.far);
        }
        assert_false(sockets_is_silent(&entry));
        close(pair.near);
        if (way < 2) {
            close(pair.far);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_found_by_its_local_end),
        cmocka_unit_test(the_first_request_asks_for_no_silence),
        cmocka_unit_test(of_those_with_one_local_end_all_have_to_be_silent),
        cmocka_unit_test(there_is_room_for_so_many_and_no_more),
        cmocka_unit_test(one_that_does_not_stand_yet_is_not_found),
        cmocka_unit_test(a_connection_over_ipv6_is_found_as_well),
        cmocka_unit_test(what_is_no_connection_over_ip_is_not_found),
        cmocka_unit_test(silence_ends_with_a_byte_an_end_or_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
