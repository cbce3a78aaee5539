#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/sieve.h"

/* A Klaviyo that refuses a request if any of the bad is in it, without a word. */
struct trial {
    struct sieve sieve;
    bool is_bad[BULK_MEMBERS_MAX];
    int sent[BULK_MEMBERS_MAX]; /* accepted requests that it was in */
    bool is_dead[BULK_MEMBERS_MAX];
    size_t request_count, size_max; /* of what is not too large */
};

static void begin(struct trial *trial, size_t count) {
    memset(trial, 0, sizeof *trial);
    sieve_init(&trial->sieve, count);
    trial->size_max = BULK_MEMBERS_MAX;
}

static bool has_bad(const struct trial *trial) {
    for (size_t i = 0; i < trial->sieve.count; i++) {
        if (trial->is_bad[i] && sieve_place(&trial->sieve, i) == SIEVE_ABOARD) {
            return true;
        }
    }
    return false;
}

static int answer(struct trial *trial) {
    if (sieve_count(&trial->sieve, SIEVE_ABOARD) > trial->size_max) {
        return sieve_halve(&trial->sieve);
    }
    if (has_bad(trial)) {
        return sieve_refuse(&trial->sieve);
    }
    for (size_t i = 0; i < trial->sieve.count; i++) {
        trial->sent[i] += sieve_place(&trial->sieve, i) == SIEVE_ABOARD ? 1 : 0;
    }
    return sieve_accept(&trial->sieve);
}

/* Until nobody is left: each good one was accepted once, each bad one is dead, alone. */
static void run(struct trial *trial) {
    while (sieve_board(&trial->sieve)) {
        trial->request_count++;
        assert_true(trial->request_count < 100000);
        int culprit = answer(trial);
        if (culprit != SIEVE_NOBODY) {
            trial->is_dead[culprit] = true;
        }
    }
    for (size_t i = 0; i < trial->sieve.count; i++) {
        assert_int_equal(trial->sent[i], trial->is_bad[i] ? 0 : 1);
        assert_int_equal(trial->is_dead[i], trial->is_bad[i]);
    }
}

static void a_good_job_is_one_request(void **state) {
    (void)state;
    struct trial trial;
    begin(&trial, BULK_MEMBERS_MAX);
    run(&trial);
    assert_int_equal(trial.request_count, 1);
}

static void one_culprit_in_a_thousand_costs_at_most_twelve_requests(void **state) {
    (void)state;
    size_t most = 0;
    for (size_t bad = 0; bad < BULK_MEMBERS_MAX; bad++) {
        struct trial trial;
        begin(&trial, BULK_MEMBERS_MAX);
        trial.is_bad[bad] = true;
        run(&trial);
        most = trial.request_count > most ? trial.request_count : most;
    }
    assert_int_equal(most, 12);
}

static void every_set_of_culprits_in_small_jobs_is_found(void **state) {
    (void)state;
    for (size_t count = 1; count <= 10; count++) {
        for (unsigned set = 0; set < 1u << count; set++) {
            struct trial trial;
            begin(&trial, count);
            for (size_t i = 0; i < count; i++) {
                trial.is_bad[i] = (set >> i & 1u) != 0;
            }
            run(&trial);
        }
    }
}

static void a_job_of_one_that_is_refused_is_the_culprit(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 1);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_refuse(&sieve), 0);
    assert_false(sieve_board(&sieve));
}

static void named_culprits_cost_one_more_request(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 1000);
    assert_true(sieve_board(&sieve));
    sieve_convict(&sieve, 17);
    sieve_convict(&sieve, 999);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 998);
    assert_int_equal(sieve_accept(&sieve), SIEVE_NOBODY);
    assert_false(sieve_board(&sieve));
}

static void a_name_in_the_middle_of_a_search_ends_it(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 8);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_refuse(&sieve), SIEVE_NOBODY);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 4);
    sieve_convict(&sieve, 2);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 7);
}

/* The other one may have been the culprit: nobody is convicted by what is left. */
static void a_suspect_that_is_lost_ends_the_search(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 4);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_refuse(&sieve), SIEVE_NOBODY);
    assert_true(sieve_board(&sieve)); /* 0 and 1; 2 and 3 are suspects */
    sieve_drop(&sieve, 3);
    assert_true(sieve_board(&sieve)); /* the search began anew: all three */
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 3);
    assert_int_equal(sieve_accept(&sieve), SIEVE_NOBODY);
    assert_false(sieve_board(&sieve));
}

static void one_that_is_lost_from_a_first_request_leaves_the_others_aboard(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 4);
    assert_true(sieve_board(&sieve));
    sieve_drop(&sieve, 0);
    sieve_leave_to_rest(&sieve, 3);
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 2);
    assert_int_equal(sieve_accept(&sieve), SIEVE_NOBODY);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_place(&sieve, 3), SIEVE_ABOARD);
}

static void what_is_too_large_is_halved_until_it_fits(void **state) {
    (void)state;
    struct trial trial;
    begin(&trial, 1000);
    trial.size_max = 260;
    run(&trial);
    assert_int_equal(trial.request_count, 1 + 1 + 4);
    begin(&trial, 1000);
    trial.size_max = 100;
    trial.is_bad[500] = true;
    run(&trial);
}

static void an_event_that_is_too_large_by_itself_is_the_culprit(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 1);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_halve(&sieve), 0);
    assert_false(sieve_board(&sieve));
}

static void one_that_is_lost_from_a_half_begins_the_search_anew(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 4);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_refuse(&sieve), SIEVE_NOBODY);
    assert_true(sieve_board(&sieve));
    sieve_drop(&sieve, 0); /* of those aboard */
    assert_int_equal(sieve_count(&sieve, SIEVE_REST), 3);
    assert_true(sieve_board(&sieve));
    assert_int_equal(sieve_count(&sieve, SIEVE_ABOARD), 3);
}

static void one_that_is_lost_from_the_rest_changes_nothing(void **state) {
    (void)state;
    struct sieve sieve;
    sieve_init(&sieve, 4);
    sieve_drop(&sieve, 0);
    assert_int_equal(sieve_count(&sieve, SIEVE_REST), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_job_is_one_request),
        cmocka_unit_test(one_culprit_in_a_thousand_costs_at_most_twelve_requests),
        cmocka_unit_test(every_set_of_culprits_in_small_jobs_is_found),
        cmocka_unit_test(a_job_of_one_that_is_refused_is_the_culprit),
        cmocka_unit_test(named_culprits_cost_one_more_request),
        cmocka_unit_test(a_name_in_the_middle_of_a_search_ends_it),
        cmocka_unit_test(a_suspect_that_is_lost_ends_the_search),
        cmocka_unit_test(one_that_is_lost_from_a_first_request_leaves_the_others_aboard),
        cmocka_unit_test(what_is_too_large_is_halved_until_it_fits),
        cmocka_unit_test(an_event_that_is_too_large_by_itself_is_the_culprit),
        cmocka_unit_test(one_that_is_lost_from_a_half_begins_the_search_anew),
        cmocka_unit_test(one_that_is_lost_from_the_rest_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
