#include "worker/retry_after.h"

#include <stddef.h>
#include <string.h>

#include "common/clock.h"

enum { HOURS_A_DAY = 24, MINUTES_AN_HOUR = 60, SECONDS_A_MINUTE = 60 };

struct date {
    int64_t year;
    int month, day, hour, minute, second; /* month 1..12 */
};

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                             "Thursday", "Friday", "Saturday"};

/* Each take_ function moves *at past what it read, or returns false. */

static bool take_text(const char **at, const char *expected) {
    size_t length = strlen(expected);
    if (strncmp(*at, expected, length) != 0) {
        return false;
    }
    *at += length;
    return true;
}

/* Index of the name that stands here, -1 if none does. */
static int take_name(const char **at, const char *const *names, int name_count) {
    for (int i = 0; i < name_count; i++) {
        if (take_text(at, names[i])) {
            return i;
        }
    }
    return -1;
}

static bool take_digits(const char **at, int digit_count, int *value_out) {
    int value = 0;
    for (int i = 0; i < digit_count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += digit_count;
    *value_out = value;
    return true;
}

static bool take_month(const char **at, int *month_out) {
    int index = take_name(at, month_names, 12);
    *month_out = index + 1;
    return index >= 0;
}

static bool take_time(const char **at, struct date *date) {
    return take_digits(at, 2, &date->hour) && take_text(at, ":") &&
           take_digits(at, 2, &date->minute) && take_text(at, ":") &&
           take_digits(at, 2, &date->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_imf_date(const char *text, struct date *date) {
    int year = 0;
    if (take_name(&text, day_names, 7) < 0 || !take_text(&text, ", ") ||
        !take_digits(&text, 2, &date->day) || !take_text(&text, " ") ||
        !take_month(&text, &date->month) || !take_text(&text, " ") ||
        !take_digits(&text, 4, &year) || !take_text(&text, " ") || !take_time(&text, date) ||
        !take_text(&text, " GMT")) {
        return false;
    }
    date->year = year;
    return *text == '\0';
}

/* Years since 0 of now_ms, near enough to choose a century with. */
static int64_t year_of(int64_t now_ms) {
    const int64_t ms_a_year = INT64_C(31556952) * MS_PER_S;
    return 1970 + now_ms / ms_a_year;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": a year that looks more than 50 years ahead lies in the past. */
static bool read_rfc850_date(const char *text, int64_t now_ms, struct date *date) {
    int year = 0;
    if (take_name(&text, long_day_names, 7) < 0 || !take_text(&text, ", ") ||
        !take_digits(&text, 2, &date->day) || !take_text(&text, "-") ||
        !take_month(&text, &date->month) || !take_text(&text, "-") ||
        !take_digits(&text, 2, &year) || !take_text(&text, " ") || !take_time(&text, date) ||
        !take_text(&text, " GMT")) {
        return false;
    }
    int64_t year_now = year_of(now_ms);
    date->year = year_now - year_now % 100 + year;
    if (date->year > year_now + 50) {
        date->year -= 100;
    } else if (date->year <= year_now - 50) {
        date->year += 100;
    }
    return *text == '\0';
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime_date(const char *text, struct date *date) {
    int year = 0;
    if (take_name(&text, day_names, 7) < 0 || !take_text(&text, " ") ||
        !take_month(&text, &date->month) || !take_text(&text, " ")) {
        return false;
    }
    int day_digits = take_text(&text, " ") ? 1 : 2;
    if (!take_digits(&text, day_digits, &date->day) || !take_text(&text, " ") ||
        !take_time(&text, date) || !take_text(&text, " ") || !take_digits(&text, 4, &year)) {
        return false;
    }
    date->year = year;
    return *text == '\0';
}

static bool date_is_possible(const struct date *date) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    int days = month_days[date->month - 1] + (date->month == 2 && is_leap ? 1 : 0);
    return date->year >= 1601 && date->day >= 1 && date->day <= days && date->hour < HOURS_A_DAY &&
           date->minute < MINUTES_AN_HOUR && date->second <= SECONDS_A_MINUTE; /* leap second */
}

/* Days from 1970-01-01 to the date, in the Gregorian calendar; years are counted from March, so that
   the leap day is a year's last. */
static int64_t days_since_epoch(const struct date *date) {
    int64_t year = date->month > 2 ? date->year : date->year - 1;
    int64_t month = (date->month + 9) % 12; /* March is 0 */
    int64_t leap_days = year / 4 - year / 100 + year / 400;
    int64_t days_before_month = (153 * month + 2) / 5;
    const int64_t days_to_epoch = 719469; /* from 0000-03-01 to 1970-01-01, plus 1 for day 1 */
    return year * 365 + leap_days + days_before_month + date->day - days_to_epoch;
}

static int64_t date_at_ms(const struct date *date) {
    int64_t hours = days_since_epoch(date) * HOURS_A_DAY + date->hour;
    int64_t seconds = (hours * MINUTES_AN_HOUR + date->minute) * SECONDS_A_MINUTE + date->second;
    return seconds * MS_PER_S;
}

static bool read_seconds(const char *text, int64_t *wait_ms_out) {
    const int64_t wait_ms_max = INT64_MAX / 2;
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    int64_t seconds = 0;
    for (; *text != '\0' && seconds <= wait_ms_max / MS_PER_S; text++) {
        seconds = seconds * 10 + (*text - '0');
    }
    *wait_ms_out = seconds > wait_ms_max / MS_PER_S ? wait_ms_max : seconds * MS_PER_S;
    return true;
}

bool retry_after_parse(const char *text, int64_t now_ms, int64_t *wait_ms_out) {
    if (read_seconds(text, wait_ms_out)) {
        return true;
    }
    struct date date = {0};
    bool is_date = read_imf_date(text, &date) || read_rfc850_date(text, now_ms, &date) ||
                   read_asctime_date(text, &date);
    if (!is_date || !date_is_possible(&date)) {
        return false;
    }
    int64_t at_ms = date_at_ms(&date);
    *wait_ms_out = at_ms > now_ms ? at_ms - now_ms : 0;
    return true;
}
