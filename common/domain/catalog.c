#include "common/domain/catalog.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/document.h"
#include "common/domain/payment_link.h"
#include "common/domain/text.h"

static const int64_t AMOUNT_MAX = INT64_C(99999999999);

enum { CATALOG_DEPTH_MAX = 8 };

struct catalog {
    struct product *products;      /* in the order of the file */
    const struct product **by_key; /* the same, by price_id, then color */
    size_t count;
};

/* Where in the file we are, for errors. */
struct place {
    const char *file;
    size_t index; /* of the product */
};

static enum err_code refuse_member(const struct place *place, const char *name, const char *what,
                                   struct err *err) {
    return err_set(err, ERR_INVALID, "%s: products[%zu].%s %s", place->file, place->index, name,
                   what);
}

static enum err_code read_text(const json_t *product, const struct place *place, const char *name,
                               char *text_out, size_t text_out_bytes, struct err *err) {
    const json_t *value = json_object_get(product, name);
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "%s: products[%zu].%s must be a string, it is %s",
                       place->file, place->index, name, document_type_name(value));
    }
    size_t length = json_string_length(value);
    if (length == 0) {
        return refuse_member(place, name, "must not be empty", err);
    }
    if (length >= text_out_bytes) {
        return err_set(err, ERR_INVALID,
                       "%s: products[%zu].%s must have at most %zu bytes, it has "
                       "%zu",
                       place->file, place->index, name, text_out_bytes - 1, length);
    }
    int32_t forbidden = text_find_forbidden(json_string_value(value), length, TEXT_LINE);
    if (forbidden >= 0) {
        return err_set(err, ERR_INVALID,
                       "%s: products[%zu].%s holds the forbidden character U+%04X", place->file,
                       place->index, name, (unsigned)forbidden);
    }
    memcpy(text_out, json_string_value(value), length + 1);
    return ERR_OK;
}

static enum err_code read_amount(const json_t *product, const struct place *place,
                                 int64_t *amount_out, struct err *err) {
    const json_t *value = json_object_get(product, "amount");
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > AMOUNT_MAX) {
        return refuse_member(place, "amount",
                             "must be a whole number of the currency's minor unit (cents), from 0 "
                             "to 99999999999",
                             err);
    }
    *amount_out = json_integer_value(value);
    return ERR_OK;
}

/* The error is "currency must ...", without its place. */
static enum err_code read_currency(const json_t *value, char currency_out[CURRENCY_BYTES],
                                   struct err *err) {
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "currency must be a string, it is %s",
                       document_type_name(value));
    }
    const char *code = json_string_value(value);
    if (currency_exponent(code) < 0) {
        return err_set(err, ERR_INVALID,
                       "currency must be a code of ISO 4217 in capitals, such as \"USD\", it is "
                       "\"%s\"",
                       code);
    }
    memcpy(currency_out, code, CURRENCY_BYTES);
    return ERR_OK;
}

static enum err_code read_product_currency(const json_t *product, const struct place *place,
                                           const char *fallback, char currency_out[CURRENCY_BYTES],
                                           struct err *err) {
    const json_t *value = json_object_get(product, "currency");
    if (value == NULL && fallback[0] == '\0') {
        return refuse_member(place, "currency", "is missing, and so is one for the whole catalog",
                             err);
    }
    if (value == NULL) {
        memcpy(currency_out, fallback, CURRENCY_BYTES);
        return ERR_OK;
    }
    if (read_currency(value, currency_out, err) != ERR_OK) {
        return err_set(err, ERR_INVALID, "%s: products[%zu].%s", place->file, place->index,
                       err->text);
    }
    return ERR_OK;
}

static enum err_code read_link(const json_t *product, const struct place *place,
                               char link_out[PRODUCT_LINK_BYTES], struct err *err) {
    enum err_code code =
        read_text(product, place, "payment_link", link_out, PRODUCT_LINK_BYTES, err);
    if (code == ERR_OK && payment_link_check(link_out, err) != ERR_OK) {
        code = err_set(err, ERR_INVALID, "%s: products[%zu].payment_link %s", place->file,
                       place->index, err->text);
    }
    return code;
}

static enum err_code read_product(const json_t *value, const struct place *place,
                                  const char *currency, struct product *product, struct err *err) {
    if (!json_is_object(value)) {
        return err_set(err, ERR_INVALID, "%s: products[%zu] must be an object, it is %s",
                       place->file, place->index, document_type_name(value));
    }
    enum err_code code =
        read_text(value, place, "price_id", product->price_id, sizeof(product->price_id), err);
    if (code == ERR_OK) {
        code = read_text(value, place, "name", product->name, sizeof(product->name), err);
    }
    if (code == ERR_OK) {
        code = read_text(value, place, "color", product->color, sizeof(product->color), err);
    }
    if (code == ERR_OK) {
        code = read_amount(value, place, &product->amount, err);
    }
    if (code == ERR_OK) {
        code = read_product_currency(value, place, currency, product->currency, err);
    }
    return code == ERR_OK ? read_link(value, place, product->payment_link, err) : code;
}

static int compare_keys(const struct product *a, const struct product *b) {
    int order = strcmp(a->price_id, b->price_id);
    return order != 0 ? order : strcmp(a->color, b->color);
}

static int compare_products(const void *a, const void *b) {
    return compare_keys(*(const struct product *const *)a, *(const struct product *const *)b);
}

/* Sorts by key and refuses two products with the same. */
static enum err_code index_products(struct catalog *catalog, const char *file, struct err *err) {
    for (size_t i = 0; i < catalog->count; i++) {
        catalog->by_key[i] = &catalog->products[i];
    }
    qsort(catalog->by_key, catalog->count, sizeof(const struct product *), compare_products);
    for (size_t i = 1; i < catalog->count; i++) {
        const struct product *a = catalog->by_key[i - 1];
        const struct product *b = catalog->by_key[i];
        if (compare_keys(a, b) == 0) {
            size_t a_index = (size_t)(a - catalog->products);
            size_t b_index = (size_t)(b - catalog->products);
            return err_set(err, ERR_INVALID,
                           "%s: products[%zu] and products[%zu] are the same: \"%s\" in \"%s\"",
                           file, a_index < b_index ? a_index : b_index,
                           a_index < b_index ? b_index : a_index, a->price_id, a->color);
        }
    }
    return ERR_OK;
}

static enum err_code read_products(const json_t *products, const char *file, const char *currency,
                                   struct catalog *catalog, struct err *err) {
    size_t count = json_array_size(products);
    catalog->products = calloc(count, sizeof(*catalog->products));
    catalog->by_key = calloc(count, sizeof(const struct product *));
    if (catalog->products == NULL || catalog->by_key == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while reading %s", file);
    }
    for (; catalog->count < count; catalog->count++) {
        struct place place = {file, catalog->count};
        enum err_code code = read_product(json_array_get(products, place.index), &place, currency,
                                          &catalog->products[place.index], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return index_products(catalog, file, err);
}

static enum err_code read_catalog(const json_t *document, const char *file, struct catalog *catalog,
                                  struct err *err) {
    char currency[CURRENCY_BYTES] = "";
    if (!json_is_object(document)) {
        return err_set(err, ERR_INVALID, "%s: the catalog must be an object, it is %s", file,
                       document_type_name(document));
    }
    const json_t *value = json_object_get(document, "currency");
    if (value != NULL && read_currency(value, currency, err) != ERR_OK) {
        return err_wrap(err, "%s", file);
    }
    const json_t *products = json_object_get(document, "products");
    if (!json_is_array(products)) {
        return err_set(err, ERR_INVALID, "%s: products must be a list, it is %s", file,
                       document_type_name(products));
    }
    size_t count = json_array_size(products);
    if (count == 0 || count > CATALOG_PRODUCTS_MAX) {
        return err_set(err, ERR_INVALID, "%s: products must have 1 to %d members, it has %zu", file,
                       CATALOG_PRODUCTS_MAX, count);
    }
    return read_products(products, file, currency, catalog, err);
}

enum err_code catalog_parse(const char *name, const char *bytes, size_t byte_count,
                            struct catalog **catalog_out, struct err *err) {
    json_t *document = NULL;
    enum err_code code = document_parse(name, bytes, byte_count, CATALOG_DEPTH_MAX, &document, err);
    if (code != ERR_OK) {
        return code;
    }
    struct catalog *catalog = calloc(1, sizeof(*catalog));
    if (catalog == NULL) {
        code = err_set(err, ERR_FATAL, "out of memory while reading %s", name);
    } else {
        code = read_catalog(document, name, catalog, err);
    }
    json_decref(document);
    if (code != ERR_OK) {
        catalog_free(catalog);
        return code;
    }
    *catalog_out = catalog;
    return ERR_OK;
}

void catalog_free(struct catalog *catalog) {
    if (catalog != NULL) {
        free(catalog->products);
        free(catalog->by_key);
        free(catalog);
    }
}

size_t catalog_count(const struct catalog *catalog) {
    return catalog->count;
}

const struct product *catalog_at(const struct catalog *catalog, size_t index) {
    return &catalog->products[index];
}

/* The first place in by_key whose product is not before price_id and color. */
static size_t lower_bound(const struct catalog *catalog, const char *price_id, const char *color) {
    size_t low = 0;
    size_t high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct product *product = catalog->by_key[middle];
        int order = strcmp(product->price_id, price_id);
        if (order < 0 || (order == 0 && strcmp(product->color, color) < 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct product *catalog_find(const struct catalog *catalog, const char *price_id,
                                   const char *color) {
    size_t place = lower_bound(catalog, price_id, color);
    if (place == catalog->count) {
        return NULL;
    }
    const struct product *product = catalog->by_key[place];
    bool is_found = strcmp(product->price_id, price_id) == 0 && strcmp(product->color, color) == 0;
    return is_found ? product : NULL;
}

bool catalog_has_price(const struct catalog *catalog, const char *price_id) {
    size_t place = lower_bound(catalog, price_id, "");
    return place < catalog->count && strcmp(catalog->by_key[place]->price_id, price_id) == 0;
}
