#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/name.h"

static void a_boot_id_is_shortened_to_its_first_group(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    char name[WORKER_NAME_BYTES];
    worker_name("0f6d2a31-5d0c-4c57-9b7e-3a4cde0f1122", 4711, &random, name);
    assert_memory_equal(name, "0f6d2a31:4711:", 14);
    assert_int_equal(strlen(name), 14 + 8);
}

static void other_host_ids_stay_readable(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    char name[WORKER_NAME_BYTES];
    worker_name("shop-1.example", 1, &random, name);
    assert_memory_equal(name, "shop-1.example:1:", 17);
    worker_name("a:b c\n\xc3\xa4", 1, &random, name);
    assert_memory_equal(name, "a_b_c___:1:", 11);
    /* Each side of each range. */
    worker_name("azAZ09-_.`{@[/:,^", 1, &random, name);
    assert_memory_equal(name, "azAZ09-_.________:1:", 20);
}

static void the_longest_fits(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    char host_id[500];
    char name[WORKER_NAME_BYTES];
    memset(host_id, 'h', sizeof host_id - 1);
    host_id[sizeof host_id - 1] = '\0';
    worker_name(host_id, INT32_MAX, &random, name);
    assert_true(strlen(name) < WORKER_NAME_BYTES);
}

static void each_start_has_another(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    char first[WORKER_NAME_BYTES];
    char second[WORKER_NAME_BYTES];
    worker_name("h", 1, &random, first);
    worker_name("h", 1, &random, second);
    assert_string_not_equal(first, second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_id_is_shortened_to_its_first_group),
        cmocka_unit_test(other_host_ids_stay_readable),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(each_start_has_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
