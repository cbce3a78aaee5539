/* Who sits at the keyboard. */
#include "ctl/actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void behind_sudo_it_is_the_one_who_called_it(void **state) {
    (void)state;
    char name[ACTOR_BYTES];
    assert_int_equal(setenv("SUDO_USER", "an\x1bna", 1), 0);
    actor_name(name);
    if (geteuid() == 0) {
        assert_string_equal(name, "an na");
    } else {
        assert_string_not_equal(name, "an na"); /* anybody can set a variable */
    }
    assert_int_equal(unsetenv("SUDO_USER"), 0);
}

static void somebody_is_always_named(void **state) {
    (void)state;
    char name[ACTOR_BYTES] = "";
    actor_name(name);
    assert_true(strlen(name) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_sudo_it_is_the_one_who_called_it),
        cmocka_unit_test(somebody_is_always_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
