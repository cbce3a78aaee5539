/*
 * Loading while memory or standard output is gone: the n-th allocation fails, for every n. Each must
 * end in ERR_FATAL with nothing left behind (the suite under AddressSanitizer sees leaks).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shop.h"

/* The linker leads these calls of ours here; those inside of libraries go on as they were. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
void *__real_realloc(void *pointer, size_t byte_count);
void *__wrap_realloc(void *pointer, size_t byte_count);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static int allocations_left = -1; /* before one fails; negative: none does */

static bool fails(void) {
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t byte_count) {
    return fails() ? NULL : __real_calloc(count, byte_count);
}

void *__wrap_realloc(void *pointer, size_t byte_count) {
    return fails() ? NULL : __real_realloc(pointer, byte_count);
}

char *__wrap_strdup(const char *text) {
    return fails() ? NULL : __real_strdup(text);
}

/* Loads with the n-th allocation failing. Without shop_load, which allocates itself. */
static enum err_code load(struct shop_run *run, int argc, char **argv, int n) {
    config_release(&shop_table, &run->shop);
    allocations_left = n;
    enum err_code code =
        config_load(&shop_table, argc, argv, &run->shop, &run->next, &run->action, &run->err);
    bool has_failed = allocations_left < 0;
    allocations_left = -1;
    assert_true(has_failed || code == ERR_OK);
    return code;
}

static void every_failed_allocation_is_told(void **state) {
    struct shop_run *run = *state;
    enum { MANY = 200 };
    char program[] = "shop";
    char config[] = "--config=shop.conf";
    char flag[] = "--count=4";
    char *argv[] = {program, config, flag, NULL};
    shop_write("key", "sesame");
    shop_write("shop.conf", "name = x\nkey-file = key\n");
    shop_set("SHOP_WAIT", "3s");
    int n = 0;
    while (load(run, 3, argv, n) != ERR_OK) {
        /* Where the room for the contents of a file is missing, the file is called too large. */
        assert_true(run->err.code == ERR_FATAL || run->err.code == ERR_INVALID);
        assert_null(run->shop.name);
        n++;
        assert_true(n < MANY);
    }
    assert_true(n > 10);
    assert_string_equal(run->shop.key, "sesame");
}

/* With standard output at /dev/null, as the answer would stand between the lines of TAP. */
static enum err_code load_unheard(struct shop_run *run, char *flag, const char *path, int n) {
    char program[] = "shop";
    char *argv[] = {program, flag, NULL};
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int other = open(path, O_WRONLY | O_CLOEXEC);
    (void)dup2(other, STDOUT_FILENO);
    allocations_left = n;
    enum err_code code =
        config_load(&shop_table, 2, argv, &run->shop, &run->next, &run->action, &run->err);
    allocations_left = -1;
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(other);
    (void)close(saved);
    clearerr(stdout);
    return code;
}

static void answers_without_memory_are_told(void **state) {
    struct shop_run *run = *state;
    char help[] = "--help";
    char version[] = "--version";
    char check[] = "--check-config";
    char *flags[] = {help, version, check};
    for (size_t i = 0; i < 3; i++) {
        int n = 0;
        while (load_unheard(run, flags[i], "/dev/null", n) != ERR_OK) {
            assert_int_equal(run->err.code, ERR_FATAL);
            assert_null(run->shop.name);
            n++;
            assert_true(n < 100);
        }
        assert_true(n >= 2);
        assert_int_equal(run->action, CONFIG_DONE);
    }
}

static void a_full_standard_output_is_told(void **state) {
    struct shop_run *run = *state;
    char help[] = "--help";
    assert_int_equal(load_unheard(run, help, "/dev/full", -1), ERR_FATAL);
    assert_string_equal(run->err.text, "standard output takes nothing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_failed_allocation_is_told),
        TEST(answers_without_memory_are_told),
        TEST(a_full_standard_output_is_told),
    };
    return cmocka_run_group_tests_name("common/config under faults", tests, NULL, NULL);
}
