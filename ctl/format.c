#include "ctl/format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/domain/currency.h"
#include "common/utf8.h"

void format_duration(int64_t duration_ms, char text[FORMAT_DURATION_BYTES]) {
    static const struct {
        int64_t unit_ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    if (duration_ms < 0) {
        duration_ms = 0;
    }
    size_t unit = 0;
    /* Two units' worth before the larger one: "90 min" says more than "1 h". */
    while (units[unit].unit_ms > 1 && duration_ms < 2 * units[unit].unit_ms) {
        unit++;
    }
    int64_t count = duration_ms / units[unit].unit_ms;
    const char *plural = unit == 0 ? "s" : "";
    (void)snprintf(text, FORMAT_DURATION_BYTES, "%" PRId64 " %s%s", count, units[unit].name,
                   plural);
}

void format_distance(int64_t at_ms, int64_t now_ms, char text[FORMAT_DURATION_BYTES]) {
    char duration[FORMAT_DURATION_BYTES];
    int64_t distance_ms = at_ms - now_ms;
    if (distance_ms > -MS_PER_S && distance_ms < MS_PER_S) {
        (void)snprintf(text, FORMAT_DURATION_BYTES, "now");
        return;
    }
    bool is_past = distance_ms < 0;
    int64_t seconds = (is_past ? -distance_ms : distance_ms) / MS_PER_S;
    if (seconds == 1) { /* a duration would say it in ms */
        (void)snprintf(duration, sizeof duration, "1 s");
    } else {
        format_duration(seconds * MS_PER_S, duration);
    }
    (void)snprintf(text, FORMAT_DURATION_BYTES, "%s%.20s%s", is_past ? "" : "in ", duration,
                   is_past ? " ago" : "");
}

void format_time(int64_t at_ms, char text[FORMAT_TIME_BYTES]) {
    time_t seconds = (time_t)(at_ms / MS_PER_S);
    struct tm local;
    const struct tm *done = localtime_r(&seconds, &local);
    assert(done != NULL); /* a year has nine digits at most */
    size_t length = strftime(text, FORMAT_TIME_BYTES, "%Y-%m-%d %H:%M:%S", done);
    assert(length > 0);
}

void format_when(int64_t at_ms, int64_t now_ms, char text[FORMAT_WHEN_BYTES]) {
    char time[FORMAT_TIME_BYTES];
    char distance[FORMAT_DURATION_BYTES];
    format_time(at_ms, time);
    format_distance(at_ms, now_ms, distance);
    (void)snprintf(text, FORMAT_WHEN_BYTES, "%s (%s)", time, distance);
}

void format_amount(int64_t amount, const char *currency, char text[FORMAT_AMOUNT_BYTES]) {
    if (currency_exponent(currency) < 0) {
        (void)snprintf(text, FORMAT_AMOUNT_BYTES, "%" PRId64 " minor units of %s", amount,
                       currency);
        return;
    }
    char major[CURRENCY_AMOUNT_BYTES];
    currency_format_major(amount, currency, major);
    (void)snprintf(text, FORMAT_AMOUNT_BYTES, "%s %s", major, currency);
}

void format_size(int64_t byte_count, char text[FORMAT_SIZE_BYTES]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (byte_count < 1024) {
        (void)snprintf(text, FORMAT_SIZE_BYTES, "%" PRId64 " bytes", byte_count);
        return;
    }
    size_t unit = 0;
    double size = (double)byte_count / 1024.0;
    while (size >= 1024.0 && unit + 1 < sizeof units / sizeof units[0]) {
        size /= 1024.0;
        unit++;
    }
    (void)snprintf(text, FORMAT_SIZE_BYTES, "%.1f %s", size, units[unit]);
}

bool format_steers_terminal(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x2028 ||
           code_point == 0x2029 || code_point == 0x061C || code_point == 0x200E ||
           code_point == 0x200F || (code_point >= 0x202A && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

void format_safe(const char *text, size_t text_bytes, char *safe_out, size_t safe_out_bytes) {
    size_t length = 0;
    size_t i = 0;
    while (i < text_bytes) {
        uint32_t code_point = 0;
        size_t character_bytes = utf8_decode(text + i, text_bytes - i, &code_point);
        bool is_replaced = character_bytes == 0 || format_steers_terminal(code_point);
        size_t added_bytes = is_replaced ? 1 : character_bytes;
        if (length + added_bytes >= safe_out_bytes) {
            break;
        }
        if (is_replaced) {
            safe_out[length] = character_bytes == 0 ? '?' : ' ';
        } else {
            memcpy(safe_out + length, text + i, character_bytes);
        }
        length += added_bytes;
        i += character_bytes == 0 ? 1 : character_bytes;
    }
    safe_out[length] = '\0';
}
