/*
 * catalog.json: of whatever is taken, every product can be found and sold, and written down again it is the same
 * catalog; what is refused has a message that names the file.
 */
#include "common/domain/catalog.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/payment_link.h"
#include "common/domain/preorder.h"
#include "common/domain/text.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

enum { SOLD_MAX = 4 };

static const int64_t AMOUNT_MAX = INT64_C(99999999999);
static const char NAME[] = "catalog.json";

/* ---- One product ---- */

static void check_text(const char *text, size_t room_bytes) {
    size_t length = strnlen(text, room_bytes);
    assert(length > 0 && length < room_bytes);
    assert(text_find_forbidden(text, length, TEXT_LINE) < 0);
}

static void check_product(const struct catalog *catalog, const struct product *product) {
    struct err err = {0};
    check_text(product->price_id, sizeof product->price_id);
    check_text(product->name, sizeof product->name);
    check_text(product->color, sizeof product->color);
    assert(product->amount >= 0 && product->amount <= AMOUNT_MAX);
    assert(currency_exponent(product->currency) >= 0);
    enum err_code code = payment_link_check(product->payment_link, &err);
    assert(code == ERR_OK);
    assert(catalog_find(catalog, product->price_id, product->color) == product);
    assert(catalog_has_price(catalog, product->price_id));
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/* Somebody orders it: the way to the payment page is a URL with one of each parameter. */
static void sell(const struct product *product) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    struct preorder_draft draft = {.product = product, .email = "a@b.example", .locale = "de-AT"};
    struct preorder preorder;
    draft.properties_json = strdup("{}");
    assert(draft.properties_json != NULL);
    preorder_complete(&draft, "PRE", 1795353434123, &random, &preorder);
    const char *url = preorder.payment_url;
    size_t length = strnlen(url, sizeof preorder.payment_url);
    assert(length < sizeof preorder.payment_url);
    for (size_t i = 0; i < length; i++) {
        assert(url[i] > ' ' && url[i] < 0x7f && strchr("\"<>\\^`{|}#", url[i]) == NULL);
    }
    size_t link_length = strlen(product->payment_link);
    assert(strncmp(url, product->payment_link, link_length) == 0);
    assert(count(url + link_length, "client_reference_id=") == 1);
    assert(count(url + link_length, "prefilled_email=a%40b.example") == 1);
    assert(count(url + link_length, "locale=") == 1);
    assert(strchr(url, '?') != NULL && strchr(url, '?') <= url + link_length);
    preorder_release(&preorder);
    preorder_draft_release(&draft);
}

/* ---- The whole ---- */

static char *write_catalog(const struct catalog *catalog) {
    json_t *products = json_array();
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        const struct product *product = catalog_at(catalog, i);
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "price_id", product->price_id, "name",
                      product->name, "color", product->color, "amount", (json_int_t)product->amount,
                      "currency", product->currency, "payment_link", product->payment_link);
        assert(object != NULL && json_array_append_new(products, object) == 0);
    }
    json_t *document = json_pack("{s:o}", "products", products);
    char *text = json_dumps(document, JSON_COMPACT);
    assert(text != NULL);
    json_decref(document);
    return text;
}

static void check_same(const struct catalog *first, const struct catalog *second) {
    assert(catalog_count(first) == catalog_count(second));
    for (size_t i = 0; i < catalog_count(first); i++) {
        const struct product *a = catalog_at(first, i);
        const struct product *b = catalog_at(second, i);
        assert(strcmp(a->price_id, b->price_id) == 0 && strcmp(a->name, b->name) == 0);
        assert(strcmp(a->color, b->color) == 0 && strcmp(a->currency, b->currency) == 0);
        assert(strcmp(a->payment_link, b->payment_link) == 0 && a->amount == b->amount);
    }
}

static void check_catalog(const struct catalog *catalog) {
    struct catalog *again = NULL;
    struct err err = {0};
    assert(catalog_count(catalog) >= 1 && catalog_count(catalog) <= CATALOG_PRODUCTS_MAX);
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        check_product(catalog, catalog_at(catalog, i));
        if (i < SOLD_MAX) {
            sell(catalog_at(catalog, i));
        }
    }
    assert(catalog_find(catalog, "", "") == NULL && !catalog_has_price(catalog, ""));
    char *text = write_catalog(catalog);
    enum err_code code = catalog_parse(NAME, text, strlen(text), &again, &err);
    assert(code == ERR_OK);
    check_same(catalog, again);
    catalog_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct catalog *catalog = NULL;
    struct err err = {0};
    enum err_code code = catalog_parse(NAME, (const char *)bytes, byte_count, &catalog, &err);
    if (code == ERR_OK) {
        check_catalog(catalog);
        catalog_free(catalog);
    } else {
        assert(code == ERR_INVALID && catalog == NULL);
        lines_check_message(err.text);
        assert(strncmp(err.text, NAME, sizeof NAME - 1) == 0);
    }
    return 0;
}
