/*
 * Every operation of the store with every call failing in turn, once alone and once with all that
 * follow: our allocations, SQLite's, the disk under SQLite, and the system calls of our own. Whatever
 * happens: no crash, a code that the header promises with a sentence to it, "busy" means that nothing was
 * written, and the database stays whole. faults.c looks closer at the operations that carry the promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/failing.h"
#include "tests/store/operations.h"

enum {
    POINTS_MAX = 100000,
    SQLITE_STRIDE = 3,
};

/* ---- The loop --------------------------------------------------------------------------------- */

/* What the database holds, as one text. */
static void look(char text[1024]) {
    (void)snprintf(
        text, 1024, "%s",
        fixture_text(rig.fixture,
                     "SELECT count(*), sum(token), sum(attempts), total(next_attempt_at),"
                     " count(claimed_by), total(claim_expires_at), group_concat(status),"
                     " (SELECT count(*) FROM outbox_attempts),"
                     " (SELECT count(*) FROM audit_log),"
                     " (SELECT group_concat(name) FROM workers),"
                     " (SELECT total(count) FROM rate_flights),"
                     " (SELECT not_before || ' ' || paused_by_person FROM account),"
                     " (SELECT group_concat(status) FROM preorders) FROM outbox"));
}

/* One run with the call number `point` failing. False: it was not reached. */
static bool run_trial(const struct operation *operation, enum failing_kind kind, int point,
                      bool is_lasting) {
    char before[1024];
    char after[1024];
    struct err err = {0};
    operation->prepare();
    rig_open(operation->is_registered);
    look(before);
    failing_arm(kind, point, is_lasting);
    enum err_code code = operation->run(&err);
    bool has_struck = failing_disarm();
    if (code == ERR_OK) {
        return has_struck;
    }
    assert_true(has_struck);
    assert_true(code == ERR_BUSY || code == ERR_UNKNOWN || code == ERR_FATAL);
    assert_string_not_equal(err.text, "");
    if (code == ERR_BUSY) {
        look(after);
        assert_string_equal(after, before);
    }
    store_close(rig.store); /* as every program does that cannot trust it any more */
    rig.store = NULL;
    return true;
}

static void fail_each(enum failing_kind kind) {
    int point_count = 0;
    for (size_t i = 0; i < operation_count; i++) {
        const struct operation *each = &operations[i];
        int stride = kind == FAILING_SQLITE_MEMORY ? each->memory_stride : each->disk_stride;
        if (stride == 0 || kind == FAILING_OUR_MEMORY || kind == FAILING_OUR_CALL) {
            stride = kind == FAILING_SQLITE_MEMORY ? SQLITE_STRIDE : 1;
        }
        for (int lasting = 0; lasting < 2; lasting++) {
            for (int point = 0; run_trial(each, kind, point, lasting == 1); point += stride) {
                assert_true(point < POINTS_MAX);
                point_count++;
            }
        }
        store_close(rig.store);
        rig.store = NULL;
        if (rig.fixture->store == NULL) {
            rig.fixture->store = fixture_open(rig.fixture, STORE_CHECKOUT);
        }
        rig_reset();
        fixture_assert_sound(rig.fixture);
    }
    print_message("# %d points\n", point_count);
    assert_true(point_count > 0);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void without_memory_of_ours_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_OUR_MEMORY);
}

static void without_memory_of_sqlites_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_SQLITE_MEMORY);
}

static void on_a_broken_disk_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_DISK);
}

static void when_the_kernel_refuses_each_operation_says_so(void **state) {
    (void)state;
    fail_each(FAILING_OUR_CALL);
}

static int install(void **state) {
    (void)fixture_spare_disk(state);
    failing_install();
    return 0;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(without_memory_of_ours_each_operation_says_so),
        EACH(without_memory_of_sqlites_each_operation_says_so),
        EACH(on_a_broken_disk_each_operation_says_so),
        EACH(when_the_kernel_refuses_each_operation_says_so),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
