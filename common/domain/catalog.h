#pragma once
/*
 * The catalog: what can be ordered, read from a JSON file (interface: "Catalog").
 *
 *   {"currency": "USD", "products": [{"price_id", "name", "color", "amount", "payment_link"}]}
 *
 * A product is named by price_id and color together; the pair is unique. `amount` is in the
 * currency's minor unit, 0 to 99,999,999,999; `currency` may stand on a product and must be ISO
 * 4217. A payment_link is https (plain http only to loopback) without fragment and without the
 * parameters that a preorder adds to it, at most PRODUCT_LINK_BYTES - 1 bytes. Texts are single
 * lines (text.h). There is at least one product: a shop that sells nothing is a mistake. Unknown
 * members are ignored.
 *
 * Ownership: products are borrowed from the catalog until catalog_free. Immutable after loading.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/currency.h"
#include "common/err.h"

enum {
    CATALOG_PRODUCTS_MAX = 10000,
    CATALOG_FILE_BYTES_MAX = 16 * 1024 * 1024,
    PRODUCT_PRICE_ID_BYTES = 256, /* Stripe's ids are at most 255 characters */
    PRODUCT_NAME_BYTES = 512,
    PRODUCT_COLOR_BYTES = 128,
    PRODUCT_LINK_BYTES = 1024,
};

struct product {
    char price_id[PRODUCT_PRICE_ID_BYTES];
    char name[PRODUCT_NAME_BYTES];
    char color[PRODUCT_COLOR_BYTES];
    int64_t amount; /* minor units */
    char currency[CURRENCY_BYTES];
    char payment_link[PRODUCT_LINK_BYTES];
};

struct catalog;

/* ERR_INVALID: unreadable or wrong; the text names the file, and the place in it or the product. */
CHECKED enum err_code catalog_load(const char *path, struct catalog **catalog_out, struct err *err);
/* As catalog_load, from bytes; `name` stands for the file in errors. */
CHECKED enum err_code catalog_parse(const char *name, const char *bytes, size_t byte_count,
                                    struct catalog **catalog_out, struct err *err);
void catalog_free(struct catalog *catalog); /* NULL is fine */

size_t catalog_count(const struct catalog *catalog);
const struct product *catalog_at(const struct catalog *catalog, size_t index);

/* The product with both, NULL if there is none. */
const struct product *catalog_find(const struct catalog *catalog, const char *price_id,
                                   const char *color);
/* True if any product has this price_id, whatever its color. */
bool catalog_has_price(const struct catalog *catalog, const char *price_id);
