/* The environment and the credentials of systemd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/shop.h"

static void assert_refused(const struct shop_run *run, const char *text) {
    assert_int_equal(run->code, ERR_INVALID);
    assert_string_equal(run->err.text, text);
}

static void variables_of_other_programs_in_the_table_are_taken(void **state) {
    struct shop_run *run = *state;
    shop_set("FOREIGN_URL", "x");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.foreign_url, "x");
}

static void unknown_variables_with_the_prefix_are_refused(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEYY", "x");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "environment: unknown setting SHOP_KEYY; did you mean SHOP_KEY?");
    assert_int_equal(unsetenv("SHOP_KEYY"), 0);
    shop_set("SHOP_", "x");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_INVALID);
}

static void variables_of_strangers_are_not_looked_at(void **state) {
    struct shop_run *run = *state;
    char name[400];
    memset(name, 'X', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    shop_set("SHO", "x");
    shop_set("XSHOP_NAME", "x");
    shop_set(name, "x");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(unsetenv(name), 0);
    assert_int_equal(unsetenv("SHO"), 0);
    assert_int_equal(unsetenv("XSHOP_NAME"), 0);
}

static void a_table_without_prefix_knows_no_unknown_variable(void **state) {
    struct shop_run *run = *state;
    struct config_table table = shop_table;
    char program[] = "shop";
    char flag[] = "--shop-name=x";
    char *argv[] = {program, flag, NULL};
    table.prefix = "";
    shop_set("SHOP_KEYY", "x");
    assert_int_equal(config_load(&table, 2, argv, &run->shop, &run->next, &run->action, &run->err),
                     ERR_OK);
    assert_string_equal(run->shop.name, "x");
}

static void an_entry_without_equals_sign_is_skipped(void **state) {
    struct shop_run *run = *state;
    char odd[] = "SHOP_NAME";
    char even[] = "SHOP_COUNT=4";
    char *variables[] = {odd, even, NULL};
    char **kept = environ;
    environ = variables;
    SHOP_LOAD(run, NULL);
    environ = NULL; /* as after clearenv */
    struct shop_run second = {0};
    SHOP_LOAD(&second, NULL);
    environ = kept;
    assert_int_equal(run->code, ERR_OK);
    assert_int_equal(run->shop.count, 4);
    assert_int_equal(second.code, ERR_OK);
    config_release(&shop_table, &second.shop);
    free(second.out);
}

static void an_empty_text_is_a_value_and_an_empty_secret_is_none(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_NAME", "");
    shop_set("SHOP_KEY", "");
    shop_set("SHOP_KEY_FILE", "");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.name, "");
    assert_null(run->shop.key);
}

static void a_secret_may_stand_in_a_file(void **state) {
    struct shop_run *run = *state;
    shop_write("key", " sesame \r\n\n");
    shop_set("SHOP_KEY", "");
    shop_set("SHOP_KEY_FILE", "key");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, " sesame"); /* only the end is trimmed */
}

static void a_secret_given_twice_is_refused(void **state) {
    struct shop_run *run = *state;
    shop_write("key", "sesame");
    shop_set("SHOP_KEY", "k");
    shop_set("SHOP_KEY_FILE", "key");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY and SHOP_KEY_FILE are both in the environment: leave one out");
}

static void a_file_without_a_secret_is_refused(void **state) {
    struct shop_run *run = *state;
    shop_set("SHOP_KEY_FILE", "key");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY_FILE (environment): cannot open key: No such file or directory");
    shop_write("key", " \n");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY_FILE (environment): key is empty");
    shop_set("SHOP_KEY_FILE", ".");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY_FILE (environment): cannot read .: Is a directory");
}

static void an_error_in_a_secret_names_its_file(void **state) {
    struct shop_run *run = *state;
    shop_write("key", "sesame!");
    shop_set("SHOP_KEY_FILE", "key");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY (environment, from key): it shouts");
}

static void a_credential_is_found_by_its_name(void **state) {
    struct shop_run *run = *state;
    shop_set("CREDENTIALS_DIRECTORY", ".");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK); /* there is none, and none is asked for */
    assert_null(run->shop.key);
    shop_write("shop_key", "sesame\n");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, "sesame");
    shop_write("shop_key", "sesame!\n");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY (credential, from ./shop_key): it shouts");
}

static void a_credential_is_the_last_resort(void **state) {
    struct shop_run *run = *state;
    shop_set("CREDENTIALS_DIRECTORY", ".");
    shop_write("shop_key", ""); /* not even looked at */
    shop_write("shop.conf", "SHOP_KEY = file");
    SHOP_LOAD(run, "--config=shop.conf");
    assert_int_equal(run->code, ERR_OK);
    assert_string_equal(run->shop.key, "file");
}

static void a_bad_credential_is_refused(void **state) {
    struct shop_run *run = *state;
    char folder[5000];
    shop_set("CREDENTIALS_DIRECTORY", ".");
    shop_write("shop_key", "");
    SHOP_LOAD(run, NULL);
    assert_refused(run, "SHOP_KEY (credential): ./shop_key is empty");
    memset(folder, 'x', sizeof folder - 1);
    folder[sizeof folder - 1] = '\0';
    shop_set("CREDENTIALS_DIRECTORY", folder);
    SHOP_LOAD(run, NULL);
    assert_refused(run, "CREDENTIALS_DIRECTORY: the path is too long");
    shop_set("CREDENTIALS_DIRECTORY", "");
    SHOP_LOAD(run, NULL);
    assert_int_equal(run->code, ERR_OK);
}

static void the_file_of_another_programs_secret_is_not_opened(void **state) {
    struct shop_run *run = *state;
    struct config_table table = shop_table;
    char program[] = "other";
    char flag[] = "--config=shop.conf";
    char *argv[] = {program, flag, NULL};
    table.program_bit = 1u << 1;
    shop_write("shop.conf", "SHOP_KEY_FILE = nowhere");
    shop_set("SHOP_KEY_FILE", "nowhere");
    shop_set("CREDENTIALS_DIRECTORY", ".");
    shop_write("shop_key", "");
    assert_int_equal(config_load(&table, 2, argv, &run->shop, &run->next, &run->action, &run->err),
                     ERR_OK);
    assert_null(run->shop.key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(variables_of_other_programs_in_the_table_are_taken),
        TEST(unknown_variables_with_the_prefix_are_refused),
        TEST(variables_of_strangers_are_not_looked_at),
        TEST(a_table_without_prefix_knows_no_unknown_variable),
        TEST(an_entry_without_equals_sign_is_skipped),
        TEST(an_empty_text_is_a_value_and_an_empty_secret_is_none),
        TEST(a_secret_may_stand_in_a_file),
        TEST(a_secret_given_twice_is_refused),
        TEST(a_file_without_a_secret_is_refused),
        TEST(an_error_in_a_secret_names_its_file),
        TEST(a_credential_is_found_by_its_name),
        TEST(a_credential_is_the_last_resort),
        TEST(a_bad_credential_is_refused),
        TEST(the_file_of_another_programs_secret_is_not_opened),
    };
    return cmocka_run_group_tests_name("common/config_environment", tests, NULL, NULL);
}
