/* The catalog: found products, and every way in which a file can be wrong. */
#include "common/domain/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char SHOP[] =
    "{\"currency\": \"USD\", \"season\": \"autumn\", \"products\": ["
    "{\"price_id\": \"price_b\", \"name\": \"Lamp\", \"color\": \"white\", \"amount\": 4999,"
    " \"payment_link\": \"https://buy.stripe.com/test_1\"},"
    "{\"price_id\": \"price_a\", \"name\": \"Chair\", \"color\": \"red\", \"amount\": 0,"
    " \"payment_link\": \"https://buy.stripe.com/test_2\", \"stock\": 3},"
    "{\"price_id\": \"price_b\", \"name\": \"Lamp\", \"color\": \"black\", \"amount\": 5500,"
    " \"currency\": \"JPY\", \"payment_link\": \"https://buy.stripe.com/test_3\"}]}";

static struct catalog *parse(const char *text) {
    struct catalog *catalog = NULL;
    struct err err = {0};
    if (catalog_parse("shop.json", text, strlen(text), &catalog, &err) != ERR_OK) {
        fail_msg("%s", err.text);
    }
    return catalog;
}

static void keeps_products_as_they_stand(void **state) {
    (void)state;
    struct catalog *catalog = parse(SHOP);
    assert_int_equal(catalog_count(catalog), 3);
    const struct product *lamp = catalog_at(catalog, 0);
    assert_string_equal(lamp->price_id, "price_b");
    assert_string_equal(lamp->name, "Lamp");
    assert_string_equal(lamp->color, "white");
    assert_int_equal(lamp->amount, 4999);
    assert_string_equal(lamp->currency, "USD");
    assert_string_equal(lamp->payment_link, "https://buy.stripe.com/test_1");
    assert_string_equal(catalog_at(catalog, 1)->price_id, "price_a");
    assert_string_equal(catalog_at(catalog, 2)->currency, "JPY");
    catalog_free(catalog);
}

static void finds_a_product_by_price_and_color_together(void **state) {
    (void)state;
    struct catalog *catalog = parse(SHOP);
    assert_ptr_equal(catalog_find(catalog, "price_b", "white"), catalog_at(catalog, 0));
    assert_ptr_equal(catalog_find(catalog, "price_a", "red"), catalog_at(catalog, 1));
    assert_ptr_equal(catalog_find(catalog, "price_b", "black"), catalog_at(catalog, 2));
    assert_null(catalog_find(catalog, "price_b", "red"));
    assert_null(catalog_find(catalog, "price_b", "White"));
    assert_null(catalog_find(catalog, "price_b", ""));
    assert_null(catalog_find(catalog, "price_c", "red"));
    assert_null(catalog_find(catalog, "", ""));
    assert_true(catalog_has_price(catalog, "price_a"));
    assert_true(catalog_has_price(catalog, "price_b"));
    assert_false(catalog_has_price(catalog, "price_"));
    assert_false(catalog_has_price(catalog, "price_c"));
    assert_false(catalog_has_price(catalog, ""));
    catalog_free(catalog);
}

/* A catalog of one product, in which `from` is replaced by `to`. */
static void write_changed(const char *from, const char *to, char *text, size_t room) {
    static const char one[] =
        "{\"currency\": \"USD\", \"products\": [{\"price_id\": \"price_a\", \"name\": \"Lamp\", "
        "\"color\": \"red\", \"amount\": 4999, \"payment_link\": "
        "\"https://buy.stripe.com/test_1\"}]}";
    const char *place = strstr(one, from);
    assert_non_null(place);
    int length =
        snprintf(text, room, "%.*s%s%s", (int)(place - one), one, to, place + strlen(from));
    assert_true(length > 0 && (size_t)length < room);
}

static void expect_refusal(const char *text, const char *reason) {
    struct catalog *catalog = NULL;
    struct err err = {0};
    if (catalog_parse("shop.json", text, strlen(text), &catalog, &err) != ERR_INVALID) {
        fail_msg("accepted: %s", text);
    }
    assert_string_equal(err.text, reason);
    assert_null(catalog);
}

static void names_the_place_of_what_is_wrong_in_a_product(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *reason;
    } cases[] = {
        {"\"price_id\": \"price_a\", ", "",
         "shop.json: products[0].price_id must be a string, it is missing"},
        {"\"price_a\"", "7", "shop.json: products[0].price_id must be a string, it is a number"},
        {"\"price_a\"", "\"\"", "shop.json: products[0].price_id must not be empty"},
        {"\"price_a\"", "\"a\\u001bb\"",
         "shop.json: products[0].price_id holds the forbidden character U+001B"},
        {"\"name\": \"Lamp\", ", "", "shop.json: products[0].name must be a string, it is missing"},
        {"\"Lamp\"", "null", "shop.json: products[0].name must be a string, it is null"},
        {"\"Lamp\"", "\"\"", "shop.json: products[0].name must not be empty"},
        {"\"Lamp\"", "\"\\u202eLamp\"",
         "shop.json: products[0].name holds the forbidden character U+202E"},
        {"\"color\": \"red\", ", "",
         "shop.json: products[0].color must be a string, it is missing"},
        {"\"red\"", "[\"red\"]", "shop.json: products[0].color must be a string, it is a list"},
        {"\"red\"", "\"\"", "shop.json: products[0].color must not be empty"},
        {"\"amount\"", "\"price\"",
         "shop.json: products[0].amount must be a whole number of the currency's minor unit "
         "(cents), from 0 to 99999999999"},
        {"\"payment_link\"", "\"link\"",
         "shop.json: products[0].payment_link must be a string, it is missing"},
        {"https://buy", "http://buy",
         "shop.json: products[0].payment_link must begin with https:// (plain http is for this "
         "machine only)"},
        {"test_1", "test_1#top",
         "shop.json: products[0].payment_link must not have a fragment (\"#...\")"},
        {"\"USD\"", "\"usd\"",
         "shop.json: currency must be a code of ISO 4217 in capitals, such as \"USD\", it is "
         "\"usd\""},
        {"\"USD\"", "840", "shop.json: currency must be a string, it is a number"},
        {"\"USD\"", "\"XYZ\"",
         "shop.json: currency must be a code of ISO 4217 in capitals, such as \"USD\", it is "
         "\"XYZ\""},
        {"\"currency\": \"USD\", ", "",
         "shop.json: products[0].currency is missing, and so is one for the whole catalog"},
        {"\"amount\"", "\"currency\": \"XAU\", \"amount\"",
         "shop.json: products[0].currency must be a code of ISO 4217 in capitals, such as \"USD\", "
         "it is \"XAU\""},
        {"\"amount\"", "\"amount\": 1, \"amount\"",
         "shop.json has a member twice (line 1, column 110)"},
        {"}]}", "}", "shop.json is not JSON: ']' expected (line 1, column 153)"},
        {"[{", "[7, {", "shop.json: products[0] must be an object, it is a number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        write_changed(cases[i].from, cases[i].to, text, sizeof(text));
        expect_refusal(text, cases[i].reason);
    }
}

static void takes_amounts_in_whole_minor_units_only(void **state) {
    (void)state;
    static const char *const wrong[] = {"-1",       "100000000000", "49.99", "4999.0",
                                        "\"4999\"", "null",         "true"};
    static const char *const right[] = {"0", "1", "99999999999"};
    char text[1000];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_changed("4999", wrong[i], text, sizeof(text));
        expect_refusal(text,
                       "shop.json: products[0].amount must be a whole number of the currency's "
                       "minor unit (cents), from 0 to 99999999999");
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        write_changed("4999", right[i], text, sizeof(text));
        struct catalog *catalog = parse(text);
        assert_int_equal(catalog_at(catalog, 0)->amount, strtoll(right[i], NULL, 10));
        catalog_free(catalog);
    }
}

static void refuses_what_is_no_catalog_at_all(void **state) {
    (void)state;
    expect_refusal("", "shop.json is empty, JSON is expected");
    expect_refusal("{\n  oops\n}",
                   "shop.json is not JSON: string or '}' expected (line 2, column 6)");
    expect_refusal("[]", "shop.json: the catalog must be an object, it is a list");
    expect_refusal("{}", "shop.json: products must be a list, it is missing");
    expect_refusal("{\"products\": []}",
                   "shop.json: products must have 1 to 10000 members, it has 0");
    expect_refusal("{\"products\": {}}", "shop.json: products must be a list, it is an object");
    expect_refusal("[[[[[[[[[]]]]]]]]]", "shop.json is nested deeper than 8 levels");
}

static void refuses_two_products_with_the_same_price_and_color(void **state) {
    (void)state;
    static const char twice[] = "{\"currency\":\"USD\",\"products\":["
                                "{\"price_id\":\"b\",\"name\":\"n\",\"color\":\"c\",\"amount\":1,"
                                "\"payment_link\":\"https://a\"},"
                                "{\"price_id\":\"a\",\"name\":\"n\",\"color\":\"c\",\"amount\":1,"
                                "\"payment_link\":\"https://a\"},"
                                "{\"price_id\":\"b\",\"name\":\"m\",\"color\":\"c\",\"amount\":2,"
                                "\"payment_link\":\"https://b\"}]}";
    expect_refusal(twice, "shop.json: products[0] and products[2] are the same: \"b\" in \"c\"");
}

static void takes_texts_up_to_their_size(void **state) {
    (void)state;
    static const struct {
        const char *from;
        size_t bytes_max;
        const char *reason;
    } cases[] = {
        {"price_a", 255, "shop.json: products[0].price_id must have at most 255 bytes, it has 256"},
        {"Lamp", 511, "shop.json: products[0].name must have at most 511 bytes, it has 512"},
        {"red", 127, "shop.json: products[0].color must have at most 127 bytes, it has 128"},
        {"https://buy.stripe.com/test_1", 1023,
         "shop.json: products[0].payment_link must have at most 1023 bytes, it has 1024"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char value[1100] = "https://shop.example/";
        char text[2000];
        memset(value + strlen(value), 'x', 1024 - strlen(value));
        value[cases[i].bytes_max] = '\0';
        write_changed(cases[i].from, value, text, sizeof(text));
        catalog_free(parse(text));
        value[cases[i].bytes_max] = 'x';
        value[cases[i].bytes_max + 1] = '\0';
        write_changed(cases[i].from, value, text, sizeof(text));
        expect_refusal(text, cases[i].reason);
    }
}

/* A catalog with `count` products, price_id "p0" and so on. */
static char *write_many(int count) {
    size_t room = 200 * (size_t)count + 100;
    char *text = malloc(room);
    assert_non_null(text);
    size_t length = (size_t)snprintf(text, room, "{\"currency\":\"EUR\",\"products\":[");
    for (int i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, room - length,
                                   "%s{\"price_id\":\"p%d\",\"name\":\"n\",\"color\":\"c\","
                                   "\"amount\":%d,\"payment_link\":\"https://a\"}",
                                   i == 0 ? "" : ",", i, i);
    }
    (void)snprintf(text + length, room - length, "]}");
    return text;
}

static void takes_10000_products_and_no_more(void **state) {
    (void)state;
    char *text = write_many(CATALOG_PRODUCTS_MAX);
    struct catalog *catalog = parse(text);
    free(text);
    for (int i = 0; i < CATALOG_PRODUCTS_MAX; i++) {
        char price_id[20];
        (void)snprintf(price_id, sizeof(price_id), "p%d", i);
        const struct product *product = catalog_find(catalog, price_id, "c");
        assert_non_null(product);
        assert_int_equal(product->amount, i);
    }
    catalog_free(catalog);
    text = write_many(CATALOG_PRODUCTS_MAX + 1);
    expect_refusal(text, "shop.json: products must have 1 to 10000 members, it has 10001");
    free(text);
}

/* calloc is wrapped by the linker: the test decides which call finds no memory. */
void *__real_calloc(size_t count, size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);

static int callocs_left = -1; /* negative: no end */

void *__wrap_calloc(size_t count, size_t byte_count) {
    if (callocs_left == 0) {
        return NULL;
    }
    callocs_left -= callocs_left > 0 ? 1 : 0;
    return __real_calloc(count, byte_count);
}

static void without_memory_there_is_no_catalog(void **state) {
    (void)state;
    char *text = write_many(3);
    for (int allowed = 0; allowed < 3; allowed++) {
        struct catalog *catalog = NULL;
        struct err err = {0};
        callocs_left = allowed;
        enum err_code code = catalog_parse("shop.json", text, strlen(text), &catalog, &err);
        callocs_left = -1;
        assert_int_equal(code, ERR_FATAL);
        assert_string_equal(err.text, "out of memory while reading shop.json");
        assert_null(catalog);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_products_as_they_stand),
        cmocka_unit_test(finds_a_product_by_price_and_color_together),
        cmocka_unit_test(names_the_place_of_what_is_wrong_in_a_product),
        cmocka_unit_test(takes_amounts_in_whole_minor_units_only),
        cmocka_unit_test(refuses_what_is_no_catalog_at_all),
        cmocka_unit_test(refuses_two_products_with_the_same_price_and_color),
        cmocka_unit_test(takes_texts_up_to_their_size),
        cmocka_unit_test(takes_10000_products_and_no_more),
        cmocka_unit_test(without_memory_there_is_no_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
