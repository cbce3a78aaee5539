/* What stands behind a command's name. */
#include "ctl/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 12, ALL_SETS = 0xff };

static enum err_code parse(struct options *options, unsigned sets, const char *const *arguments,
                           struct err *err) {
    static char kept[WORDS_MAX][64];
    char *argv[WORDS_MAX];
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        assert_true(argc < WORDS_MAX && strlen(arguments[argc]) < sizeof kept[0]);
        memcpy(kept[argc], arguments[argc], strlen(arguments[argc]) + 1);
        argv[argc] = kept[argc];
    }
    *err = (struct err){0};
    return options_parse(options, sets, argc, argv, err);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void flags_and_words_may_be_mixed(void **state) {
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse(&options, ALL_SETS,
                           ARGUMENTS("one", "--json", "--status", "dead", "two", "--error=a=b",
                                     "--limit", "5", "--", "--yes"),
                           &err),
                     ERR_OK);
    assert_int_equal(options.word_count, 3);
    assert_string_equal(options.words[0], "one");
    assert_string_equal(options.words[1], "two");
    assert_string_equal(options.words[2], "--yes");
    assert_true(options.json);
    assert_false(options.yes);
    assert_string_equal(options.status, "dead");
    assert_string_equal(options.error, "a=b");
    assert_string_equal(options.limit, "5");
    assert_null(options.email);
    options_release(&options);
}

static void no_arguments_are_no_options(void **state) {
    (void)state;
    struct options options;
    struct err err = {0};
    assert_int_equal(options_parse(&options, ALL_SETS, 0, NULL, &err), ERR_OK);
    assert_int_equal(options.word_count, 0);
    assert_false(options_name_events(&options));
    options_release(&options);
}

static void help_is_known_in_both_forms(void **state) {
    (void)state;
    static const char *const forms[] = {"-h", "--help"};
    for (size_t i = 0; i < 2; i++) {
        struct options options;
        struct err err;
        assert_int_equal(parse(&options, 0, ARGUMENTS(forms[i]), &err), ERR_OK);
        assert_true(options.help);
        options_release(&options);
    }
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *const arguments[4];
        unsigned sets;
        const char *said;
    } cases[] = {
        {{"--josn"}, ALL_SETS, "unknown option --josn: did you mean --json?"},
        {{"--yes"}, OPTIONS_FILTER, "unknown option --yes"}, /* of another command */
        {{"--config"}, ALL_SETS, "stand before the command"},
        {{"-x"}, ALL_SETS, "unknown option -x"},
        {{"-json"}, ALL_SETS, "unknown option -json"},
        {{"--=5"}, ALL_SETS, "unknown option --=5"},
        {{"--json=1"}, ALL_SETS, "--json takes no value"},
        {{"--status"}, ALL_SETS, "--status needs a value"},
        {{"--status="}, ALL_SETS, "--status needs a value"},
        {{"--status", "dead", "--status=sent"}, ALL_SETS, "--status is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options options;
        struct err err;
        assert_int_equal(parse(&options, cases[i].sets, cases[i].arguments, &err), ERR_INVALID);
        if (strstr(err.text, cases[i].said) == NULL) {
            fail_msg("'%s' does not say '%s'", err.text, cases[i].said);
        }
        options_release(&options);
    }
}

static void a_limit_alone_names_no_events(void **state) {
    (void)state;
    struct options options;
    struct err err;
    assert_int_equal(parse(&options, ALL_SETS, ARGUMENTS("--limit", "5", "--yes"), &err), ERR_OK);
    assert_false(options_name_events(&options));
    options_release(&options);
    static const char *const narrowing[] = {"--status=dead", "--metric=m", "--email=e", "--error=e",
                                            "--older=1h",    "--newer=1h", "PRE-1"};
    for (size_t i = 0; i < sizeof narrowing / sizeof narrowing[0]; i++) {
        assert_int_equal(parse(&options, ALL_SETS, ARGUMENTS(narrowing[i]), &err), ERR_OK);
        assert_true(options_name_events(&options));
        options_release(&options);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_words_may_be_mixed),
        cmocka_unit_test(no_arguments_are_no_options),
        cmocka_unit_test(help_is_known_in_both_forms),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_limit_alone_names_no_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
