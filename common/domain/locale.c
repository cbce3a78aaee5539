#include "common/domain/locale.h"

#include <string.h>
#include <strings.h>

/* The grandfathered tags that the grammar below does not cover (RFC 5646, "irregular"). */
static const char *const IRREGULAR[] = {
    "en-GB-oed", "i-ami", "i-bnn",     "i-default", "i-enochian", "i-hak",
    "i-klingon", "i-lux", "i-mingo",   "i-navajo",  "i-pwn",      "i-tao",
    "i-tay",     "i-tsu", "sgn-BE-FR", "sgn-BE-NL", "sgn-CH-DE",
};

/* What is left of a tag, and the subtag at its front. */
struct subtags {
    const char *next;
    const char *end;
    const char *text; /* the subtag in hand; length 0 when none is left */
    size_t length;
    bool is_broken; /* an empty or over-long subtag, or a foreign character */
};

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_all(const struct subtags *tag, bool (*is_kind)(char)) {
    for (size_t i = 0; i < tag->length; i++) {
        if (!is_kind(tag->text[i])) {
            return false;
        }
    }
    return true;
}

static bool is_alphanumeric(char c) {
    return is_alpha(c) || is_digit(c);
}

static void subtags_step(struct subtags *tag) {
    const char *stop;

    tag->length = 0;
    if (tag->next == NULL) {
        return;
    }
    stop = memchr(tag->next, '-', (size_t)(tag->end - tag->next));
    tag->text = tag->next;
    tag->length = (size_t)((stop == NULL ? tag->end : stop) - tag->text);
    tag->next = stop == NULL ? NULL : stop + 1;
    if (tag->length == 0 || tag->length > 8 || !is_all(tag, is_alphanumeric)) {
        tag->is_broken = true;
        tag->next = NULL;
        tag->length = 0;
    }
}

static bool is_alphas(const struct subtags *tag, size_t length) {
    return tag->length == length && is_all(tag, is_alpha);
}

static bool is_region(const struct subtags *tag) {
    return is_alphas(tag, 2) || (tag->length == 3 && is_all(tag, is_digit));
}

static bool is_variant(const struct subtags *tag) {
    return tag->length >= 5 || (tag->length == 4 && is_digit(tag->text[0]));
}

static bool is_singleton(const struct subtags *tag) {
    return tag->length == 1 && tag->text[0] != 'x' && tag->text[0] != 'X';
}

/* The part before the first singleton. False if the tag does not start with a language. */
static bool read_langtag(struct subtags *tag) {
    bool may_extend = tag->length == 2 || tag->length == 3;

    if (tag->length < 2 || !is_all(tag, is_alpha)) {
        return false;
    }
    subtags_step(tag);
    for (int i = 0; may_extend && i < 3 && is_alphas(tag, 3); i++) {
        subtags_step(tag);
    }
    if (is_alphas(tag, 4)) {
        subtags_step(tag);
    }
    if (is_region(tag)) {
        subtags_step(tag);
    }
    while (is_variant(tag)) {
        subtags_step(tag);
    }
    return true;
}

/* The subtags after a singleton or an x: at least one, each of `length_min` or more characters. */
static bool read_extension(struct subtags *tag, size_t length_min) {
    subtags_step(tag);
    if (tag->length < length_min) {
        return false;
    }
    while (tag->length > 0 && tag->length >= length_min) {
        subtags_step(tag);
    }
    return true;
}

static bool is_irregular(const char *text, size_t length) {
    for (size_t i = 0; i < sizeof(IRREGULAR) / sizeof(IRREGULAR[0]); i++) {
        if (strlen(IRREGULAR[i]) == length && strncasecmp(IRREGULAR[i], text, length) == 0) {
            return true;
        }
    }
    return false;
}

bool locale_is_well_formed(const char *text, size_t length) {
    struct subtags tag = {.next = text, .end = text + length};
    bool is_private;

    if (length > LOCALE_CHARS_MAX) {
        return false;
    }
    if (is_irregular(text, length)) {
        return true;
    }
    subtags_step(&tag);
    is_private = tag.length == 1 && !is_singleton(&tag);
    if (!is_private && !read_langtag(&tag)) {
        return false;
    }
    while (is_singleton(&tag)) {
        if (!read_extension(&tag, 2)) {
            return false;
        }
    }
    if (tag.length == 1 && !read_extension(&tag, 1)) {
        return false;
    }
    return tag.length == 0 && !tag.is_broken;
}
