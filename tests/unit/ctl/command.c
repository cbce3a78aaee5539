/* The table of commands. */
#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_command_is_found_and_stands_in_the_overview(void **state) {
    (void)state;
    char *overview = command_overview();
    assert_non_null(overview);
    for (size_t i = 0; i < command_count; i++) {
        assert_ptr_equal(command_find(commands[i].name), &commands[i]);
        assert_non_null(strstr(overview, commands[i].name));
        assert_non_null(strstr(overview, commands[i].summary));
        assert_true(commands[i].words_min <= commands[i].words_max);
    }
    assert_true(strstr(overview, "Examples:") < strstr(overview, "Commands:"));
    free(overview);
}

static void everything_that_changes_rows_can_be_tried_and_explained(void **state) {
    (void)state;
    static const char *const names[] = {"retry", "cancel"};
    for (size_t i = 0; i < 2; i++) {
        unsigned sets = command_find(names[i])->option_sets;
        assert_int_equal(sets, OPTIONS_FILTER | OPTIONS_DRY_RUN | OPTIONS_CHANGE);
    }
    static const char *const orders[] = {"pause", "resume"};
    for (size_t i = 0; i < 2; i++) {
        unsigned sets = command_find(orders[i])->option_sets;
        assert_int_equal(sets, OPTIONS_DRY_RUN | OPTIONS_CHANGE);
    }
    assert_int_equal(command_find("accept-payment")->option_sets,
                     OPTIONS_DRY_RUN | OPTIONS_CHANGE | OPTIONS_REFUND);
    assert_int_equal(command_find("list")->option_sets, OPTIONS_FILTER | OPTIONS_FLAGGED);
    assert_int_equal(command_find("migrate")->option_sets, OPTIONS_DRY_RUN);
}

static void an_unknown_command_is_refused_with_the_one_that_was_meant(void **state) {
    (void)state;
    struct err err = {0};
    assert_null(command_find("lst"));
    assert_null(command_find(""));
    assert_int_equal(command_refuse("lst", &err), ERR_INVALID);
    assert_string_equal(err.text, "unknown command 'lst': did you mean 'list'?");
    err = (struct err){0};
    assert_int_equal(command_refuse("frobnicate", &err), ERR_INVALID);
    assert_string_equal(err.text, "unknown command 'frobnicate': preorderctl --help lists them");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_found_and_stands_in_the_overview),
        cmocka_unit_test(everything_that_changes_rows_can_be_tried_and_explained),
        cmocka_unit_test(an_unknown_command_is_refused_with_the_one_that_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
