/* Faults: their pointers after RFC 6901, and their limit. */
#include "common/domain/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* calloc is wrapped by the linker: the test decides when memory is gone. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);

static bool memory_is_gone;

void *__wrap_calloc(size_t count, size_t byte_count) {
    return memory_is_gone ? NULL : __real_calloc(count, byte_count);
}

static void escapes_names_as_the_fragment_of_a_uri(void **state) {
    (void)state;
    /* The names of RFC 6901, section 6, and what else a name may hold. */
    static const struct {
        const char *name;
        const char *pointer;
    } cases[] = {
        {"foo", "#/properties/foo"},
        {"", "#/properties/"},
        {"a/b", "#/properties/a~1b"},
        {"c%d", "#/properties/c%25d"},
        {"e^f", "#/properties/e%5Ef"},
        {"g|h", "#/properties/g%7Ch"},
        {"i\\j", "#/properties/i%5Cj"},
        {"k\"l", "#/properties/k%22l"},
        {" ", "#/properties/%20"},
        {"m~n", "#/properties/m~0n"},
        {"~1/", "#/properties/~01~1"},
        {"a#b?c", "#/properties/a%23b?c"},
        {"A-z.0_$:@!&'()*+,;=", "#/properties/A-z.0_$:@!&'()*+,;="},
        {"\xC3\xA9", "#/properties/%C3%A9"},
        {"\n", "#/properties/%0A"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char pointer[PREORDER_POINTER_BYTES];
        faults_property_pointer(cases[i].name, strlen(cases[i].name), pointer);
        assert_string_equal(pointer, cases[i].pointer);
    }
    char pointer[PREORDER_POINTER_BYTES];
    faults_property_pointer("a\0b", 3, pointer);
    assert_string_equal(pointer, "#/properties/a%00b");
}

static void the_longest_pointer_fits(void **state) {
    (void)state;
    char name[4 * (PREORDER_PROPERTY_NAME_CHARS_MAX + 1)];
    char pointer[PREORDER_POINTER_BYTES];
    static const char grin[] = {'\xF0', '\x9F', '\x98', '\x80'};
    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = grin[i % sizeof(grin)];
    }
    faults_property_pointer(name, sizeof(name) - 4, pointer);
    assert_int_equal(strlen(pointer), strlen("#/properties/") + 3 * (sizeof(name) - 4));
    faults_property_pointer(name, sizeof(name), pointer);
    assert_string_equal(pointer, "#/properties");
}

static void drops_what_is_beyond_the_limit(void **state) {
    (void)state;
    struct faults faults = {0};
    for (int i = 0; i < PREORDER_FAULTS_MAX + 10; i++) {
        faults_add(&faults, "#/email", "fault %d", i);
    }
    assert_int_equal(faults.count, PREORDER_FAULTS_MAX);
    assert_string_equal(faults.items[0].pointer, "#/email");
    assert_string_equal(faults.items[0].detail, "fault 0");
    assert_string_equal(faults.items[PREORDER_FAULTS_MAX - 1].detail, "fault 63");
    assert_false(faults.is_out_of_memory);
    faults_release(&faults);
    assert_null(faults.items);
    assert_int_equal(faults.count, 0);
}

static void without_memory_nothing_is_kept_but_that_fact(void **state) {
    (void)state;
    struct faults faults = {0};
    memory_is_gone = true;
    faults_add(&faults, "#/email", "is required");
    memory_is_gone = false;
    assert_true(faults.is_out_of_memory);
    assert_int_equal(faults.count, 0);
    faults_add(&faults, "#/color", "is required");
    assert_true(faults.is_out_of_memory); /* one is missing */
    faults_release(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_names_as_the_fragment_of_a_uri),
        cmocka_unit_test(the_longest_pointer_fits),
        cmocka_unit_test(drops_what_is_beyond_the_limit),
        cmocka_unit_test(without_memory_nothing_is_kept_but_that_fact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
