#pragma once
/*
 * A preorder: what a customer asks for, from the request's JSON to the row that is stored.
 *
 * preorder_parse reads and checks *every* member and reports every fault with its JSON pointer, and
 * preorder_read does so for what came in another form and was made the same tree;
 * preorder_complete then gives a valid one its identity. A `struct preorder` that reaches the store
 * has passed both.
 *
 * Ownership: value structs; `properties_json` and the draft's faults are owned by the struct that
 * holds them and go with preorder_draft_release / preorder_release.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/catalog.h"
#include "common/domain/email.h"
#include "common/domain/ident.h"
#include "common/domain/locale.h"
#include "common/err.h"
#include "common/random.h"

struct json_t; /* jansson's */

enum {
    PREORDER_SOURCE_CHARS_MAX = 64,
    PREORDER_SOURCE_BYTES = 4 * PREORDER_SOURCE_CHARS_MAX + 1,
    PREORDER_PROPERTIES_MAX = 20,
    PREORDER_PROPERTY_NAME_CHARS_MAX = 64,
    PREORDER_PROPERTY_TEXT_CHARS_MAX = 512,
    PREORDER_DEPTH_MAX = 8, /* of nesting in the body; deeper is refused before it is judged */
    PREORDER_NUMBER_PREFIX_CHARS_MAX = 12,
    PREORDER_NUMBER_BYTES = PREORDER_NUMBER_PREFIX_CHARS_MAX + 1 + 8 + 1, /* "PRE-7K3M9QX2", NUL */
    PREORDER_PAYMENT_URL_BYTES = 2048,
    PREORDER_FAULTS_MAX = 64, /* more are cut off; the client has enough to do with these */
    /* "#/properties/" and a name of four-byte characters, each byte as %XX */
    PREORDER_POINTER_BYTES = 32 + 3 * 4 * PREORDER_PROPERTY_NAME_CHARS_MAX,
};

/* initiated → completed | cancelled; cancelled → completed if the customer pays after all. */
enum preorder_status { PREORDER_INITIATED, PREORDER_COMPLETED, PREORDER_CANCELLED };

/* "initiated" and so on, as in the database and in every answer; never NULL. */
const char *preorder_status_name(enum preorder_status status);
/* False: no status has this name. */
CHECKED bool preorder_status_find(const char *name, enum preorder_status *status_out);

/* One thing wrong with the body. */
struct preorder_fault {
    char pointer[PREORDER_POINTER_BYTES]; /* RFC 6901 as a URI fragment: "#/email" */
    char detail[256]; /* for the developer of the client, continues the pointer: "is required" */
};

/* What a body says, once it is found right. */
struct preorder_draft {
    char email[EMAIL_BYTES];
    const struct product *product; /* borrowed from the catalog */
    char locale[LOCALE_BYTES];
    char source[PREORDER_SOURCE_BYTES];
    char *properties_json; /* an object's text, "{}" if none were given; malloc'd */
    /* The draft is usable only if there is none. */
    struct preorder_fault *faults;
    size_t fault_count;
};

/*
 * Reads a JSON body against the catalog.
 * ERR_OK: the draft holds either a valid preorder or its faults (HTTP 422).
 * ERR_INVALID: not JSON, not an object, a member twice, a NUL, a lone surrogate, a number out of
 * range, or nested deeper than PREORDER_DEPTH_MAX (HTTP 400); the text says what and where, and
 * repeats nothing of the body. ERR_FATAL: out of memory.
 * Members that are not in the interface are ignored. An optional member may be left out, but null
 * is a wrong type. What texts and properties may hold: text.h, properties.h.
 * The draft must be released in every case.
 */
CHECKED enum err_code preorder_parse(const char *body, size_t body_bytes,
                                     const struct catalog *catalog, struct preorder_draft *draft,
                                     struct err *err);

/* As preorder_parse, from a document that was read already. The texts in it are UTF-8 without NUL. */
CHECKED enum err_code preorder_read(const struct json_t *document, const struct catalog *catalog,
                                    struct preorder_draft *draft, struct err *err);
void preorder_draft_release(struct preorder_draft *draft);

struct preorder {
    struct ident id;
    char number[PREORDER_NUMBER_BYTES];
    char email[EMAIL_BYTES];
    char price_id[PRODUCT_PRICE_ID_BYTES];
    char product[PRODUCT_NAME_BYTES];
    char color[PRODUCT_COLOR_BYTES];
    char locale[LOCALE_BYTES];
    char source[PREORDER_SOURCE_BYTES];
    int64_t amount; /* minor units */
    char currency[CURRENCY_BYTES];
    char payment_url[PREORDER_PAYMENT_URL_BYTES];
    char *properties_json; /* owned */
    int64_t created_at_ms;
};

/*
 * Gives a draft without faults its id, number, payment URL and time. Takes over
 * draft->properties_json. The number is the prefix (at most PREORDER_NUMBER_PREFIX_CHARS_MAX), a
 * hyphen and 8 characters of Crockford's base 32 (no I, L, O, U): 16 bits that change by the second and
 * come round, and 24 random ones. The payment URL is the product's payment link with
 * client_reference_id, prefilled_email and locale (the tag as given) added, percent-encoded, after
 * "?" or "&" as the link needs.
 */
void preorder_complete(struct preorder_draft *draft, const char *number_prefix, int64_t now_ms,
                       const struct random *random, struct preorder *preorder_out);

/* Draws another number: the store said that this one is taken. */
void preorder_renumber(struct preorder *preorder, const char *number_prefix,
                       const struct random *random);
void preorder_release(struct preorder *preorder);

/* The body of the 201: {"id","number","status","payment_url","created_at"}, status "initiated".
   malloc'd, *length_out bytes; NULL when out of memory. */
CHECKED char *preorder_render_reply(const struct preorder *preorder, size_t *length_out);
