#include "api/form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

/* Without properties[…]: what may stand once. */
static const char *const MEMBERS[] = {"email",  "price_id",   "color",          "locale",
                                      "source", "properties", "idempotency_key"};
static const char *const MEMBERS_EMPTY_IF_UNTOUCHED[] = {"locale", "source"};
static const char PROPERTY_START[] = "properties[";

/* A form while it is being read. */
struct form {
    const char *body;
    json_t *document;
    char *name, *value; /* decoded, each with room for the whole body and a NUL */
};

/* A piece of the body. */
struct span {
    const char *start, *end;
};

static enum err_code out_of_memory(struct err *err) {
    return err_set(err, ERR_FATAL, "out of memory while reading a form");
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that the escape at `at` stands for; -1: it is none. */
static int unescape(const char *at, const char *end) {
    if (end - at < 3) {
        return -1;
    }
    int high = hex_value(at[1]);
    int low = hex_value(at[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_utf8(const char *bytes, size_t byte_count) {
    size_t length;
    for (size_t i = 0; i < byte_count; i += length) {
        uint32_t c;
        length = utf8_decode(bytes + i, byte_count - i, &c);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

static enum err_code decode(const struct form *form, struct span piece, char *text_out,
                            struct err *err) {
    size_t length = 0;
    size_t first = (size_t)(piece.start - form->body) + 1; /* people count from 1 */
    for (const char *at = piece.start; at < piece.end; at++) {
        int byte = (unsigned char)*at;
        size_t position = (size_t)(at - form->body) + 1;
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            byte = unescape(at, piece.end);
            at += 2;
        }
        if (byte < 0) {
            return err_set(err, ERR_INVALID,
                           "the form has a %% without two hexadecimal digits (byte %zu)", position);
        }
        if (byte == 0) {
            return err_set(err, ERR_INVALID, "the form holds a NUL (byte %zu)", position);
        }
        text_out[length++] = (char)byte;
    }
    text_out[length] = '\0';
    if (!is_utf8(text_out, length)) {
        return err_set(err, ERR_INVALID, "the form is not UTF-8 (in the text from byte %zu)",
                       first);
    }
    return ERR_OK;
}

static enum err_code set_once(json_t *object, const char *name, const char *value,
                              struct err *err) {
    if (json_object_get(object, name) != NULL) {
        return err_set(err, ERR_INVALID, "the form has a member or a property twice");
    }
    return json_object_set_new(object, name, json_string(value)) == 0 ? ERR_OK : out_of_memory(err);
}

/* `name` is what follows "properties[". */
static enum err_code set_property(struct form *form, char *name, struct err *err) {
    char *end = strchr(name, ']');
    if (end == NULL || end[1] != '\0' || memchr(name, '[', (size_t)(end - name)) != NULL) {
        return err_set(err, ERR_INVALID,
                       "a property of the form must be called properties[NAME], NAME without "
                       "brackets");
    }
    *end = '\0';
    json_t *properties = json_object_get(form->document, "properties");
    if (properties == NULL) {
        properties = json_object();
        if (json_object_set_new(form->document, "properties", properties) != 0) {
            return out_of_memory(err);
        }
    }
    if (json_typeof(properties) != JSON_OBJECT) {
        return err_set(err, ERR_INVALID, "the form has both properties and properties[NAME]");
    }
    return set_once(properties, name, form->value, err);
}

static enum err_code set(struct form *form, struct err *err) {
    if (strncmp(form->name, PROPERTY_START, sizeof PROPERTY_START - 1) == 0) {
        return set_property(form, form->name + sizeof PROPERTY_START - 1, err);
    }
    for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
        if (strcmp(form->name, MEMBERS[i]) == 0) {
            return set_once(form->document, form->name, form->value, err);
        }
    }
    return ERR_OK;
}

static enum err_code read_pair(struct form *form, struct span pair, struct err *err) {
    const char *equals = memchr(pair.start, '=', (size_t)(pair.end - pair.start));
    const char *name_end = equals != NULL ? equals : pair.end;
    const char *value_start = equals != NULL ? equals + 1 : pair.end;
    enum err_code code = decode(form, (struct span){pair.start, name_end}, form->name, err);
    if (code == ERR_OK) {
        code = decode(form, (struct span){value_start, pair.end}, form->value, err);
    }
    return code == ERR_OK ? set(form, err) : code;
}

static enum err_code read_pairs(struct form *form, size_t body_bytes, struct err *err) {
    const char *end = form->body + body_bytes;
    enum err_code code = ERR_OK;
    for (const char *at = form->body; at < end && code == ERR_OK;) {
        const char *border = memchr(at, '&', (size_t)(end - at));
        struct span pair = {at, border != NULL ? border : end};
        if (pair.start < pair.end) {
            code = read_pair(form, pair, err);
        }
        at = pair.end + 1;
    }
    return code;
}

static void drop_untouched(json_t *document) {
    size_t count = sizeof MEMBERS_EMPTY_IF_UNTOUCHED / sizeof MEMBERS_EMPTY_IF_UNTOUCHED[0];
    for (size_t i = 0; i < count; i++) {
        const char *name = MEMBERS_EMPTY_IF_UNTOUCHED[i];
        const json_t *value = json_object_get(document, name);
        if (value != NULL && json_string_length(value) == 0) {
            (void)json_object_del(document, name);
        }
    }
}

enum err_code form_parse(const char *body, size_t body_bytes, json_t **document_out,
                         struct err *err) {
    struct form form = {
        .body = body,
        .document = json_object(),
        .name = malloc(body_bytes + 1),
        .value = malloc(body_bytes + 1),
    };
    bool has_memory = form.document != NULL && form.name != NULL && form.value != NULL;
    enum err_code code = has_memory ? read_pairs(&form, body_bytes, err) : out_of_memory(err);
    if (code == ERR_OK) {
        drop_untouched(form.document);
        *document_out = json_incref(form.document);
    }
    free(form.name);
    free(form.value);
    json_decref(form.document);
    return code;
}
