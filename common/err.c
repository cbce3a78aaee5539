#include "common/err.h"

#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

/* How many of the first `byte_count` bytes, at least 4, can stay without leaving half a UTF-8
   character. */
static size_t whole_characters(const char *text, size_t byte_count) {
    size_t start = byte_count;
    while (byte_count - start < 4 && ((unsigned char)text[start] & 0xC0) == 0x80) {
        start--;
    }
    return start;
}

/* Takes over what was formatted into `text`: keeps it one line and marks a cut. */
static void err_take(struct err *err, const char *text, size_t length) {
    size_t kept = length;
    if (length >= sizeof err->text) {
        kept = whole_characters(text, sizeof err->text - sizeof ellipsis);
    }
    for (size_t i = 0; i < kept; i++) {
        unsigned char byte = (unsigned char)text[i];
        err->text[i] = (char)(byte < 0x20 || byte == 0x7F ? ' ' : byte);
    }
    err->text[kept] = '\0';
    if (kept < length) {
        memcpy(err->text + kept, ellipsis, sizeof ellipsis);
    }
}

/* Twice the size: room for a prefix and for the text that it is put before. The text is formatted
   here first because an argument may be the err's own text. */
enum { SCRATCH_BYTES = 2 * ERR_TEXT_BYTES };

/* How much of it vsnprintf, which says how much it wanted to write, has written. */
static size_t length_of(char scratch[SCRATCH_BYTES], int wanted) {
    if (wanted < 0) {
        scratch[0] = '\0';
        return 0;
    }
    return wanted < SCRATCH_BYTES ? (size_t)wanted : SCRATCH_BYTES - 1;
}

static size_t append_into(char scratch[SCRATCH_BYTES], size_t length, const char *text) {
    size_t room = SCRATCH_BYTES - 1 - length;
    size_t added = strnlen(text, room);
    memcpy(scratch + length, text, added);
    scratch[length + added] = '\0';
    return length + added;
}

enum err_code err_set(struct err *err, enum err_code code, const char *format, ...) {
    char scratch[SCRATCH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(scratch, sizeof scratch, format, arguments);
    va_end(arguments);
    size_t length = length_of(scratch, wanted);
    err_take(err, scratch, length);
    err->code = code;
    return code;
}

enum err_code err_set_errno(struct err *err, enum err_code code, int number, const char *format,
                            ...) {
    char scratch[SCRATCH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(scratch, sizeof scratch, format, arguments);
    va_end(arguments);
    size_t length = length_of(scratch, wanted);
    const char *reason = strerrordesc_np(number);
    length = append_into(scratch, length, ": ");
    length = append_into(scratch, length, reason != NULL ? reason : "unknown error");
    err_take(err, scratch, length);
    err->code = code;
    return code;
}

enum err_code err_wrap(struct err *err, const char *format, ...) {
    char scratch[SCRATCH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(scratch, sizeof scratch, format, arguments);
    va_end(arguments);
    size_t length = length_of(scratch, wanted);
    length = append_into(scratch, length, ": ");
    length = append_into(scratch, length, err->text);
    err_take(err, scratch, length);
    return err->code;
}

const char *err_name(enum err_code code) {
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_BUSY:
        return "busy";
    case ERR_UNKNOWN:
        return "unknown";
    case ERR_FATAL:
        return "fatal";
    }
    return "unknown_code";
}
