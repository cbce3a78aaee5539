/* The client's properties: what is kept, and every way to be refused. */
#include "common/domain/properties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Returns the kept text, freed by the caller, or NULL if there are faults. */
static char *read_text(const char *text, struct faults *faults) {
    struct err err = {0};
    char *kept = NULL;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    assert_int_equal(properties_read(value, faults, &kept, &err), ERR_OK);
    json_decref(value);
    assert_true((kept == NULL) == (faults->count > 0));
    return kept;
}

static void keeps_scalars_in_their_order(void **state) {
    (void)state;
    static const struct {
        const char *given;
        const char *kept;
    } cases[] = {
        {"{}", "{}"},
        {"{ \"b\" : \"x\", \"a\" : true, \"c\" : null, \"d\" : false }",
         "{\"b\":\"x\",\"a\":true,\"c\":null,\"d\":false}"},
        {"{\"a\":49.90}", "{\"a\":49.9}"},
        {"{\"a\":0.1}", "{\"a\":0.1}"},
        {"{\"a\":0}", "{\"a\":0}"},
        {"{\"a\":-7}", "{\"a\":-7}"},
        {"{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}"},
        {"{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775808}"},
        {"{\"a\":123456789012.345}", "{\"a\":123456789012.345}"},
        {"{\"a\":0.30000000000000004}", "{\"a\":0.3}"},
        {"{\"a\":0.123456789012345678}", "{\"a\":0.123456789012346}"},
        {"{\"a\":1e3}", "{\"a\":1000.0}"},
        {"{\"a\":1e308}", "{\"a\":1e308}"},
        {"{\"a\":5e-324}", "{\"a\":4.94065645841247e-324}"},
        {"{\"a\":\"line\\nand \\\"quote\\\" \\u00e9 /\"}",
         "{\"a\":\"line\\nand \\\"quote\\\" \xC3\xA9 /\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct faults faults = {0};
        char *kept = read_text(cases[i].given, &faults);
        assert_non_null(kept);
        assert_string_equal(kept, cases[i].kept);
        free(kept);
    }
}

/* What is kept goes to Klaviyo as it is: it must be JSON with the same number in it. */
static void every_number_kept_can_be_read_again(void **state) {
    (void)state;
    static const char *const numbers[] = {"1e308",
                                          "-1e308",
                                          "9.99999999999999999e307",
                                          "5e-324",
                                          "2.2250738585072014e-308",
                                          "-0.0",
                                          "1.7976931348623157e292"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct faults faults = {0};
        char given[100];
        (void)snprintf(given, sizeof(given), "{\"a\":%s}", numbers[i]);
        char *kept = read_text(given, &faults);
        assert_non_null(kept);
        json_t *again = json_loads(kept, 0, NULL);
        assert_non_null(again);
        json_decref(again);
        free(kept);
    }
}

static void refuses_with_pointer_and_reason(void **state) {
    (void)state;
    static const struct {
        const char *given;
        const char *pointer;
        const char *reason;
    } cases[] = {
        {"[]", "#/properties", "must be an object, not a list"},
        {"\"a\"", "#/properties", "must be an object, not a string"},
        {"null", "#/properties", "must be an object, not null"},
        {"{\"a\":{}}", "#/properties/a",
         "must be a string, number, boolean or null, not an object"},
        {"{\"a\":[1]}", "#/properties/a", "must be a string, number, boolean or null, not a list"},
        {"{\"\":1}", "#/properties/", "must have a name that is not empty"},
        {"{\"color\":1}", "#/properties/color",
         "has a name that the event itself uses: choose another"},
        {"{\"promotions_consent\":1}", "#/properties/promotions_consent",
         "has a name that the event itself uses: choose another"},
        {"{\"a\\nb\":1}", "#/properties/a%0Ab",
         "has a name that holds the forbidden character U+000A"},
        {"{\"a\":\"b\\u0007\"}", "#/properties/a", "holds the forbidden character U+0007"},
        {"{\"a\":\"\\u202e\"}", "#/properties/a", "holds the forbidden character U+202E"},
        {"{\"a\":\"\\uffff\"}", "#/properties/a", "holds the forbidden character U+FFFF"},
        {"{\"a\":\"\\u0085\"}", "#/properties/a", "holds the forbidden character U+0085"},
        {"{\"a\":1.7976931348623157e308}", "#/properties/a",
         "must be a number between -1e308 and 1e308"},
        {"{\"a\":-1.1e308}", "#/properties/a", "must be a number between -1e308 and 1e308"},
        {"{\"a/b~c\":[]}", "#/properties/a~1b~0c",
         "must be a string, number, boolean or null, not a list"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct faults faults = {0};
        assert_null(read_text(cases[i].given, &faults));
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.items[0].pointer, cases[i].pointer);
        assert_string_equal(faults.items[0].detail, cases[i].reason);
        faults_release(&faults);
    }
}

/* An object with `count` members, or one whose name or text has `count` times the text `piece`. */
static json_t *many_members(int count) {
    json_t *object = json_object();
    for (int i = 0; i < count; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(json_object_set_new(object, name, json_integer(i)), 0);
    }
    return object;
}

static void repeat(const char *piece, size_t count, char *text) {
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * strlen(piece), piece, strlen(piece) + 1);
    }
}

static size_t count_faults(json_t *object, const char *reason) {
    struct faults faults = {0};
    struct err err = {0};
    char *kept = NULL;
    assert_int_equal(properties_read(object, &faults, &kept, &err), ERR_OK);
    size_t count = faults.count;
    if (count > 0) {
        assert_string_equal(faults.items[0].detail, reason);
    }
    assert_true((kept == NULL) == (count > 0));
    free(kept);
    faults_release(&faults);
    json_decref(object);
    return count;
}

static void takes_20_members_and_no_more(void **state) {
    (void)state;
    assert_int_equal(count_faults(many_members(20), NULL), 0);
    assert_int_equal(count_faults(many_members(21), "must have at most 20 members, it has 21"), 1);
}

static void counts_names_and_texts_in_characters(void **state) {
    (void)state;
    char text[4 * 513 + 1];
    repeat("\xF0\x9F\x98\x80", 64, text);
    assert_int_equal(count_faults(json_pack("{s:i}", text, 1), NULL), 0);
    repeat("\xF0\x9F\x98\x80", 65, text);
    assert_int_equal(count_faults(json_pack("{s:i}", text, 1),
                                  "has a name of 65 characters, at most 64 are allowed"),
                     1);
    repeat("\xF0\x9F\x98\x80", 512, text);
    assert_int_equal(count_faults(json_pack("{s:s}", "a", text), NULL), 0);
    repeat("\xF0\x9F\x98\x80", 513, text);
    assert_int_equal(
        count_faults(json_pack("{s:s}", "a", text), "must have at most 512 characters, it has 513"),
        1);
}

static void reports_every_fault_at_once(void **state) {
    (void)state;
    struct faults faults = {0};
    assert_null(read_text("{\"a\":[],\"ok\":1,\"color\":{},\"\":\"\\u0001\"}", &faults));
    assert_int_equal(faults.count, 5);
    assert_string_equal(faults.items[0].pointer, "#/properties/a");
    assert_string_equal(faults.items[1].pointer, "#/properties/color");
    assert_string_equal(faults.items[2].pointer, "#/properties/color");
    assert_string_equal(faults.items[3].pointer, "#/properties/");
    assert_string_equal(faults.items[4].pointer, "#/properties/");
    faults_release(&faults);
}

static void refuses_even_when_the_list_of_faults_is_full(void **state) {
    (void)state;
    struct faults faults = {0};
    struct err err = {0};
    char *kept = NULL;
    for (int i = 0; i < PREORDER_FAULTS_MAX; i++) {
        faults_add(&faults, "#/email", "is required");
    }
    json_t *object = json_pack("{s:[]}", "a");
    assert_int_equal(properties_read(object, &faults, &kept, &err), ERR_OK);
    assert_int_equal(faults.count, PREORDER_FAULTS_MAX);
    json_decref(object);
    free(kept);
    faults_release(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_scalars_in_their_order),
        cmocka_unit_test(every_number_kept_can_be_read_again),
        cmocka_unit_test(refuses_with_pointer_and_reason),
        cmocka_unit_test(takes_20_members_and_no_more),
        cmocka_unit_test(counts_names_and_texts_in_characters),
        cmocka_unit_test(reports_every_fault_at_once),
        cmocka_unit_test(refuses_even_when_the_list_of_faults_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
