#include "common/domain/preorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/domain/document.h"

enum {
    NUMBER_CHARS = 8,
    NUMBER_CHAR_BITS = 5,
    NUMBER_CHANCE_BITS = 24,
    REPLY_BYTES_MAX = 16 * 1024,
};

static const char *const STATUSES[] = {
    [PREORDER_INITIATED] = "initiated",
    [PREORDER_COMPLETED] = "completed",
    [PREORDER_CANCELLED] = "cancelled",
};
enum { STATUS_COUNT = sizeof(STATUSES) / sizeof(STATUSES[0]) };

const char *preorder_status_name(enum preorder_status status) {
    return STATUSES[status];
}

bool preorder_status_find(const char *name, enum preorder_status *status_out) {
    for (int i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(name, STATUSES[i]) == 0) {
            *status_out = (enum preorder_status)i;
            return true;
        }
    }
    return false;
}

/* A text that is written piece by piece into room that is known to suffice. */
struct url {
    char *text;
    size_t length;
};

static void url_append_char(struct url *url, char c) {
    assert(url->length + 1 < PREORDER_PAYMENT_URL_BYTES);
    url->text[url->length++] = c;
    url->text[url->length] = '\0';
}

static void url_append_text(struct url *url, const char *text) {
    for (const char *rest = text; *rest != '\0'; rest++) {
        url_append_char(url, *rest);
    }
}

/* RFC 3986, section 2.3. */
static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void url_append_value(struct url *url, const char *value) {
    static const char digits[] = "0123456789ABCDEF";
    for (const char *rest = value; *rest != '\0'; rest++) {
        if (is_unreserved(*rest)) {
            url_append_char(url, *rest);
        } else {
            url_append_char(url, '%');
            url_append_char(url, digits[(unsigned char)*rest >> 4]);
            url_append_char(url, digits[(unsigned char)*rest & 0x0F]);
        }
    }
}

static void url_append_parameter(struct url *url, const char *name, const char *value) {
    char last = url->text[url->length - 1];
    if (strchr(url->text, '?') == NULL) {
        url_append_char(url, '?');
    } else if (last != '?' && last != '&') {
        url_append_char(url, '&');
    }
    url_append_text(url, name);
    url_append_char(url, '=');
    url_append_value(url, value);
}

static void write_payment_url(struct preorder *preorder, const char *payment_link) {
    struct url url = {.text = preorder->payment_url};
    url_append_text(&url, payment_link);
    url_append_parameter(&url, "client_reference_id", preorder->id.text);
    url_append_parameter(&url, "prefilled_email", preorder->email);
    url_append_parameter(&url, "locale", preorder->locale);
}

/*
 * The first 16 bits are the second of the creation, which comes round every 18 hours: numbers of the
 * same time lie together in the index, on pages that are in memory and are written together. What is
 * left to chance, 24 bits, is as sparse within a second as 40 would be over all of them.
 */
void preorder_renumber(struct preorder *preorder, const char *number_prefix,
                       const struct random *random) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    size_t prefix_chars = strlen(number_prefix);
    assert(prefix_chars <= PREORDER_NUMBER_PREFIX_CHARS_MAX);
    uint32_t bits = 0;
    random_fill(random, &bits, sizeof bits);
    uint64_t second = (uint64_t)preorder->created_at_ms / MS_PER_S;
    uint64_t number = second << NUMBER_CHANCE_BITS | (bits & ((1U << NUMBER_CHANCE_BITS) - 1));
    char *end = preorder->number;
    memcpy(end, number_prefix, prefix_chars);
    end += prefix_chars;
    *end++ = '-';
    for (int shift = (NUMBER_CHARS - 1) * NUMBER_CHAR_BITS; shift >= 0; shift -= NUMBER_CHAR_BITS) {
        *end++ = digits[number >> shift & 0x1F];
    }
    *end = '\0';
}

void preorder_complete(struct preorder_draft *draft, const char *number_prefix, int64_t now_ms,
                       const struct random *random, struct preorder *preorder_out) {
    assert(draft->fault_count == 0 && draft->product != NULL && draft->properties_json != NULL);
    const struct product *product = draft->product;
    struct preorder preorder = {
        .id = ident_make(now_ms, random),
        .amount = product->amount,
        .properties_json = draft->properties_json,
        .created_at_ms = now_ms,
    };
    draft->properties_json = NULL;
    memcpy(preorder.email, draft->email, sizeof(preorder.email));
    memcpy(preorder.price_id, product->price_id, sizeof(preorder.price_id));
    memcpy(preorder.product, product->name, sizeof(preorder.product));
    memcpy(preorder.color, product->color, sizeof(preorder.color));
    memcpy(preorder.locale, draft->locale, sizeof(preorder.locale));
    memcpy(preorder.source, draft->source, sizeof(preorder.source));
    memcpy(preorder.currency, product->currency, sizeof(preorder.currency));
    preorder_renumber(&preorder, number_prefix, random);
    write_payment_url(&preorder, product->payment_link);
    *preorder_out = preorder;
}

void preorder_release(struct preorder *preorder) {
    free(preorder->properties_json);
    preorder->properties_json = NULL;
}

static void append_member(struct buf *buf, const char *start, const char *value) {
    buf_append_text(buf, start);
    document_append_text(buf, value);
}

char *preorder_render_reply(const struct preorder *preorder, size_t *length_out) {
    char created_at[CLOCK_RFC3339_BYTES];
    struct buf buf;
    clock_format_rfc3339(preorder->created_at_ms, created_at);
    buf_init(&buf, REPLY_BYTES_MAX);
    append_member(&buf, "{\"id\":", preorder->id.text);
    append_member(&buf, ",\"number\":", preorder->number);
    append_member(&buf, ",\"status\":", preorder_status_name(PREORDER_INITIATED));
    append_member(&buf, ",\"payment_url\":", preorder->payment_url);
    append_member(&buf, ",\"created_at\":", created_at);
    buf_append_text(&buf, "}");
    return buf_take(&buf, length_out);
}
