/* Whose request it is, and who can pretend to be somebody else: nobody but trusted proxies. */
#include "api/client_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FORWARDED_MAX = 3 };

/* The address for a connection from `peer` with those X-Forwarded-For, in their order. */
static void finds(const char *peer, const char *const forwarded[FORWARDED_MAX], const char *trusted,
                  const char *expected) {
    struct header headers[2 * FORWARDED_MAX];
    struct request request = {.headers = headers};
    for (size_t i = 0; i < FORWARDED_MAX && forwarded[i] != NULL; i++) {
        headers[request.header_count++] = (struct header){"Via", "1.1 somebody"};
        headers[request.header_count++] =
            (struct header){i == 0 ? "X-Forwarded-For" : "x-forwarded-for", forwarded[i]};
    }
    (void)snprintf(request.peer, sizeof request.peer, "%s", peer);
    struct networks networks;
    struct err err = {0};
    assert_int_equal(networks_parse(trusted, &networks, &err), ERR_OK);
    struct address found = client_address(&request, &networks);
    struct address wanted;
    assert_true(address_parse(expected, &wanted));
    assert_memory_equal(&found, &wanted, sizeof found);
}

#define FINDS(peer, trusted, expected, ...)                                                        \
    finds((peer), (const char *const[FORWARDED_MAX]){__VA_ARGS__}, (trusted), (expected))

static void without_proxies_it_is_the_other_end(void **state) {
    (void)state;
    FINDS("203.0.113.5", "", "203.0.113.5", NULL);
    FINDS("203.0.113.5", "", "203.0.113.5", "198.51.100.1");
    FINDS("203.0.113.5", "10.0.0.0/8", "203.0.113.5", "198.51.100.1");
    FINDS("2001:db8::5", "10.0.0.0/8", "2001:db8::5", "10.0.0.1");
}

static void a_trusted_proxy_says_who_called_it(void **state) {
    (void)state;
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "198.51.100.1");
    FINDS("10.0.0.1", "10.0.0.0/8", "2001:db8::9", "2001:db8::9");
    FINDS("10.0.0.1", "10.0.0.0/8", "10.0.0.1", NULL);
    FINDS("::1", "::1", "198.51.100.1", " 198.51.100.1\t");
    FINDS("::1", "::1", "198.51.100.1", "\t 198.51.100.1 \t ");
    FINDS("::1", "::1", "::1", " ,198.51.100.1, \t");
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "198.51.100.1, 10.1.1.1,10.2.2.2");
}

static void who_has_no_address_is_no_proxy(void **state) {
    (void)state;
    FINDS("", "10.0.0.0/8", "::", "198.51.100.1");
}

static void several_headers_are_one_list(void **state) {
    (void)state;
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "203.0.113.5", "198.51.100.1", "10.0.0.7");
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "203.0.113.5, 198.51.100.1", "10.0.0.7");
}

static void what_a_client_wrote_itself_is_not_believed(void **state) {
    (void)state;
    /* The proxy appended the true address. */
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "1.2.3.4, 198.51.100.1");
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "10.0.0.9, 198.51.100.1");
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "garbage, 198.51.100.1");
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "1.2.3.4", "198.51.100.1");
}

static void where_no_address_stands_it_is_the_proxy(void **state) {
    (void)state;
    static const char *const garbage[] = {"",          ",",           "unknown",  "_hidden",
                                          "1.2.3",     "a, 10.0.0.2", "1.2.3.4,", "[2001:db8::7",
                                          "[::1]x",    "1.2.3.4:x:y", "::1%eth0", "\"1.2.3.4\"",
                                          "1.2.3.4 5", "256.1.1.1"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        FINDS("10.0.0.1", "10.0.0.0/8", "10.0.0.1", garbage[i]);
    }
    char endless[5000];
    memset(endless, '1', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    FINDS("10.0.0.1", "10.0.0.0/8", "10.0.0.1", endless);
}

static void a_request_of_a_proxy_itself_is_its_own(void **state) {
    (void)state;
    FINDS("10.0.0.1", "10.0.0.0/8", "10.0.0.3", "10.0.0.3, 10.0.0.2");
}

static void a_port_is_dropped(void **state) {
    (void)state;
    FINDS("10.0.0.1", "10.0.0.0/8", "198.51.100.1", "198.51.100.1:50123");
    FINDS("10.0.0.1", "10.0.0.0/8", "2001:db8::9", "[2001:db8::9]:443");
    FINDS("10.0.0.1", "10.0.0.0/8", "2001:db8::9", "[2001:db8::9]");
}

static void a_unix_socket_is_believed_only_if_it_is_named(void **state) {
    (void)state;
    FINDS("", "unix", "198.51.100.1", "198.51.100.1");
    FINDS("", "unix,10.0.0.0/8", "198.51.100.1", "198.51.100.1, 10.0.0.1");
    FINDS("", "unix", "::", NULL);
    FINDS("", "unix", "::", "garbage");
    FINDS("", "127.0.0.1", "::", "198.51.100.1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_proxies_it_is_the_other_end),
        cmocka_unit_test(a_trusted_proxy_says_who_called_it),
        cmocka_unit_test(who_has_no_address_is_no_proxy),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(what_a_client_wrote_itself_is_not_believed),
        cmocka_unit_test(where_no_address_stands_it_is_the_proxy),
        cmocka_unit_test(a_request_of_a_proxy_itself_is_its_own),
        cmocka_unit_test(a_port_is_dropped),
        cmocka_unit_test(a_unix_socket_is_believed_only_if_it_is_named),
    };
    return cmocka_run_group_tests_name("api/client_address", tests, NULL, NULL);
}
