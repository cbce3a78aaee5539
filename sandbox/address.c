#include "sandbox/address.h"

#include <stddef.h>
#include <string.h>

enum {
    EMAIL_CHARACTERS_MAX = 99,
    LABEL_BYTES_MAX = 63,
    PHONE_DIGITS_MIN = 7,
    PHONE_DIGITS_MAX = 15
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_local_part(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) &&
            (text[i] == '\0' || strchr(".!#$%&'*+/=?^_`{|}~-", text[i]) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

static bool is_label(const char *text, size_t length) {
    if (length == 0 || length > LABEL_BYTES_MAX || text[0] == '-' || text[length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_domain(const char *text) {
    const char *label = text;
    size_t length = strcspn(label, ".");
    while (is_label(label, length) && label[length] == '.') {
        label += length + 1;
        length = strcspn(label, ".");
    }
    return is_label(label, length);
}

bool address_is_email(const char *text) {
    const char *at = strrchr(text, '@');
    return at != NULL && strlen(text) <= EMAIL_CHARACTERS_MAX &&
           is_local_part(text, (size_t)(at - text)) && is_domain(at + 1);
}

bool address_is_phone(const char *text) {
    if (text[0] != '+' || text[1] == '0') {
        return false;
    }
    size_t digit_count = 0;
    while (is_digit(text[1 + digit_count])) {
        digit_count++;
    }
    return text[1 + digit_count] == '\0' && digit_count >= PHONE_DIGITS_MIN &&
           digit_count <= PHONE_DIGITS_MAX;
}
