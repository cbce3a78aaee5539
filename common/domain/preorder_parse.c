#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/document.h"
#include "common/domain/faults.h"
#include "common/domain/preorder.h"
#include "common/domain/properties.h"
#include "common/domain/text.h"

static const char LOCALE_DEFAULT[] = "en";
static const char SOURCE_DEFAULT[] = "web";

/* The value if it is a string; else NULL, and a fault. */
static const json_t *require_text(const json_t *value, const char *pointer, struct faults *faults) {
    if (json_is_string(value)) {
        return value;
    }
    if (value == NULL) {
        faults_add(faults, pointer, "is required");
    } else {
        faults_add(faults, pointer, "must be a string, not %s", document_type_name(value));
    }
    return NULL;
}

static enum err_code read_email(const json_t *body, struct preorder_draft *draft,
                                struct faults *faults, struct err *err) {
    const json_t *email = require_text(json_object_get(body, "email"), "#/email", faults);
    if (email == NULL) {
        return ERR_OK;
    }
    struct err reason = {0};
    enum err_code code =
        email_normalize(json_string_value(email), json_string_length(email), draft->email, &reason);
    if (code == ERR_INVALID) {
        faults_add(faults, "#/email", "%s", reason.text);
        return ERR_OK;
    }
    if (code != ERR_OK) {
        *err = reason;
    }
    return code;
}

static void read_product(const json_t *body, const struct catalog *catalog,
                         struct preorder_draft *draft, struct faults *faults) {
    const json_t *price_id = require_text(json_object_get(body, "price_id"), "#/price_id", faults);
    const json_t *color = require_text(json_object_get(body, "color"), "#/color", faults);
    if (price_id == NULL) {
        return;
    }
    if (!catalog_has_price(catalog, json_string_value(price_id))) {
        faults_add(faults, "#/price_id", "must be the price of a product in the catalog");
        return;
    }
    if (color == NULL) {
        return;
    }
    draft->product = catalog_find(catalog, json_string_value(price_id), json_string_value(color));
    if (draft->product == NULL) {
        faults_add(faults, "#/color", "must be a color in which the product with this price comes");
    }
}

static void read_locale(const json_t *body, struct preorder_draft *draft, struct faults *faults) {
    const json_t *value = json_object_get(body, "locale");
    const char *text = LOCALE_DEFAULT;
    if (value != NULL) {
        value = require_text(value, "#/locale", faults);
        if (value == NULL) {
            return;
        }
        text = json_string_value(value);
        if (!locale_is_well_formed(text, json_string_length(value))) {
            faults_add(faults, "#/locale",
                       "must be a language tag (BCP 47) of at most %d characters, such as en or "
                       "pt-BR",
                       LOCALE_CHARS_MAX);
            return;
        }
    }
    memcpy(draft->locale, text, strlen(text) + 1);
}

static void read_source(const json_t *body, struct preorder_draft *draft, struct faults *faults) {
    const json_t *value = json_object_get(body, "source");
    const char *text = SOURCE_DEFAULT;
    if (value != NULL) {
        value = require_text(value, "#/source", faults);
        if (value == NULL) {
            return;
        }
        text = json_string_value(value);
        size_t char_count = text_count_chars(text, json_string_length(value));
        int32_t forbidden = text_find_forbidden(text, json_string_length(value), TEXT_LINE);
        if (char_count > PREORDER_SOURCE_CHARS_MAX) {
            faults_add(faults, "#/source", "must have at most %d characters, it has %zu",
                       PREORDER_SOURCE_CHARS_MAX, char_count);
            return;
        }
        if (forbidden >= 0) {
            faults_add(faults, "#/source", "holds the forbidden character U+%04X",
                       (unsigned)forbidden);
            return;
        }
    }
    memcpy(draft->source, text, strlen(text) + 1);
}

static enum err_code read_properties(const json_t *body, struct preorder_draft *draft,
                                     struct faults *faults, struct err *err) {
    json_t *value = json_object_get(body, "properties");
    if (value != NULL) {
        return properties_read(value, faults, &draft->properties_json, err);
    }
    draft->properties_json = strdup("{}");
    if (draft->properties_json == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while reading a preorder");
    }
    return ERR_OK;
}

static enum err_code read_body(const json_t *body, const struct catalog *catalog,
                               struct preorder_draft *draft, struct faults *faults,
                               struct err *err) {
    enum err_code code = read_email(body, draft, faults, err);
    if (code != ERR_OK) {
        return code;
    }
    read_product(body, catalog, draft, faults);
    read_locale(body, draft, faults);
    read_source(body, draft, faults);
    code = read_properties(body, draft, faults, err);
    if (code == ERR_OK && faults->is_out_of_memory) {
        code = err_set(err, ERR_FATAL, "out of memory while checking a preorder");
    }
    return code;
}

enum err_code preorder_read(const json_t *document, const struct catalog *catalog,
                            struct preorder_draft *draft, struct err *err) {
    *draft = (struct preorder_draft){0};
    if (!json_is_object(document)) {
        return err_set(err, ERR_INVALID, "the body must be a JSON object, not %s",
                       document_type_name(document));
    }
    struct faults faults = {0};
    enum err_code code = read_body(document, catalog, draft, &faults, err);
    draft->faults = faults.items;
    draft->fault_count = faults.count;
    return code;
}

enum err_code preorder_parse(const char *body, size_t body_bytes, const struct catalog *catalog,
                             struct preorder_draft *draft, struct err *err) {
    *draft = (struct preorder_draft){0};
    json_t *document = NULL;
    enum err_code code =
        document_parse("the body", body, body_bytes, PREORDER_DEPTH_MAX, &document, err);
    if (code == ERR_OK) {
        code = preorder_read(document, catalog, draft, err);
        json_decref(document);
    }
    return code;
}

void preorder_draft_release(struct preorder_draft *draft) {
    free(draft->properties_json);
    free(draft->faults);
    *draft = (struct preorder_draft){0};
}
