/* From a body to a draft: every fault with its pointer, and memory that runs out anywhere. */
#include <idn2.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/domain/preorder.h"

static struct catalog *catalog;

static int load_catalog(void **state) {
    (void)state;
    static const char text[] = "{\"currency\":\"USD\",\"products\":["
                               "{\"price_id\":\"p1\",\"name\":\"Lamp\",\"color\":\"red\","
                               "\"amount\":1,\"payment_link\":\"https://a\"},"
                               "{\"price_id\":\"p1\",\"name\":\"Lamp\",\"color\":\"blue\","
                               "\"amount\":1,\"payment_link\":\"https://b\"},"
                               "{\"price_id\":\"p2\",\"name\":\"Mug\",\"color\":\"green\","
                               "\"amount\":2,\"payment_link\":\"https://c\"}]}";
    struct err err = {0};
    return catalog_parse("test", text, sizeof(text) - 1, &catalog, &err) == ERR_OK ? 0 : -1;
}

static int free_catalog(void **state) {
    (void)state;
    catalog_free(catalog);
    return 0;
}

static struct preorder_draft parse(const char *body) {
    struct preorder_draft draft;
    struct err err = {0};
    if (preorder_parse(body, strlen(body), catalog, &draft, &err) != ERR_OK) {
        fail_msg("%s", err.text);
    }
    return draft;
}

static void fills_in_defaults(void **state) {
    (void)state;
    struct preorder_draft draft =
        parse("{\"email\":\"ada@Shop.example\",\"price_id\":\"p1\",\"color\":\"blue\"}");
    assert_int_equal(draft.fault_count, 0);
    assert_string_equal(draft.email, "ada@shop.example");
    assert_ptr_equal(draft.product, catalog_at(catalog, 1));
    assert_string_equal(draft.locale, "en");
    assert_string_equal(draft.source, "web");
    assert_string_equal(draft.properties_json, "{}");
    preorder_draft_release(&draft);
    assert_null(draft.properties_json);
    preorder_draft_release(&draft);
}

static void keeps_what_is_given(void **state) {
    (void)state;
    struct preorder_draft draft =
        parse("{\"email\":\"ada@b\\u00fccher.example\",\"price_id\":\"p2\",\"color\":\"green\","
              "\"locale\":\"de-CH\",\"source\":\"\\u00e9t\\u00e9\",\"properties\":{\"a\":0.10},"
              "\"idempotency_key\":7,\"unknown\":[[[[[1]]]]]}");
    assert_int_equal(draft.fault_count, 0);
    assert_string_equal(draft.email, "ada@xn--bcher-kva.example");
    assert_string_equal(draft.product->name, "Mug");
    assert_string_equal(draft.locale, "de-CH");
    assert_string_equal(draft.source, "\xC3\xA9t\xC3\xA9");
    assert_string_equal(draft.properties_json, "{\"a\":0.1}");
    preorder_draft_release(&draft);
}

/* A right body in which `from` is replaced by `to`. */
static void write_changed(const char *from, const char *to, char *text, size_t room) {
    static const char right[] =
        "{\"email\":\"ada@shop.example\",\"price_id\":\"p1\",\"color\":\"red\"}";
    const char *place = strstr(right, from);
    assert_non_null(place);
    int length =
        snprintf(text, room, "%.*s%s%s", (int)(place - right), right, to, place + strlen(from));
    assert_true(length > 0 && (size_t)length < room);
}

static void points_at_the_one_thing_that_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *pointer, *detail;
    } cases[] = {
        {"\"email\"", "\"mail\"", "#/email", "is required"},
        {"\"ada@shop.example\"", "null", "#/email", "must be a string, not null"},
        {"\"ada@shop.example\"", "[\"a@b\"]", "#/email", "must be a string, not a list"},
        {"ada@", "ada", "#/email", "must be an e-mail address, with an @ in it"},
        {"\"price_id\"", "\"price\"", "#/price_id", "is required"},
        {"\"p1\"", "1", "#/price_id", "must be a string, not a number"},
        {"\"p1\"", "\"p3\"", "#/price_id", "must be the price of a product in the catalog"},
        {"\"p1\"", "\"\"", "#/price_id", "must be the price of a product in the catalog"},
        {"\"color\"", "\"colour\"", "#/color", "is required"},
        {"\"red\"", "true", "#/color", "must be a string, not a boolean"},
        {"\"red\"", "\"green\"", "#/color",
         "must be a color in which the product with this price comes"},
        {"\"red\"", "\"\"", "#/color",
         "must be a color in which the product with this price comes"},
        {"}", ",\"locale\":null}", "#/locale", "must be a string, not null"},
        {"}", ",\"locale\":\"en_US\"}", "#/locale",
         "must be a language tag (BCP 47) of at most 35 characters, such as en or pt-BR"},
        {"}", ",\"locale\":\"\"}", "#/locale",
         "must be a language tag (BCP 47) of at most 35 characters, such as en or pt-BR"},
        {"}", ",\"source\":{}}", "#/source", "must be a string, not an object"},
        {"}", ",\"source\":\"a\\nb\"}", "#/source", "holds the forbidden character U+000A"},
        {"}", ",\"properties\":[]}", "#/properties", "must be an object, not a list"},
        {"}", ",\"properties\":{\"locale\":1}}", "#/properties/locale",
         "has a name that the event itself uses: choose another"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[500];
        write_changed(cases[i].from, cases[i].to, body, sizeof(body));
        struct preorder_draft draft = parse(body);
        assert_int_equal(draft.fault_count, 1);
        assert_string_equal(draft.faults[0].pointer, cases[i].pointer);
        assert_string_equal(draft.faults[0].detail, cases[i].detail);
        preorder_draft_release(&draft);
    }
}

static void reports_every_fault_at_once(void **state) {
    (void)state;
    static const char *const pointers[] = {"#/email",           "#/price_id", "#/color",
                                           "#/locale",          "#/source",   "#/properties/a",
                                           "#/properties/color"};
    struct preorder_draft draft = parse("{\"email\":1,\"color\":2,\"locale\":3,\"source\":4,"
                                        "\"properties\":{\"a\":[],\"b\":1,\"color\":\"red\"}}");
    assert_int_equal(draft.fault_count, sizeof(pointers) / sizeof(pointers[0]));
    for (size_t i = 0; i < draft.fault_count; i++) {
        assert_string_equal(draft.faults[i].pointer, pointers[i]);
    }
    preorder_draft_release(&draft);
}

static void an_empty_object_lacks_what_is_required(void **state) {
    (void)state;
    struct preorder_draft draft = parse("{}");
    assert_int_equal(draft.fault_count, 3);
    preorder_draft_release(&draft);
}

static void counts_the_source_in_characters(void **state) {
    (void)state;
    char source[4 * 65 + 1];
    char member[400];
    char body[600];
    for (size_t i = 0; i < 65; i++) {
        memcpy(source + 4 * i, "\xF0\x9F\x98\x80", 5);
    }
    (void)snprintf(member, sizeof(member), ",\"source\":\"%.256s\"}", source);
    write_changed("}", member, body, sizeof(body));
    struct preorder_draft draft = parse(body);
    assert_int_equal(draft.fault_count, 0);
    assert_int_equal(strlen(draft.source), PREORDER_SOURCE_BYTES - 1);
    preorder_draft_release(&draft);
    (void)snprintf(member, sizeof(member), ",\"source\":\"%s\"}", source);
    write_changed("}", member, body, sizeof(body));
    draft = parse(body);
    assert_int_equal(draft.fault_count, 1);
    assert_string_equal(draft.faults[0].detail, "must have at most 64 characters, it has 65");
    preorder_draft_release(&draft);
}

static void refuses_a_body_that_is_no_json_object(void **state) {
    (void)state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "the body is empty, JSON is expected"},
        {"email=ada%40shop.example", "the body is not JSON: invalid token (line 1, column 5)"},
        {"[]", "the body must be a JSON object, not a list"},
        {"\"a\"", "the body must be a JSON object, not a string"},
        {"null", "the body must be a JSON object, not null"},
        {"{\"email\":\"a@b\",\"email\":\"c@d\"}",
         "the body has a member twice (line 1, column 22)"},
        {"{\"a\":[[[[[[[[]]]]]]]]}", "the body is nested deeper than 8 levels"},
        {"{\"email\":\"\\u0000\"}", "the body holds a NUL (line 1, column 17)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct preorder_draft draft;
        struct err err = {0};
        assert_int_equal(
            preorder_parse(cases[i].body, strlen(cases[i].body), catalog, &draft, &err),
            ERR_INVALID);
        assert_string_equal(err.text, cases[i].reason);
        assert_int_equal(draft.fault_count, 0);
        preorder_draft_release(&draft);
    }
}

/* The program is linked with --wrap: while `is_counting`, the allocation after `allocations_left` is
   refused, and all later ones too if memory stays short. */
static bool is_counting;
static int allocations_left;
static bool stays_short;
static int blocks_in_use;

void *__real_malloc(size_t byte_count);
void *__wrap_malloc(size_t byte_count);
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
int __real_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags);
int __wrap_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags);
void __real_free(void *block);
void __wrap_free(void *block);

/* Whether this allocation is the one that fails. */
static bool is_short(void) {
    if (!is_counting) {
        return false;
    }
    if (allocations_left == 0 || (allocations_left < 0 && stays_short)) {
        allocations_left = -1;
        return true;
    }
    allocations_left -= allocations_left > 0 ? 1 : 0;
    return false;
}

static void *count_block(void *block) {
    blocks_in_use += is_counting ? 1 : 0;
    return block;
}

void *__wrap_malloc(size_t byte_count) {
    return is_short() ? NULL : count_block(__real_malloc(byte_count));
}

void *__wrap_calloc(size_t count, size_t byte_count) {
    return is_short() ? NULL : count_block(__real_calloc(count, byte_count));
}

char *__wrap_strdup(const char *text) {
    return is_short() ? NULL : count_block(__real_strdup(text));
}

/* What libidn2 allocates for itself cannot be failed: the call as a whole is. */
int __wrap_idn2_lookup_u8(const uint8_t *text, uint8_t **ascii_out, int flags) {
    return is_short() ? IDN2_MALLOC : __real_idn2_lookup_u8(text, ascii_out, flags);
}

void __wrap_free(void *block) {
    blocks_in_use -= is_counting && block != NULL ? 1 : 0;
    __real_free(block);
}

/* Parses with every allocation failing in turn, until none fails. Returns how many there are. */
static int fail_every_allocation(const char *body) {
    int count = 0;
    for (bool has_failed = true; has_failed; count++) {
        struct preorder_draft draft;
        struct err err = {0};
        assert_true(count < 10000);
        allocations_left = count;
        blocks_in_use = 0;
        is_counting = true;
        enum err_code code = preorder_parse(body, strlen(body), catalog, &draft, &err);
        is_counting = false;
        has_failed = allocations_left < 0;
        assert_int_equal(code, has_failed ? ERR_FATAL : ERR_OK);
        if (draft.properties_json != NULL) {
            blocks_in_use--; /* the draft's, freed without jansson */
        }
        if (draft.faults != NULL) {
            blocks_in_use--;
        }
        preorder_draft_release(&draft);
        assert_int_equal(blocks_in_use, 0);
    }
    return count;
}

static const char RIGHT_BODY[] =
    "{\"email\":\"ada.lovelace@b\\u00fccher.example\",\"price_id\":\"p1\",\"color\":\"red\","
    "\"locale\":\"en\",\"source\":\"a source of more than a few letters\",\"x\":[1,[2.5]],"
    "\"properties\":{\"a text of some length\":\"another text of some length\",\"c\":1.5,"
    "\"d\":true,\"e\":7,\"f\":null,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1}}";

static const char FAULTY_BODY[] = "{\"email\":1,\"properties\":{\"color\":{}}}";
static const char SHORT_BODY[] =
    "{\"email\":\"ada@shop.example\",\"price_id\":\"p1\",\"color\":\"red\"}";

static void memory_that_stays_short_is_an_error_and_nothing_worse(void **state) {
    (void)state;
    stays_short = true;
    assert_true(fail_every_allocation(RIGHT_BODY) > 40);
    assert_true(fail_every_allocation(FAULTY_BODY) > 5);
    assert_true(fail_every_allocation(SHORT_BODY) > 5);
}

static void memory_that_runs_short_once_is_an_error_and_nothing_worse(void **state) {
    (void)state;
    stays_short = false;
    assert_true(fail_every_allocation(RIGHT_BODY) > 40);
    assert_true(fail_every_allocation(FAULTY_BODY) > 5);
    assert_true(fail_every_allocation(SHORT_BODY) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(keeps_what_is_given),
        cmocka_unit_test(points_at_the_one_thing_that_is_wrong),
        cmocka_unit_test(reports_every_fault_at_once),
        cmocka_unit_test(an_empty_object_lacks_what_is_required),
        cmocka_unit_test(counts_the_source_in_characters),
        cmocka_unit_test(refuses_a_body_that_is_no_json_object),
        cmocka_unit_test(memory_that_stays_short_is_an_error_and_nothing_worse),
        cmocka_unit_test(memory_that_runs_short_once_is_an_error_and_nothing_worse),
    };
    return cmocka_run_group_tests(tests, load_catalog, free_catalog);
}
