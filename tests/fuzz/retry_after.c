/*
 * Retry-After: never a wait below zero or above its bound, and a date means the moment that it names.
 *
 * The first eight bytes of the input are the time, the rest is the header.
 */
#include "worker/retry_after.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

static const int64_t YEAR_MS = INT64_C(31556952) * MS_PER_S;

/* A leap second after that has no date of four digits. */
static const int64_t LAST_MS = INT64_C(253402300799000); /* 9999-12-31T23:59:59Z */

/* A time from the year 1601 to the year 9999, where all three forms of a date can name it. */
static int64_t read_now(const uint8_t bytes[8]) {
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return (int64_t)(number % (uint64_t)(8000 * YEAR_MS)) - 369 * YEAR_MS;
}

/* Written as a date by the C library, the moment is understood as the same. */
static void check_date(int64_t at_ms, int64_t now_ms) {
    time_t at_s = (time_t)(at_ms / MS_PER_S);
    struct tm parts;
    char text[96];
    int64_t wait_ms = -1;
    assert(gmtime_r(&at_s, &parts) != NULL);
    assert(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    assert(retry_after_parse(text, now_ms, &wait_ms) && wait_ms == at_ms - now_ms);
    assert(strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts) > 0);
    assert(retry_after_parse(text, now_ms, &wait_ms) && wait_ms == at_ms - now_ms);
    char days[32], time_of_day[16];
    assert(strftime(days, sizeof days, "%A, %d-%b-", &parts) > 0);
    assert(strftime(time_of_day, sizeof time_of_day, "%H:%M:%S GMT", &parts) > 0);
    (void)snprintf(text, sizeof text, "%s%02d %s", days, (parts.tm_year + 1900) % 100, time_of_day);
    /* Two digits name a year of fifty to come. */
    if (at_ms - now_ms < 48 * YEAR_MS) {
        assert(retry_after_parse(text, now_ms, &wait_ms) && wait_ms == at_ms - now_ms);
    }
}

static void check_seconds(const char *text, int64_t wait_ms) {
    char *end = NULL;
    uint64_t seconds = strtoull(text, &end, 10);
    assert(*end == '\0');
    if (seconds <= (uint64_t)(INT64_MAX / 2 / MS_PER_S)) {
        assert(wait_ms == (int64_t)seconds * MS_PER_S);
    } else {
        assert(wait_ms == INT64_MAX / 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count < 8) {
        return 0;
    }
    int64_t now_ms = read_now(bytes);
    int64_t wait_ms = -1;
    char *text = lines_text(bytes + 8, byte_count - 8);
    if (retry_after_parse(text, now_ms, &wait_ms)) {
        assert(wait_ms >= 0 && wait_ms <= INT64_MAX / 2);
        if (text[0] >= '0' && text[0] <= '9') {
            check_seconds(text, wait_ms);
        } else if (wait_ms > 0 && now_ms + wait_ms <= LAST_MS) {
            check_date(now_ms + wait_ms, now_ms);
        }
    }
    free(text);
    return 0;
}
