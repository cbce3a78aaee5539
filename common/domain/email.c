#include "common/domain/email.h"

#include <idn2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
    LABEL_CHARS_MAX = 63, /* RFC 1035 */
    /* No address within the limit is longer than this in UTF-8, whatever its domain maps to, unless
       it is stuffed with characters that mapping drops. Bounds the work that libidn2 is given. */
    INPUT_BYTES_MAX = 1024,
};

static const char TOO_LONG[] = "must have at most 99 characters, with its domain in ASCII form";

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_ascii(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static bool is_local_char(char c) {
    static const char others[] = ".!#$%&'*+/=?^_`{|}~-";
    return is_alphanumeric(c) || memchr(others, c, sizeof others - 1) != NULL;
}

static enum err_code check_local(const char *local, size_t length, struct err *err) {
    if (length == 0) {
        return err_set(err, ERR_INVALID, "must have something before the @");
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_local_char(local[i])) {
            return err_set(err, ERR_INVALID,
                           "has a character before the @ that an e-mail address may not have: "
                           "only ASCII letters, digits and .!#$%%&'*+/=?^_`{|}~- can stand there");
        }
    }
    return ERR_OK;
}

static enum err_code check_label(const char *label, size_t length, struct err *err) {
    if (length == 0) {
        return err_set(err, ERR_INVALID, "has an empty part in its domain");
    }
    if (length > LABEL_CHARS_MAX) {
        return err_set(err, ERR_INVALID, "has a part in its domain of more than %d characters",
                       LABEL_CHARS_MAX);
    }
    if (label[0] == '-' || label[length - 1] == '-') {
        return err_set(err, ERR_INVALID, "has a hyphen at the edge of a part of its domain");
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(label[i]) && label[i] != '-') {
            return err_set(err, ERR_INVALID,
                           "has a character in its domain that a domain may not have");
        }
    }
    return ERR_OK;
}

/* How many bytes the dot at the front of `text`, which is not empty, takes; 0 if it is none. Besides "." those that
   IDNA takes for one (UTS 46, section 2.3): U+3002, U+FF0E, U+FF61. */
static size_t dot_bytes(const char *text, size_t length) {
    static const char dots[][4] = {"\xE3\x80\x82", "\xEF\xBC\x8E", "\xEF\xBD\xA1"};
    if (text[0] == '.') {
        return 1;
    }
    for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++) {
        if (length >= 3 && memcmp(text, dots[i], 3) == 0) {
            return 3;
        }
    }
    return 0;
}

static bool needs_idna(const char *label, size_t length) {
    return !is_ascii(label, length) || (length >= 4 && strncasecmp(label, "xn--", 4) == 0);
}

/* Turns a label into its ASCII form, allocated by libidn2. */
static enum err_code label_to_ascii(const char *label, size_t length, uint8_t **ascii_out,
                                    struct err *err) {
    uint8_t text[INPUT_BYTES_MAX + 1];
    memcpy(text, label, length);
    text[length] = '\0';
    int result = idn2_lookup_u8(text, ascii_out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (result == IDN2_MALLOC) {
        return err_set(err, ERR_FATAL, "out of memory while reading an e-mail address");
    }
    if (result != IDN2_OK) {
        return err_set(err, ERR_INVALID, "has a domain that IDNA 2008 does not allow: %s",
                       idn2_strerror(result));
    }
    return ERR_OK;
}

/* The address so far, in its final form. */
struct address {
    char text[EMAIL_BYTES];
    size_t length;
};

static enum err_code address_append(struct address *address, const char *text, size_t length,
                                    struct err *err) {
    if (length > EMAIL_CHARS_MAX - address->length) {
        return err_set(err, ERR_INVALID, "%s", TOO_LONG);
    }
    memcpy(address->text + address->length, text, length);
    address->length += length;
    address->text[address->length] = '\0';
    return ERR_OK;
}

static enum err_code append_checked_label(struct address *address, const char *label, size_t length,
                                          struct err *err) {
    enum err_code code = check_label(label, length, err);
    size_t start = address->length;
    if (code == ERR_OK) {
        code = address_append(address, label, length, err);
    }
    for (size_t i = start; i < address->length; i++) {
        if (address->text[i] >= 'A' && address->text[i] <= 'Z') {
            address->text[i] = (char)(address->text[i] - 'A' + 'a');
        }
    }
    return code;
}

static enum err_code append_label(struct address *address, const char *label, size_t length,
                                  struct err *err) {
    if (!needs_idna(label, length)) {
        return append_checked_label(address, label, length, err);
    }
    uint8_t *ascii = NULL;
    enum err_code code = label_to_ascii(label, length, &ascii, err);
    if (code == ERR_OK) {
        const char *text = (const char *)ascii;
        code = append_checked_label(address, text, strlen(text), err);
    }
    idn2_free(ascii);
    return code;
}

/* Label by label: IDNA judges only those that are international, so that the others keep WHATWG's
   freedom ("--" in third place). */
static enum err_code append_domain(struct address *address, const char *domain, size_t length,
                                   struct err *err) {
    const char *label = domain;
    const char *end = domain + length;
    for (;;) {
        const char *stop = label;
        while (stop < end && dot_bytes(stop, (size_t)(end - stop)) == 0) {
            stop++;
        }
        enum err_code code = append_label(address, label, (size_t)(stop - label), err);
        if (code != ERR_OK || stop == end) {
            return code;
        }
        code = address_append(address, ".", 1, err);
        if (code != ERR_OK) {
            return code;
        }
        label = stop + dot_bytes(stop, (size_t)(end - stop));
    }
}

enum err_code email_normalize(const char *text, size_t length, char email_out[EMAIL_BYTES],
                              struct err *err) {
    struct address address = {0};
    if (length > INPUT_BYTES_MAX) {
        return err_set(err, ERR_INVALID, "%s", TOO_LONG);
    }
    if (memchr(text, '\0', length) != NULL) {
        return err_set(err, ERR_INVALID, "must not hold a NUL");
    }
    const char *at = memchr(text, '@', length);
    if (at == NULL) {
        return err_set(err, ERR_INVALID, "must be an e-mail address, with an @ in it");
    }
    size_t local_length = (size_t)(at - text);
    enum err_code code = check_local(text, local_length, err);
    if (code == ERR_OK) {
        code = address_append(&address, text, local_length + 1, err);
    }
    if (code == ERR_OK) {
        code = append_domain(&address, at + 1, length - local_length - 1, err);
    }
    if (code == ERR_OK) {
        memcpy(email_out, address.text, address.length + 1);
    }
    return code;
}
