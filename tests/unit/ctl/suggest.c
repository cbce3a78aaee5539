/* "Did you mean". */
#include "ctl/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const words[] = {"status", "list", "show", "explain", "retry", "cancel"};

static const char *suggest(const char *typed) {
    return suggest_word(typed, words, sizeof words / sizeof words[0]);
}

static void a_slip_of_any_kind_is_seen_through(void **state) {
    (void)state;
    assert_string_equal(suggest("explian"), "explain"); /* swapped */
    assert_string_equal(suggest("cancle"), "cancel");
    assert_string_equal(suggest("retr"), "retry"); /* missing */
    assert_string_equal(suggest("lisst"), "list"); /* too many */
    assert_string_equal(suggest("shaw"), "show");  /* changed */
    assert_string_equal(suggest("stats"), "status");
    assert_string_equal(suggest("list"), "list");
}

static void what_is_too_far_off_suggests_nothing(void **state) {
    (void)state;
    assert_null(suggest(""));
    assert_null(suggest("x"));
    assert_null(suggest("backup"));
    assert_null(suggest("an endlessly long word that is no command at all"));
    assert_null(suggest_word("list", words, 0));
    static const char *const endless[] = {"an-endlessly-long-word-that-nobody-gave-a-command"};
    assert_null(suggest_word("an-endlessly-long-word", endless, 1));
}

static void the_closest_of_several_wins(void **state) {
    (void)state;
    static const char *const near[] = {"aaaaaa", "aaaabb", "aaaabc"};
    assert_string_equal(suggest_word("aaaaabc", near, 3), "aaaabc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_any_kind_is_seen_through),
        cmocka_unit_test(what_is_too_far_off_suggests_nothing),
        cmocka_unit_test(the_closest_of_several_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
