#include "sandbox/instant.h"

#include <stddef.h>

enum { SECONDS_PER_MINUTE = 60, SECONDS_PER_HOUR = 3600, SECONDS_PER_DAY = 86400 };

struct civil {
    int year, month, day, hour, minute, second;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Reads exactly `digit_count` digits and moves on. */
static bool read_digits(const char **at, int digit_count, int *value_out) {
    int value = 0;
    for (int i = 0; i < digit_count; i++, (*at)++) {
        if (!is_digit(**at)) {
            return false;
        }
        value = value * 10 + (**at - '0');
    }
    *value_out = value;
    return true;
}

static bool read_byte(const char **at, char upper, char lower) {
    if (**at != upper && **at != lower) {
        return false;
    }
    (*at)++;
    return true;
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

static int64_t days_since_1970(int year, int month, int day) {
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    for (int m = 1; m < month; m++) {
        days += days_in_month(year, m);
    }
    return days + day - 1;
}

static bool read_civil(const char **at, struct civil *civil) {
    return read_digits(at, 4, &civil->year) && read_byte(at, '-', '-') &&
           read_digits(at, 2, &civil->month) && read_byte(at, '-', '-') &&
           read_digits(at, 2, &civil->day) && read_byte(at, 'T', 't') &&
           read_digits(at, 2, &civil->hour) && read_byte(at, ':', ':') &&
           read_digits(at, 2, &civil->minute) && read_byte(at, ':', ':') &&
           read_digits(at, 2, &civil->second);
}

static bool is_real(const struct civil *civil) {
    return civil->year >= 1 && civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 60;
}

static bool skip_fraction(const char **at) {
    if (**at != '.') {
        return true;
    }
    (*at)++;
    if (!is_digit(**at)) {
        return false;
    }
    while (is_digit(**at)) {
        (*at)++;
    }
    return true;
}

static bool read_offset(const char **at, int64_t *offset_s_out) {
    if (read_byte(at, 'Z', 'z')) {
        *offset_s_out = 0;
        return true;
    }
    int sign = **at == '-' ? -1 : 1;
    int hours, minutes;
    if (!read_byte(at, '+', '-') || !read_digits(at, 2, &hours) || !read_byte(at, ':', ':') ||
        !read_digits(at, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_s_out =
        sign * ((int64_t)hours * SECONDS_PER_HOUR + (int64_t)minutes * SECONDS_PER_MINUTE);
    return true;
}

bool instant_parse(const char *text, int64_t *second_out) {
    const char *at = text;
    struct civil civil = {0};
    int64_t offset_s = 0;
    if (!read_civil(&at, &civil) || !is_real(&civil) || !skip_fraction(&at) ||
        !read_offset(&at, &offset_s) || *at != '\0') {
        return false;
    }
    *second_out = days_since_1970(civil.year, civil.month, civil.day) * SECONDS_PER_DAY +
                  (int64_t)civil.hour * SECONDS_PER_HOUR +
                  (int64_t)civil.minute * SECONDS_PER_MINUTE + civil.second - offset_s;
    return true;
}
