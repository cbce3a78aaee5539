#pragma once
/*
 * Errors: a code for the program, a sentence for a person.
 *
 * Codes are named by what the caller will do next, not by what went wrong. The text is complete
 * enough to be printed as it is: the cause first, then what to do about it. `struct err` belongs to
 * the caller and allocates nothing, so reporting an error cannot fail.
 *
 * Functions that can fail return `enum err_code` and take `struct err *err` last, never NULL. On
 * failure they leave their outputs untouched unless they say otherwise. Library code returns
 * errors; only the end of a request, the end of an attempt and `main` log them.
 */
#include <stdarg.h>

#define CHECKED __attribute__((warn_unused_result))

enum err_code {
    ERR_OK = 0,
    ERR_INVALID, /* the input is wrong: repeating it cannot help (HTTP 400/422, exit 2)          */
    ERR_NOT_FOUND, /* no such thing (HTTP 404)                                                      */
    ERR_CONFLICT, /* what is there forbids it: other content, wrong state, wrong schema version    */
    ERR_BUSY,    /* nothing happened, try again later: gate not won in time, disk full (HTTP 503) */
    ERR_UNKNOWN, /* may or may not have happened: ask again with the same key (HTTP 503)          */
    ERR_FATAL,   /* this process can't go on: answer 503, exit 1 and let the supervisor restart   */
};

enum { ERR_TEXT_BYTES = 512 };

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES]; /* NUL-terminated, one line, cut with "..." when too long */
};

/* Fills `err` and returns `code`, so that `return err_set(err, ERR_BUSY, "...")` works. */
enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno value `number` appended. */
enum err_code err_set_errno(struct err *err, enum err_code code, int number, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the text that is there and returns the code that is there. */
enum err_code err_wrap(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The code's name in lower case ("busy"), for logs and --json. Never NULL. */
const char *err_name(enum err_code code);
