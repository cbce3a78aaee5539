#include "common/quota.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"

enum { DIGITS_MAX = 7 };

enum err_code quota_parse(const char *text, struct quota *quota_out, struct err *err) {
    if (strcmp(text, "off") == 0) {
        *quota_out = (struct quota){0};
        return ERR_OK;
    }
    char number[DIGITS_MAX + 1] = "";
    struct quota quota = {0};
    size_t length = strspn(text, "0123456789");
    if (length >= 1 && length <= DIGITS_MAX) {
        (void)snprintf(number, sizeof number, "%.*s", (int)length, text);
        enum err_code code = config_parse_integer(number, &quota.requests, err);
        assert(code == ERR_OK); /* so few digits are a number */
    }
    quota.window_s = strcmp(text + length, "/s") == 0   ? 1
                     : strcmp(text + length, "/m") == 0 ? 60
                                                        : 0;
    if (quota.requests < 1 || quota.requests > QUOTA_REQUESTS_MAX || quota.window_s == 0) {
        return err_set(err, ERR_INVALID,
                       "\"%.100s\" is no limit: write off, or a number from 1 to %d with /s or /m, "
                       "such as 100/m",
                       text, QUOTA_REQUESTS_MAX);
    }
    *quota_out = quota;
    return ERR_OK;
}
