/* The text of an address: one client, one text. */
#include "http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static char text[PEER_BYTES];

static const char *describe_v6(const char *address) {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, address, &name.sin6_addr), 1);
    peer_describe((const struct sockaddr *)&name, text);
    return text;
}

static void an_address_is_written_as_people_write_it(void **state) {
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &name.sin_addr), 1);
    peer_describe((const struct sockaddr *)&name, text);
    assert_string_equal(text, "192.0.2.7");
    assert_string_equal(describe_v6("2001:db8::7"), "2001:db8::7");
}

static void ipv4_within_ipv6_is_ipv4(void **state) {
    (void)state;
    assert_string_equal(describe_v6("::ffff:192.0.2.7"), "192.0.2.7");
    assert_string_equal(describe_v6("::fffe:192.0.2.7"), "::fffe:c000:207");
}

static void the_longest_address_fits(void **state) {
    (void)state;
    const char *longest = "2001:db8:1111:2222:3333:4444:5555:6666";
    assert_string_equal(describe_v6(longest), longest);
}

static void a_unix_socket_has_no_address(void **state) {
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};
    peer_describe((const struct sockaddr *)&name, text);
    assert_string_equal(text, "");
    peer_describe(NULL, text);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_written_as_people_write_it),
        cmocka_unit_test(ipv4_within_ipv6_is_ipv4),
        cmocka_unit_test(the_longest_address_fits),
        cmocka_unit_test(a_unix_socket_has_no_address),
    };
    return cmocka_run_group_tests_name("http/peer", tests, NULL, NULL);
}
