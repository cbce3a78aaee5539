#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/domain/email.h"
#include "common/utf8.h"

struct mask {
    char *text;
    size_t room; /* bytes left, without the NUL */
};

/* Appends all of it or nothing, so that the cut is never inside a character; nothing follows a
   cut. */
static void mask_append(struct mask *mask, const char *text, size_t length) {
    if (length > mask->room) {
        mask->room = 0;
        return;
    }
    memcpy(mask->text, text, length);
    mask->text += length;
    mask->room -= length;
}

/* Bytes of other than ASCII count: what is masked too much does no harm. */
static bool is_local_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c != '\0' && strchr(".!#$%&'*+/=?^_`{|}~-", c) != NULL);
}

static size_t char_bytes(const char *text) {
    uint32_t c;
    size_t length = utf8_decode(text, strnlen(text, 4), &c);
    return length == 0 ? 1 : length;
}

static size_t count_local_chars(const char *text) {
    size_t length = 0;
    while (is_local_char(text[length])) {
        length++;
    }
    return length;
}

static void mask_append_chars(struct mask *mask, const char *text, size_t byte_count) {
    size_t length;
    for (size_t i = 0; i < byte_count; i += length) {
        length = char_bytes(text + i);
        mask_append(mask, text + i, length);
    }
}

void email_mask(const char *text, char *text_out, size_t text_out_bytes) {
    assert(text_out_bytes > 0);
    struct mask mask = {.text = text_out, .room = text_out_bytes - 1};
    while (*text != '\0' && mask.room > 0) {
        size_t run = count_local_chars(text);
        if (run > 0 && text[run] == '@') {
            mask_append(&mask, text, char_bytes(text));
            mask_append(&mask, "***", 3);
        } else if (run > 0) {
            mask_append_chars(&mask, text, run);
        } else {
            run = 1;
            mask_append(&mask, text, run);
        }
        text += run;
    }
    *mask.text = '\0';
}
