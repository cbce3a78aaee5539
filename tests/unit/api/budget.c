/* Budgets: how many requests pass, what is left, and what happens to those who do not fit. */
#include "api/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static struct random_seeded seeded;

static struct budget *open_budget(int64_t requests, int64_t window_s) {
    struct quota quota = {requests, window_s};
    struct random random = random_seeded(&seeded, 42);
    struct budget *budget = NULL;
    struct err err = {0};
    assert_int_equal(budget_open(&quota, &random, &budget, &err), ERR_OK);
    return budget;
}

static struct address at(const char *text) {
    struct address address;
    assert_true(address_parse(text, &address));
    return address;
}

static bool take(struct budget *budget, const char *client, int64_t now_us) {
    struct address address = at(client);
    return budget_take(budget, &address, now_us);
}

static int64_t take_all(struct budget *budget, const char *client, int64_t now_us) {
    int64_t count = 0;
    while (count < 10000 && take(budget, client, now_us)) {
        count++;
    }
    return count;
}

static void expect(const struct budget *budget, const char *client, int64_t now_us,
                   int64_t remaining, int64_t more_s) {
    struct address address = at(client);
    struct budget_state state = budget_look(budget, &address, now_us);
    assert_int_equal(state.remaining, remaining);
    assert_int_equal(state.more_s, more_s);
}

static void a_quota_may_be_used_at_once_and_fills_evenly(void **state) {
    (void)state;
    struct budget *budget = open_budget(6, 60); /* one every 10 s */
    int64_t now_us = 1000 * SECOND;
    expect(budget, "192.0.2.1", now_us, 6, 0);
    expect(budget, "::", now_us, 6, 0); /* looks like an empty place */
    assert_int_equal(take_all(budget, "192.0.2.1", now_us), 6);
    expect(budget, "192.0.2.1", now_us, 0, 10);
    expect(budget, "192.0.2.1", now_us + 1, 0, 10);
    expect(budget, "192.0.2.1", now_us + 9 * SECOND + 1, 0, 1);
    assert_false(take(budget, "192.0.2.1", now_us + 10 * SECOND - 1));
    expect(budget, "192.0.2.1", now_us + 10 * SECOND, 1, 10);
    assert_true(take(budget, "192.0.2.1", now_us + 10 * SECOND));
    assert_false(take(budget, "192.0.2.1", now_us + 10 * SECOND));
    expect(budget, "192.0.2.1", now_us + 60 * SECOND, 5, 10);
    expect(budget, "192.0.2.1", now_us + 70 * SECOND, 6, 0);
    assert_int_equal(take_all(budget, "192.0.2.1", now_us + 3600 * SECOND), 6);
    budget_close(budget);
}

static void a_client_that_waits_as_told_is_served(void **state) {
    (void)state;
    static const struct quota quotas[] = {{1, 1},    {3, 1},       {7, 60},
                                          {100, 60}, {1000000, 1}, {1, 60}};
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        struct budget *budget = open_budget(quotas[i].requests, quotas[i].window_s);
        struct address client = at("192.0.2.1");
        int64_t now_us = 77777777;
        for (int64_t n = 0; n < quotas[i].requests; n++) {
            assert_true(budget_take(budget, &client, now_us));
        }
        for (int round = 0; round < 20; round++) {
            assert_false(budget_take(budget, &client, now_us));
            struct budget_state left = budget_look(budget, &client, now_us);
            assert_int_equal(left.remaining, 0);
            assert_in_range(left.more_s, 1, quotas[i].window_s);
            now_us += left.more_s * SECOND;
            while (budget_look(budget, &client, now_us).remaining > 0) {
                assert_true(budget_take(budget, &client, now_us));
            }
        }
        budget_close(budget);
    }
}

static void who_asks_on_gets_no_more_than_his_quota(void **state) {
    (void)state;
    struct budget *budget = open_budget(100, 60);
    int64_t passed = 0;
    for (int64_t ms = 0; ms < 600 * 1000; ms += 10) {
        passed += take(budget, "192.0.2.1", SECOND + ms * 1000) ? 1 : 0;
    }
    assert_in_range(passed, 1099, 1100); /* at once, and for ten minutes */
    budget_close(budget);
}

static void each_client_has_its_own(void **state) {
    (void)state;
    struct budget *budget = open_budget(2, 60);
    assert_int_equal(take_all(budget, "192.0.2.1", SECOND), 2);
    assert_int_equal(take_all(budget, "192.0.2.2", SECOND), 2);
    assert_int_equal(take_all(budget, "::", SECOND), 2);
    assert_int_equal(take_all(budget, "2001:db8::1", SECOND), 2);
    budget_close(budget);
}

static void a_network_of_ipv6_is_one_client(void **state) {
    (void)state;
    struct budget *budget = open_budget(2, 60);
    assert_true(take(budget, "2001:db8:0:1::1", SECOND));
    assert_true(take(budget, "2001:db8:0:1:ffff:ffff:ffff:ffff", SECOND));
    assert_false(take(budget, "2001:db8:0:1::2", SECOND));
    assert_true(take(budget, "2001:db8:0:2::1", SECOND));
    budget_close(budget);
}

static struct address number(uint32_t n) {
    char text[16];
    (void)snprintf(text, sizeof text, "%u.%u.%u.%u", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255);
    return at(text);
}

static void a_crowd_does_not_wash_out_who_asks_too_much(void **state) {
    (void)state;
    struct budget *budget = open_budget(10, 60);
    assert_int_equal(take_all(budget, "192.0.2.1", SECOND), 10);
    uint32_t crowd = 10 * BUDGET_CLIENTS_MAX;
    for (uint32_t n = 0; n < crowd; n++) {
        struct address client = number(0x0a000000 + n);
        assert_true(budget_take(budget, &client, SECOND));
    }
    assert_false(take(budget, "192.0.2.1", SECOND));
    /* Most of the crowd is forgotten, as if it had used nothing. */
    uint32_t known = 0;
    for (uint32_t n = 0; n < crowd; n++) {
        struct address client = number(0x0a000000 + n);
        known += budget_look(budget, &client, SECOND).remaining < 10 ? 1 : 0;
    }
    assert_in_range(known, BUDGET_CLIENTS_MAX - 10, BUDGET_CLIENTS_MAX);
    budget_close(budget);
}

static void most_of_the_places_can_be_used(void **state) {
    (void)state;
    struct budget *budget = open_budget(1, 60);
    uint32_t forgotten = 0;
    uint32_t crowd = BUDGET_CLIENTS_MAX / 2;
    for (uint32_t n = 0; n < crowd; n++) {
        struct address client = number(0x0a000000 + n);
        assert_true(budget_take(budget, &client, SECOND));
    }
    for (uint32_t n = 0; n < crowd; n++) {
        struct address client = number(0x0a000000 + n);
        forgotten += budget_look(budget, &client, SECOND).remaining == 1 ? 1 : 0;
    }
    assert_in_range(forgotten, 0, crowd / 50);
    budget_close(budget);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_may_be_used_at_once_and_fills_evenly),
        cmocka_unit_test(a_client_that_waits_as_told_is_served),
        cmocka_unit_test(who_asks_on_gets_no_more_than_his_quota),
        cmocka_unit_test(each_client_has_its_own),
        cmocka_unit_test(a_network_of_ipv6_is_one_client),
        cmocka_unit_test(a_crowd_does_not_wash_out_who_asks_too_much),
        cmocka_unit_test(most_of_the_places_can_be_used),
    };
    return cmocka_run_group_tests_name("api/budget", tests, NULL, NULL);
}
