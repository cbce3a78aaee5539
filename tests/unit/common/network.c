/* Addresses and lists of networks. */
#include "common/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct networks parse(const char *text) {
    struct networks networks;
    struct err err = {0};
    assert_int_equal(networks_parse(text, &networks, &err), ERR_OK);
    return networks;
}

static bool contains(const char *list, const char *text) {
    struct networks networks = parse(list);
    struct address address;
    assert_true(address_parse(text, &address));
    return networks_contain(&networks, &address);
}

static void an_address_has_one_form_however_it_is_written(void **state) {
    (void)state;
    static const char *const same[][2] = {{"192.0.2.7", "::ffff:192.0.2.7"},
                                          {"192.0.2.7", "::ffff:c000:207"},
                                          {"2001:db8::7", "2001:0DB8:0:0:0:0:0:0007"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct address a;
        struct address b;
        assert_true(address_parse(same[i][0], &a) && address_parse(same[i][1], &b));
        assert_memory_equal(&a, &b, sizeof a);
        assert_int_equal(address_is_ipv4(&a), i < 2);
    }
    static const char *const wrong[] = {
        "",       "unix",     "localhost", "1.2.3",    "1.2.3.4.5", "1.2.3.4:80", "[::1]",
        "::1%lo", "01.2.3.4", " 1.2.3.4",  "1.2.3.4 ", "1.2.3.256", "::g",        "0x1.2.3.4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct address address;
        assert_false(address_parse(wrong[i], &address));
    }
}

static void a_network_holds_what_begins_with_its_prefix(void **state) {
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("192.0.2.128/25", "192.0.2.128"));
    assert_false(contains("192.0.2.128/25", "192.0.2.127"));
    assert_true(contains("192.0.2.7", "::ffff:192.0.2.7"));
    assert_false(contains("192.0.2.7", "192.0.2.6"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("::1,10.0.0.1,fd00::/8", "fdff::"));
    assert_false(contains("", "127.0.0.1"));
    assert_false(contains("unix", "::"));
}

static void a_list_may_name_unix_sockets(void **state) {
    (void)state;
    assert_true(parse("127.0.0.1,unix").has_unix);
    assert_int_equal(parse("127.0.0.1,unix").count, 1);
    assert_false(parse("127.0.0.1").has_unix);
}

static void a_wrong_list_is_refused_with_the_member(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"10.0.0.0/33", "up to 32"},
        {"2001:db8::/129", "up to 128"},
        {"10.0.0.0/", "up to 32"},
        {"10.0.0.0/-1", "up to 32"},
        {"10.0.0.0/8x", "up to 32"},
        {"10.0.0.0/0008", "up to 32"},
        {"0.0.0.0/0", "everybody"},
        {"::/0", "everybody"},
        {"10.0.0.1/8", "\"10.0.0.1/8\": the address has bits behind"},
        {"127.0.0.1, 10.0.0.1", "\" 10.0.0.1\": this is no address"},
        {"127.0.0.1,,::1", "\"\": this is no address"},
        {"proxy.example", "this is no address"},
        {"*", "this is no address"},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", "too long"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct networks networks = {.count = 7};
        struct err err = {0};
        assert_int_equal(networks_parse(wrong[i][0], &networks, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, wrong[i][1]));
        assert_int_equal(networks.count, 7);
    }
}

static void a_list_has_an_end(void **state) {
    (void)state;
    char list[(NETWORKS_MAX + 1) * sizeof "10.0.0.0,"] = "";
    size_t length = 0;
    for (int i = 0; i < NETWORKS_MAX; i++) {
        length += (size_t)snprintf(list + length, sizeof list - length, "10.0.0.%d,", i);
    }
    assert_int_equal(parse(list).count, NETWORKS_MAX);
    (void)snprintf(list + length, sizeof list - length, "10.0.1.0");
    struct networks networks;
    struct err err = {0};
    assert_int_equal(networks_parse(list, &networks, &err), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_form_however_it_is_written),
        cmocka_unit_test(a_network_holds_what_begins_with_its_prefix),
        cmocka_unit_test(a_list_may_name_unix_sockets),
        cmocka_unit_test(a_wrong_list_is_refused_with_the_member),
        cmocka_unit_test(a_list_has_an_end),
    };
    return cmocka_run_group_tests_name("common/network", tests, NULL, NULL);
}
