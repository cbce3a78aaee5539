#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"

struct unit {
    const char *name;
    int64_t ms;
};

static const struct unit units[] = {
    {"d", INT64_C(24) * 60 * 60 * MS_PER_S},
    {"h", INT64_C(60) * 60 * MS_PER_S},
    {"m", INT64_C(60) * MS_PER_S},
    {"s", MS_PER_S},
    {"ms", 1},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* Reads digits and leaves *rest_out behind them. False: there are none, or too many. */
static bool read_digits(const char *text, uint64_t limit, uint64_t *value_out,
                        const char **rest_out) {
    uint64_t value = 0;
    const char *next = text;
    while (isdigit((unsigned char)*next)) {
        uint64_t digit = (uint64_t)(*next - '0');
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
        next++;
    }
    *value_out = value;
    *rest_out = next;
    return next != text;
}

enum err_code config_parse_integer(const char *text, int64_t *value_out, struct err *err) {
    bool is_negative = text[0] == '-';
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t magnitude = 0;
    const char *rest = NULL;
    if (!read_digits(text + is_negative, limit, &magnitude, &rest) || *rest != '\0') {
        return err_set(err, ERR_INVALID, "\"%s\" is no whole number", text);
    }
    if (!is_negative) {
        *value_out = (int64_t)magnitude;
    } else {
        *value_out = magnitude > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)magnitude;
    }
    return ERR_OK;
}

static const struct unit *find_unit(const char *name) {
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

enum err_code config_parse_duration_ms(const char *text, int64_t *ms_out, struct err *err) {
    if (strcmp(text, "0") == 0) {
        *ms_out = 0;
        return ERR_OK;
    }
    uint64_t count = 0;
    const char *rest = NULL;
    const struct unit *unit = NULL;
    if (read_digits(text, (uint64_t)INT64_MAX, &count, &rest)) {
        unit = find_unit(rest);
    }
    if (unit == NULL || count > (uint64_t)(INT64_MAX / unit->ms)) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no duration: write it like 250ms, 2s, 5m, 1h or 3d", text);
    }
    *ms_out = (int64_t)count * unit->ms;
    return ERR_OK;
}

void config_format_duration(int64_t ms, char text[CONFIG_DURATION_BYTES]) {
    assert(ms >= 0);
    size_t i = 0;
    while (ms % units[i].ms != 0) {
        i++; /* ends at 1 ms */
    }
    int length = ms == 0 ? snprintf(text, CONFIG_DURATION_BYTES, "0")
                         : snprintf(text, CONFIG_DURATION_BYTES, "%" PRId64 "%s", ms / units[i].ms,
                                    units[i].name);
    assert(length > 0 && length < CONFIG_DURATION_BYTES);
}
